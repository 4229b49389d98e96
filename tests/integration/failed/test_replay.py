"""Failed records of every carrier, mended and landed once, whatever happens on the way."""

import hashlib
import io
import json
import shutil
from collections import Counter
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from ingestion.contracts import load_contract
from ingestion.contracts.avro import avro_schema
from ingestion.errors import AdxError, ExitCode
from ingestion.failed import decisions, discard, outcomes, parse_rules, replay
from ingestion.failed.rules import Rules
from ingestion.failpoints import DiedError, failing
from ingestion.lake import BatchClaim, Lake
from ingestion.lake.duckdb import connect
from ingestion.landing import (
    KeyStore,
    LandingContext,
    land_avro_file,
    land_csv_file,
    land_jsonl_file,
)
from ingestion.settings import Settings
from orchestration.cli.main import app
from orchestration.warehouse import failed, reconcile
from tests.integration.landings import land_messages

ACTIONS = "user_events.events"
EPOCH = 1774688400  # 2026-03-28T09:00:00Z
LANDERS = {"csv": land_csv_file, "jsonl": land_jsonl_file, "avro": land_avro_file}


TABLES = (ACTIONS, "adserver.clicks", "adserver.impressions", "exchange.wins", "fx.rates")


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Where the lake of a test lies, and the copy of the empty one that each begins with."""
    folder = tmp_path_factory.mktemp("replay")
    return folder / "home", folder / "empty"


@pytest.fixture
def settings(homes: tuple[Path, Path], contract_folders: Any) -> Settings:
    """A lake of one table a carrier."""
    contract_folders.use(contract_folders.first(*TABLES))
    home, empty = homes
    settings = Settings(home=home)
    if empty.exists():
        shutil.rmtree(home)
        shutil.copytree(empty, home)
    else:
        Lake.open(settings).ensure_tables()
        shutil.copytree(home, empty)
    return settings


def action(name: str, timestamp: object = "2026-03-28T09:00:00Z", **more: object) -> bytes:
    return json.dumps({"timestamp": timestamp, "event_name": name, **more}).encode()


def land_actions(settings: Settings, *values: bytes | None) -> None:
    land_messages(settings, "user-events", {0: [(value, None) for value in values]})


def land_file(settings: Settings, table: str, name: str, content: bytes) -> None:
    """Land a file as its source does, without the drop folder and dlt."""
    lake, contract = Lake.open(settings), load_contract(*table.split("."))
    path = settings.home / name
    path.write_bytes(content)
    context = LandingContext(contract, 0, datetime.now(UTC), KeyStore(settings.keys))
    rows = pa.concat_tables(LANDERS[contract.carrier](context, path, name)).combine_chunks()
    digest = hashlib.sha256(content).hexdigest()
    lake.commit_rows(contract, rows, BatchClaim(contract.name, digest, files={digest: name}))


def rules(*fixes: dict[str, Any], table: str = ACTIONS, **more: object) -> Rules:
    return parse_rules({"rules": [{"table": table, "fixes": list(fixes), **more}]})


SECONDS = {"cast": {"field": "timestamp", "to": "ts", "unit": "s"}}


def rows_of(settings: Settings, table: str, columns: str) -> list[tuple[Any, ...]]:
    contract = load_contract(*table.split("."))
    lake = Lake.open(settings)
    relation = lake.duckdb_relation_sql(contract, lake.head(contract).metadata_location)
    with connect(settings) as connection:
        return connection.execute(
            f"select {columns} from ({relation}) order by all nulls last"
        ).fetchall()


def states(settings: Settings) -> Counter[str]:
    found = Counter(dict.fromkeys(failed.STATES, 0))
    for group in failed.groups(settings):
        found.update({state: group[state] for state in failed.STATES})
        assert group["count"] == sum(group[state] for state in failed.STATES)
    return found


def reconciled(settings: Settings) -> list[str]:
    """What the checks of positions, files and failed rows find wrong."""
    lake = Lake.open(settings)
    decided = outcomes(lake)
    with connect(settings) as connection:
        checks = [
            *reconcile._positions(lake, connection, decided),
            *reconcile._landed_files(lake, connection, decided),
            *reconcile._failed(lake, connection, decided),
        ]
    assert len(checks) >= len(TABLES)
    return [str(check.failure) for check in checks if check.failure is not None]


def test_records_that_pass_now_land_once_under_their_positions(settings):
    land_actions(settings, action("a"), action("b", EPOCH), action("c", [1]), b"nope", None)
    assert states(settings) == {"open": 4, "replayed": 0, "discarded": 0}

    tally = replay(settings, rules(SECONDS))
    assert (tally.matched, tally.replayed, tally.commits) == (4, 1, 1)
    assert tally.failed_again == {"schema": 1, "parse": 2}
    place = "_kafka_offset, _ingest_seq, event_name, event_date::varchar, _error.reason"
    assert rows_of(settings, ACTIONS, place) == [
        (0, 1, "a", "2026-03-28", None),
        (1, 1, None, None, "schema"),
        (1, 2, "b", "2026-03-28", None),
        (2, 1, None, None, "schema"),
        (3, 1, None, None, "parse"),
        (4, 1, None, None, "parse"),
    ]
    assert states(settings) == {"open": 3, "replayed": 1, "discarded": 0}
    assert reconciled(settings) == []

    # The topic goes on where it was.
    land_actions(settings, action("d"))
    assert rows_of(settings, ACTIONS, "max(_kafka_offset), max(_ingest_seq)") == [(5, 3)]
    assert reconciled(settings) == []


def test_a_second_run_changes_nothing_and_other_rules_try_again(settings):
    land_actions(settings, action("a", EPOCH), action("b", [1]))
    replay(settings, rules(SECONDS))
    head = Lake.open(settings).head(load_contract("user_events", "events"))
    again = replay(settings, rules(SECONDS))
    assert (again.matched, again.unchanged, again.commits) == (0, 1, 0)
    assert Lake.open(settings).head(load_contract("user_events", "events")) == head

    other = rules({"drop": {"field": "timestamp"}})
    assert replay(settings, other).failed_again == {"schema": 1}
    (row,) = [one for one in outcomes(Lake.open(settings))[ACTIONS].values() if one["attempt"] == 2]
    assert (row["outcome"], row["field"], row["failed_seq"]) == ("failed_again", "timestamp", 1)
    assert row["rules_sha256"] == other.sha256
    assert row["position"].endswith("/0/1")

    last = rules(
        {"drop": {"field": "timestamp"}}, {"default": {"field": "timestamp", "value": "x"}}
    )
    assert replay(settings, last).failed_again == {"contract": 1}
    _, shown = failed.records(settings, table=None, reason=None, limit=9)
    assert (shown["state"], shown["attempts"]) == ("open", 3)
    assert reconciled(settings) == []


def test_a_dry_run_says_the_same_and_writes_nothing(settings):
    land_actions(settings, action("a", EPOCH), action("b", [1]))
    lake = Lake.open(settings)
    before = lake.heads(), lake.ops_location("failed_outcomes")
    dry = replay(settings, rules(SECONDS), dry_run=True)
    assert (lake.heads(), lake.ops_location("failed_outcomes")) == before
    assert states(settings) == {"open": 2, "replayed": 0, "discarded": 0}
    real = replay(settings, rules(SECONDS))
    assert dry.records == real.records
    assert (dry.commits, real.commits) == (0, 1)


def test_only_chosen_records_are_tried(settings):
    land_actions(settings, action("a", EPOCH), b"nope")
    assert replay(settings, rules(SECONDS), reason="parse").failed_again == {"parse": 1}
    assert replay(settings, rules(SECONDS), table="adserver").matched == 0
    assert replay(settings, rules(SECONDS), table="user_events", reason="schema").replayed == 1


def test_a_csv_line_is_mended_by_its_fields(settings):
    header = ",".join(field.name for field in load_contract("adserver", "clicks").fields)
    lines = [
        "c1,2026-03-28T10:00:00Z,i1,u1,203.0.113.9,agent/1,",
        '"c2,""x""",1774692000,i2,u2,203.0.113.9,"agent,\n2",',
        "c3,2026-03-28T10:00:00Z,i3,u3,,agent/1,",
        "c4,2026-03-28T10:00:00Z,i4",
    ]
    land_file(settings, "adserver.clicks", "clicks.csv", "\n".join([header, *lines, ""]).encode())
    known = rules(
        {"cast": {"field": "event_ts", "to": "ts", "unit": "s"}},
        {"default": {"field": "ip", "value": "192.0.2.1"}},
        table="adserver.clicks",
    )
    tally = replay(settings, known)
    assert (tally.replayed, tally.failed_again) == (2, {"parse": 1})
    columns = "_source_line, click_id, event_ts::varchar, user_agent, ip_prefix, _error.reason"
    assert rows_of(settings, "adserver.clicks", columns) == [
        (2, "c1", "2026-03-28 10:00:00+00", "agent/1", "203.0.113.0/24", None),
        (3, 'c2,"x"', "2026-03-28 10:00:00+00", "agent,\n2", "203.0.113.0/24", None),
        (3, None, None, None, None, "contract"),
        (5, "c3", "2026-03-28 10:00:00+00", "agent/1", "192.0.2.0/24", None),
        (5, None, None, None, None, "schema"),
        (6, None, None, None, None, "parse"),
    ]
    assert reconciled(settings) == []


