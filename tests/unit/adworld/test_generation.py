import hashlib
from collections import Counter
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from ingestion.adworld import files as adserver
from ingestion.adworld import traffic, wire
from ingestion.adworld.config import WorldConfig
from ingestion.adworld.exchange import files as exchange
from ingestion.adworld.export import export_messages
from ingestion.adworld.hostile import hostile_cases
from ingestion.adworld.key.delivery import Delivery
from ingestion.adworld.key.events import ClickClass
from ingestion.adworld.ledger import LedgerPart, open_ledger
from ingestion.adworld.market import TABLES, market_of, polls
from ingestion.adworld.program import TOPICS, hour_of, messages_of
from ingestion.contracts import load_contract


def _forget() -> None:
    for cached in (
        traffic.batch_of,
        traffic.people_of,
        wire.texts_of,
        market_of,
    ):
        cached.cache_clear()


def test_the_same_seed_makes_the_same_bytes(
    played: Any, play_world: Callable[[Path], Any], tmp_path: Path
) -> None:
    _forget()
    again = play_world(tmp_path)
    for first, second in zip(played.days, again.days, strict=True):
        assert first.messages == second.messages
        assert first.files == second.files
        assert first.rows == second.rows
        assert first.key == second.key


def test_another_seed_makes_other_bytes(config: WorldConfig) -> None:
    other = WorldConfig(config.seed + 1, config.scale, config.days, config.start)
    assert _digest(hour_of(config, 1, 12)) != _digest(hour_of(other, 1, 12))


def _digest(hour: Any) -> str:
    digest = hashlib.sha256()
    for topic in TOPICS:
        for message in hour.messages(topic):
            digest.update(repr(message).encode())
    return digest.hexdigest()


def test_an_hour_needs_no_hour_before_it(config: WorldConfig) -> None:
    in_order = {hour: _digest(hour_of(config, 2, hour)) for hour in range(24)}
    for hour in reversed(range(24)):
        _forget()
        assert _digest(hour_of(config, 2, hour)) == in_order[hour]


def test_exported_messages_are_the_messages(config: WorldConfig, tmp_path: Path) -> None:
    small = WorldConfig(config.seed, 600, 1, config.start)
    exported = [
        (row["topic"], row["partition"], row["key"], row["value"])
        for path in export_messages(small, 1, tmp_path)
        for row in pq.read_table(path).to_pylist()
    ]
    assert exported == [message[:4] for message in messages_of(small, 1)]


def test_a_world_is_about_as_large_as_its_scale_and_half_of_it_is_auctions() -> None:
    config = WorldConfig(3, 30_000, 3, date(2026, 3, 28))
    messages = sum(1 for day in (1, 2, 3) for _ in messages_of(config, day))
    ledger = LedgerPart()
    for day in (1, 2, 3):
        for _ in (*adserver.files_of(config, day, ledger), *exchange.files_of(config, day, ledger)):
            pass
    kinds = Counter({kind: len(ledger.kind(kind)["number"]) for kind in ledger.rows})
    auctions = sum(kinds[kind] for kind in ("Requests", "Bids", "Wins", "Notices"))
    assert 0.9 * config.scale < messages + kinds.total() < 1.15 * config.scale
    assert 0.5 * config.scale < auctions < 0.65 * config.scale


def test_every_hostile_case_is_planted_in_a_world(played: Any) -> None:
    final = played.days[-1]
    values = {message[3] for parts in final.messages.values() for part in parts for message in part}
    for table in ("ad_events.events", "user_events.events"):
        for position, case in enumerate(hostile_cases(table)):
            assert case.build(position) in values, case.name


def test_the_key_counts_every_hostile_record_in_its_class(played: Any) -> None:
    key = {(one.metric, one.dims): int(one.value) for one in _balances(played)}
    declared = Counter(
        (case.table, case.reason) for case in hostile_cases() if "events" in case.table
    )
    for (table, reason), count in declared.items():
        dims = f'{{"reason": "{reason}", "source_table": "{table}"}}'
        assert key["failed", dims] == count


def _balances(played: Any) -> list[Any]:
    return [one for one in played.days[-1].key if "source_table" in one.grain]


def test_the_balance_adds_up(played: Any) -> None:
    by_table: dict[str, Counter[str]] = {}
    for one in _balances(played):
        if one.grain == "source_table":
            by_table.setdefault(one.dims, Counter())[one.metric] = int(one.value)
    assert len(by_table) >= 17
    for figures in by_table.values():
        assert figures["loaded"] == (
            figures["distinct"] + figures["duplicates"] + figures["id_conflicts"]
        )
    sent = sum(len(part) for parts in played.days[-1].messages.values() for part in parts)
    streams = [
        by_table[f'{{"source_table": "{table}.events"}}'] for table in ("ad_events", "user_events")
    ]
    assert sent == sum(figures["loaded"] + figures["failed"] for figures in streams)