def test_records_of_json_lines_and_avro_are_mended(settings):
    impression = {
        "event_id": "01890a5d-ac96-774b-bcce-000000000001",
        "event_ts": "2026-03-28T10:00:00Z",
        "impression_id": "i1",
        "line_item_id": "l1",
        "creative_id": "k1",
        "placement_id": "p1",
        "ip": "203.0.113.9",
        "ua": "agent/1",
        "device_type": "mobile",
        "ad_format": "display",
        "channel": "display",
        "consent": {"gdpr_applies": False, "personal": True},
    }
    lines = json.dumps(impression).encode() + b"\n"
    land_file(settings, "adserver.impressions", "impressions.jsonl", lines)
    wins = io.BytesIO()
    win = {"bid_id": "w1", "clearing_price_micros": 1, "currency": "", "win_ts": EPOCH * 1_000_000}
    fastavro.writer(wins, avro_schema(load_contract("exchange", "wins")), [win], "deflate")
    land_file(settings, "exchange.wins", "wins.avro", wins.getvalue())
    known = parse_rules(
        {
            "rules": [
                {
                    "table": "adserver.impressions",
                    "fixes": [{"rename": {"from": "ua", "to": "user_agent"}}],
                },
                {
                    "table": "exchange.wins",
                    "field": "currency",
                    "fixes": [
                        {"drop": {"field": "currency"}},
                        {"default": {"field": "currency", "value": "EUR"}},
                    ],
                },
            ]
        }
    )
    assert replay(settings, known).replayed == 2
    assert rows_of(
        settings, "exchange.wins", "bid_id, currency, win_ts::varchar, _source_line"
    ) == [
        ("w1", "EUR", "2026-03-28 09:00:00+00", 1),
        (None, None, None, 1),
    ]
    assert rows_of(settings, "adserver.impressions", "user_agent, _source_line") == [
        ("agent/1", 1),
        (None, 1),
    ]
    assert reconciled(settings) == []


def test_a_record_that_a_newer_contract_allows_lands_without_a_fix(tmp_path, contract_folders):
    before = contract_folders.first("adserver.clicks")
    button = {"type": ["string", "null"], "description": "Button that was clicked."}
    after = contract_folders.newer(
        before, "adserver.clicks", lambda node: node["properties"].update(button=button)
    )
    settings = Settings(home=tmp_path / "home")
    contract_folders.use(before)
    Lake.open(settings).ensure_tables()
    header = ",".join(field.name for field in load_contract("adserver", "clicks").fields)
    line = "c1,2026-03-28T10:00:00Z,i1,u1,203.0.113.9,agent/1,,left"
    land_file(settings, "adserver.clicks", "clicks.csv", f"{header}\n{line}\n".encode())
    with pytest.raises(AdxError, match=r"a version of adserver\.clicks that is there"):
        rules(table="adserver.clicks", contract=2)

    contract_folders.use(after)
    Lake.open(settings).upgrade()
    assert replay(settings, rules(table="adserver.clicks", contract=2)).replayed == 1
    columns = "click_id, button, _contract_version, _error.reason"
    assert rows_of(settings, "adserver.clicks", columns) == [
        ("c1", "left", 2, None),
        (None, None, 1, "parse"),
    ]
    assert states(settings) == {"open": 0, "replayed": 1, "discarded": 0}


def test_what_polled_sources_sent_is_mended_there(settings):
    known = rules({"drop": {"field": "x"}}, table="fx.rates")
    with pytest.raises(AdxError, match=r"fx\.rates are not replayed") as caught:
        replay(settings, known)
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_payload_whose_key_was_dropped_stays_open_and_can_be_discarded(settings):
    land_actions(settings, action("a", EPOCH))
    for key in settings.keys.glob("*-*-*.key"):
        key.unlink()
    tally = replay(settings, rules(SECONDS))
    assert (tally.matched, tally.erased, tally.commits) == (1, 1, 0)
    assert discard(settings, "erased on request", table=ACTIONS).discarded == 1
    assert states(settings) == {"open": 0, "replayed": 0, "discarded": 1}