def test_every_planted_defect_shows_in_the_key(played: Any) -> None:
    metrics = {(one.metric, one.dims) for one in played.days[-1].key}
    for table in ("ad_events.events", "user_events.events", "adserver.impressions"):
        dims = f'{{"source_table": "{table}"}}'
        assert {("duplicates", dims), ("id_conflicts", dims), ("drift", dims)} <= metrics
    files = '{"source_table": "adserver.impressions"}'
    for metric in ("files_failed", "files_repeated", "files_superseded"):
        assert (metric, files) in metrics
    assert ("files_failed", '{"source_table": "adserver.clicks"}') in metrics
    assert ("orphan_clicks", "{}") in metrics
    assert ("dimension_deleted", '{"dimension": "campaigns"}') in metrics


def test_the_key_has_enough_pairs_at_the_scale_of_tests(played: Any) -> None:
    pairs = {
        (one.metric, one.grain, one.dims if one.grain == "source_table" else "")
        for one in played.days[-1].key
    }
    assert len({(metric, grain) for metric, grain, _ in pairs}) >= 150
    assert len(pairs) >= 200


def test_later_days_change_the_classes_of_earlier_clicks(played: Any) -> None:
    def classes(day: int) -> dict[int, str]:
        ledger = open_ledger(
            played.settings.world / "ledger", played.config, day, list(range(1, day + 1))
        )
        delivery = Delivery(ledger)
        return {
            number: ClickClass(code).name
            for number, code in zip(
                delivery.clicks["number"].tolist(), delivery.classes.tolist(), strict=True
            )
        }

    first, second = classes(1), classes(2)
    changes = {(first[number], second[number]) for number in first}
    # An impression came after its click; a click came between two others.
    assert ("ORPHAN", "NET") in changes
    assert ("NET", "REPEAT") in changes


def test_every_day_brings_events_of_earlier_days(played: Any) -> None:
    def before(day: int) -> str:
        key = {(one.metric, one.grain, one.dims): one.value for one in played.days[day].key}
        return key["gross_impressions", "event_date", '{"event_date": "2026-03-28"}']

    assert len({before(0), before(1)}) == 2


def test_changes_of_a_later_day_have_later_timestamps(config: WorldConfig) -> None:
    newest: dict[str, str] = {}
    for day in range(1, config.days + 1):
        of_day = [row for row in polls(config, config.days) if row.day == day and row.row]
        for table in TABLES:
            moments = [row.row["updated_at"] for row in of_day if row.row and row.table == table]
            if moments:
                assert min(moments) > newest.get(table, "")
                newest[table] = max(moments)


def test_rows_of_the_database_have_the_columns_of_their_contracts(config: WorldConfig) -> None:
    for polled in polls(config, config.days):
        if polled.row is not None:
            names = {field.name for field in load_contract("campaigns", polled.table).fields}
            assert set(polled.row) == names


def test_no_name_is_dropped_twice_on_a_day(config: WorldConfig) -> None:
    for day in range(1, config.days + 1):
        names = [*adserver.names_of(config, day), *exchange.names_of(config, day)]
        assert len(names) == len(set(names))


def test_files_with_the_same_content_are_planted_ones(played: Any) -> None:
    contents = Counter(
        hashlib.sha256(content).hexdigest() for day in played.days for content in day.files.values()
    )
    repeated = sum(count - 1 for count in contents.values())
    counted = sum(int(one.value) for one in played.days[-1].key if one.metric == "files_repeated")
    assert repeated == counted


def test_files_of_hours_with_hardly_a_row_are_not_the_same() -> None:
    config = WorldConfig(seed=1, scale=75_000, days=25, start=date(2026, 3, 28))
    files = dict(adserver.files_of(config, 23, LedgerPart()))
    clicks = [content for name, content in files.items() if "/clicks-" in name]
    assert len(clicks) == len(set(clicks)) > 1


def test_keys_of_one_id_stay_in_one_partition(played: Any) -> None:
    partitions: dict[tuple[str, bytes], set[int]] = {}
    for topic, parts in played.days[-1].messages.items():
        for partition, messages in enumerate(parts):
            for message in messages:
                if not message[2].startswith(b"hostile-"):
                    partitions.setdefault((topic, message[2]), set()).add(partition)
    assert len(partitions) > 100
    assert all(len(places) == 1 for places in partitions.values())


def test_conflicting_timestamps_are_at_most_a_day_apart(played: Any) -> None:
    ledger = played.settings.world / "ledger"
    parts = [np.load(ledger / f"day-{day}-stream.npz") for day in (1, 2, 3)]
    for kind in ("Impressions", "Clicks", "Actions"):
        number = np.concatenate([part[f"{kind}.number"] for part in parts])
        dates = np.concatenate([part[f"{kind}.ts"] for part in parts]) // 86_400_000_000
        order = np.lexsort((dates, number))
        same = number[order][1:] == number[order][:-1]
        gaps = (dates[order][1:] - dates[order][:-1])[same]
        assert len(gaps)
        assert gaps.max() == 1