def test_discarding_needs_a_reason_and_is_recorded_for_good(settings):
    land_actions(settings, action("a", EPOCH), action("b", [1]), b"nope")
    with pytest.raises(AdxError, match="needs a reason"):
        discard(settings, " ", table=ACTIONS)
    with pytest.raises(AdxError, match="Nothing says which"):
        discard(settings, "of no use")
    with pytest.raises(AdxError, match="No open failed record has the id 0000"):
        discard(settings, "of no use", ids=["0000"])
    (record,) = failed.records(settings, table=None, reason="parse", limit=9)
    with pytest.raises(AdxError, match="No open failed record has the id 0000"):
        discard(settings, "of no use", ids=["0000", record["id"]])
    assert states(settings)["discarded"] == 0
    tally = failed.discard_failed(settings, "of no use", ids=[record["id"]])
    assert tally.discarded == 1
    shown = failed.show(settings, record["id"])
    assert (shown["state"], shown["last_message"], shown["payload"]) == (
        "discarded",
        "of no use",
        "nope",
    )
    with pytest.raises(AdxError, match="No open failed record"):
        discard(settings, "again", ids=[record["id"]])
    assert replay(settings, rules(SECONDS, {"drop": {"field": "x"}})).matched == 2
    assert states(settings) == {"open": 1, "replayed": 1, "discarded": 1}
    (by_source,) = failed.groups(settings, by="source")
    assert [by_source[state] for state in failed.STATES] == [1, 1, 1]
    assert rows_of(settings, ACTIONS, "count(*)") == [(4,)]
    assert reconciled(settings) == []
    kinds = Lake.open(settings).read_ops("run_ledger").column("kind").to_pylist()
    assert kinds == ["discard"]


POINTS = [
    ("lake.before_rename", 1),
    ("lake.before_swap", 1),
    ("lake.after_swap", 1),
    ("failed.before_outcomes", 1),
    ("lake.before_swap", 2),
    ("lake.after_swap", 2),
    ("failed.before_outcomes", 2),
    ("lake.after_swap", 4),
]


def test_a_replay_killed_anywhere_ends_as_one_that_was_not(settings, monkeypatch):
    """Two commits of the raw table a run, each followed by one of the outcomes."""
    monkeypatch.setattr(decisions, "_RECORDS", 2)
    for number, (point, passes) in enumerate(POINTS, start=1):
        name = f"e{number}"
        land_actions(settings, action(name, EPOCH), action(name, [1]), action(name, EPOCH))
        with failing(point, "die", at=passes), pytest.raises(DiedError):
            replay(settings, rules(SECONDS))
        assert reconciled(settings) == [], (point, passes)
        assert states(settings).total() == 3 * number
        replay(settings, rules(SECONDS))
        assert states(settings) == {"open": number, "replayed": 2 * number, "discarded": 0}
        assert reconciled(settings) == [], (point, passes)
        good = [row for row in rows_of(settings, ACTIONS, "event_name, _kafka_offset") if row[0]]
        assert len(good) == len(set(good)) == 2 * number
    decided = outcomes(Lake.open(settings))[ACTIONS]
    assert Counter(row["attempt"] for row in decided.values()) == {1: 3 * len(POINTS)}
    assert Lake.open(settings).read_ops("failed_outcomes").num_rows == 3 * len(POINTS)


def test_two_replays_at_once_land_each_record_once(settings, monkeypatch):
    land_actions(settings, action("a", EPOCH), action("b", EPOCH))
    lake = Lake.open(settings)
    with (
        lake.writer_lock(load_contract("user_events", "events")),
        pytest.raises(AdxError) as caught,
    ):
        replay(settings, rules(SECONDS))
    assert caught.value.exit_code is ExitCode.BUSY

    # Without the lock, which is a courtesy.
    monkeypatch.setattr(Lake, "writer_lock", lambda *_: nullcontext())
    commit, others = Lake.commit_rows, []

    def overtaken(lake: Lake, *arguments: Any) -> Any:
        if not others:
            others.append(True)
            others.append(replay(settings, rules(SECONDS)).replayed)
        return commit(lake, *arguments)

    monkeypatch.setattr(Lake, "commit_rows", overtaken)
    assert replay(settings, rules(SECONDS)).replayed == 0
    assert others == [True, 2]
    assert rows_of(settings, ACTIONS, "count(event_name), count(distinct _kafka_offset)") == [
        (2, 2)
    ]
    assert states(settings) == {"open": 0, "replayed": 2, "discarded": 0}


def test_a_stream_that_lands_meanwhile_does_not_disturb_a_replay(settings, monkeypatch):
    land_actions(settings, action("a", EPOCH))
    commit, landed = Lake.commit_rows, []

    def overtaken(lake: Lake, *arguments: Any) -> Any:
        if not landed:
            landed.append(True)
            land_actions(settings, action("b"))
        return commit(lake, *arguments)

    monkeypatch.setattr(Lake, "commit_rows", overtaken)
    assert replay(settings, rules(SECONDS)).replayed == 1
    assert rows_of(settings, ACTIONS, "event_name, _kafka_offset, _ingest_seq") == [
        ("a", 0, 3),
        ("b", 1, 2),
        (None, 0, 1),
    ]
    assert reconciled(settings) == []


def test_a_replayed_row_that_is_lost_or_doubled_is_found(settings):
    land_actions(settings, action("a", EPOCH), action("b", [1]))
    replay(settings, rules(SECONDS))
    lake = Lake.open(settings)
    decided = outcomes(lake)
    (done,) = [row for row in decided[ACTIONS].values() if row["outcome"] == "replayed"]
    (again,) = [row for row in decided[ACTIONS].values() if row["outcome"] != "replayed"]
    with connect(settings) as connection:
        for wrong, words in (
            ({**again, "outcome": "replayed", "ingest_seq": 2}, "1 row"),
            ({**done, "failed_id": "0" * 16}, "a failed row"),
        ):
            known = {**decided, ACTIONS: {**decided[ACTIONS], wrong["failed_id"]: wrong}}
            (found,) = [
                check.failure
                for check in reconcile._failed(lake, connection, known)
                if check.failure is not None
            ]
            assert words in str(found)


def test_the_commands_of_a_person_and_of_a_script(settings, tmp_path):
    """From the list of what failed to its end, without anything having been built."""
    land_actions(settings, action("a", EPOCH), action("b", [1]), b"nope")
    file = tmp_path / "rules.yml"
    file.write_text(
        "rules:\n- table: user_events.events\n  reason: schema\n  fixes:\n"
        "  - cast: {field: timestamp, to: ts, unit: s}\n"
    )

    def adx(*arguments: str, code: int = 0) -> str:
        environment = {"ADX_HOME": str(settings.home), "COLUMNS": "160"}
        result = CliRunner().invoke(app, ["failed", *arguments], env=environment)
        assert result.exit_code == code, (result.output, result.exception)
        return result.stdout

    def document(*arguments: str) -> Any:
        return json.loads(adx(*arguments, "--json"))

    assert "3 failed records, 3 of them open" in adx("list", "--limit", "9")
    assert "Would be replayed" in adx("replay", "--fix", str(file), "--dry-run")
    done = document("replay", "--fix", str(file))
    assert (done["replayed"], done["failed_again"]) == (1, {"schema": 1})
    assert "tried before" in adx("replay", "--fix", str(file))
    newest = document("list", "--limit", "9")["records"]
    assert [record["state"] for record in newest] == ["replayed", "open", "open"]
    shown = document("show", newest[1]["id"])
    assert shown["payload"] == action("b", [1]).decode()
    assert (shown["attempts"], shown["last_outcome"]) == (1, "failed_again")
    assert shown == document("show", ACTIONS, newest[1]["position"])
    adx("discard", "--table", ACTIONS, code=2)
    assert "1" in adx("discard", newest[1]["id"], "--reason", "no time in it")
    discarded = document("discard", "--failed-for", "parse", "--reason", "no JSON")
    assert discarded["discarded"] == 1
    for by in ("reason", "table", "source", "date"):
        groups = document("list", "--by", by)["groups"]
        counts = [sum(group[name] for group in groups) for name in ("count", *failed.STATES)]
        assert counts == [3, 0, 1, 2]
    kinds = Lake.open(settings).read_ops("run_ledger").column("kind").to_pylist()
    assert sorted(kinds) == ["discard", "discard", "replay"]
