"""The key against a second reading of the definitions: plain loops over the bytes that were sent.

Nothing of the key's code is used here. The bytes are parsed, the rows of the database are polled,
and every figure is counted event by event with dicts, Decimal and Fraction. It holds for the
generated world and for the worked example, whose key was written by hand.
"""

import csv
import gzip
import io
import json
import math
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import fastavro
import pytest

from ingestion.adworld.exchange.hostile import hostile_records
from ingestion.adworld.fx import shown
from ingestion.adworld.hostile import hostile_cases
from ingestion.contracts import load_contract
from ingestion.settings import PROJECT_ROOT
from tests.unit.adworld.paths_from_bytes import attribution_figures, path_of, touches_of

Figures = dict[tuple[str, str], str]
Amounts = dict[str, dict[tuple[str, str, str], Fraction]]
Counts = dict[str, dict[tuple[str, str], Fraction]]
STREAM_TABLES = ("ad_events.events", "user_events.events")
DIMENSIONS = {
    "advertisers": "advertiser_id",
    "campaigns": "campaign_id",
    "line_items": "line_item_id",
    "creatives": "creative_id",
    "publishers": "publisher_id",
    "sites": "site_id",
    "placements": "placement_id",
}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _text(value: Fraction) -> str:
    whole = value * 10**9
    assert whole.denominator == 1
    sign, digits = ("-" if whole < 0 else ""), f"{abs(int(whole)):010d}"
    return (sign + digits[:-9] + "." + digits[-9:]).rstrip("0").rstrip(".")


def _round(value: Fraction) -> Fraction:
    scaled = abs(value) * 10**9
    whole = int(scaled)
    if scaled - whole >= Fraction(1, 2):
        whole += 1
    return Fraction(whole if value > 0 else -whole, 10**9)


@dataclass
class Reading:
    """Everything that was delivered up to now, in load order."""

    streams: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    files: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    seen_files: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    names: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    versions: dict[str, dict[str, list[dict[str, Any]]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    present: dict[str, dict[tuple[Any, ...], tuple[Any, ...]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    rates: dict[tuple[str, str], dict[str, Fraction]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    rate_rows: set[str] = field(default_factory=set)


def _hostile_lines() -> dict[str, dict[bytes, str]]:
    """The record of every hostile case that can be in a file, and its class."""
    lines: dict[str, dict[bytes, str]] = defaultdict(dict)
    for table in {case.table for case in hostile_cases()}:
        for position, case in enumerate(hostile_cases(table)):
            for turn in range(2):
                record = case.build(turn * 1_000 + position)
                if record is not None:
                    lines[table][record] = case.reason
    return lines


HOSTILE = _hostile_lines()

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
TIMES = {"bid_requests": "received_ts", "bids": "bid_ts", "wins": "win_ts"} | {
    "billing_notices": "billed_ts"
}


def _hostile_auctions() -> dict[str, dict[str, str]]:
    """The text of every hostile record of an Avro file, and its class."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for table in TIMES:
        for position, case in enumerate(hostile_records(f"exchange.{table}")):
            for turn in range(2):
                record = case.build(turn * 1_000 + position)
                found[f"exchange.{table}"][json.dumps(record, sort_keys=True)] = case.reason
    return found


HOSTILE_AUCTIONS = _hostile_auctions()


def _read_messages(reading: Reading, parts: dict[str, list[list[Any]]]) -> None:
    reading.streams.clear()
    for key in [key for key in reading.counts if key[0] in STREAM_TABLES]:
        del reading.counts[key]
    for topic, partitions in parts.items():
        table = topic.replace("-", "_") + ".events"
        for partition, messages in enumerate(partitions):
            for offset, (_, _, key, value, headers) in enumerate(messages):
                if key.startswith(b"hostile-"):
                    reason = "parse" if value is None else HOSTILE[table][value]
                    reading.counts[table, f"failed {reason}"] += 1
                    continue
                record = json.loads(value)
                header = dict(headers or []).get("event_id")
                record["_position"] = f"{partition}/{offset}"
                record["_header"] = header.decode() if header else None
                reading.streams[table].append(record)


def _read_file(reading: Reading, place: str, content: bytes) -> None:
    source, _, name = place.partition("/")
    table = f"{source}.{name.partition('-')[0]}"
    if content in reading.seen_files[table]:
        reading.counts[table, "repeated"] += 1
        return
    if name.endswith(".avro"):
        _read_avro(reading, table, name, content)
        return
    try:
        text = gzip.decompress(content) if name.endswith(".gz") else content
    except EOFError:
        reading.counts[table, "file failed"] += 1
        return
    lines = text.removesuffix(b"\n").split(b"\n")
    fields = [field.name for field in load_contract(*table.split(".")).fields]
    if name.endswith(".csv"):
        if lines[0].decode() != ",".join(fields):
            reading.counts[table, "file failed"] += 1
            return
        lines = lines[1:]
    reading.seen_files[table].add(content)
    reading.counts[table, "file loaded"] += 1
    reading.counts[table, "superseded"] += name in reading.names[table]
    reading.names[table].add(name)
    for line in lines:
        if line in HOSTILE[table]:
            reading.counts[table, f"failed {HOSTILE[table][line]}"] += 1
        elif name.endswith(".csv"):
            values = next(csv.reader(io.StringIO(line.decode())))
            row = dict(zip(fields, values, strict=True))
            reading.files[table].append({k: v or None for k, v in row.items()})
        else:
            reading.files[table].append(json.loads(line))


def _read_avro(reading: Reading, table: str, name: str, content: bytes) -> None:
    try:
        records: list[Any] = list(fastavro.reader(io.BytesIO(content)))
    except (EOFError, zlib.error):
        records = []
    # A price that has become a text is another schema.
    if not records or isinstance(records[0].get("clearing_price_micros"), str):
        reading.counts[table, "file failed"] += 1
        return
    reading.seen_files[table].add(content)
    reading.counts[table, "file loaded"] += 1
    reading.counts[table, "superseded"] += name in reading.names[table]
    reading.names[table].add(name)
    ts = TIMES[table.partition(".")[2]]
    for record in records:
        for node, extra in ((record, "seat"), (record.get("device", {}), "language")):
            if node.get(extra) is None:
                node.pop(extra, None)
        moment = record[ts]
        plain = {**record, ts: (moment - EPOCH) // timedelta(microseconds=1)}
        reason = HOSTILE_AUCTIONS[table].get(json.dumps(plain, sort_keys=True))
        if reason:
            reading.counts[table, f"failed {reason}"] += 1
        else:
            reading.files[table].append({**record, ts: moment.isoformat()})


def _poll(reading: Reading, rows: dict[str, list[tuple[Any, ...]]]) -> None:
    for table, found in rows.items():
        if table.startswith("_"):
            continue
        contract = load_contract("campaigns", table)
        names = [field.name for field in contract.fields]
        at = [names.index(name) for name in contract.key]
        now = {tuple(row[i] for i in at): row for row in found}
        source = f"campaigns.{table}"
        for key, row in now.items():
            if reading.present[table].get(key) == row:
                continue
            if any(str(value).endswith("-bad") for value in key):
                reason = {"sites": "schema", "publishers": "schema"}.get(table, "contract")
                reading.counts[source, f"failed {reason}"] += 1
                continue
            reading.counts[source, "loaded"] += 1
            reading.versions[table][key[0]].append(dict(zip(names, row, strict=True)))
        gone = [key for key in reading.present[table] if key not in now]
        reading.counts[source, "loaded"] += len(gone)
        reading.counts[source, "deleted"] += len(gone)
        reading.present[table] = now


def _ask_rates(reading: Reading, config: Any, day: int) -> None:
    for rate in shown(config, day):
        line = json.dumps(rate.document)
        if line in reading.rate_rows:
            continue
        reading.rate_rows.add(line)
        if rate.bad:
            reading.counts["fx.rates", f"failed {rate.bad}"] += 1
            continue
        reading.counts["fx.rates", "loaded"] += 1
        document = rate.document
        reading.rates[document["base"], document["quote"]][document["rate_date"]] = Fraction(
            document["rate"]
        )


def _distinct(
    rows: list[dict[str, Any]], key: Any, ts: str = "event_ts"
) -> tuple[dict[Any, dict[str, Any]], int, int]:
    """First row of every key; duplicates; conflicts."""
    first: dict[Any, dict[str, Any]] = {}
    duplicates = conflicts = 0
    for row in rows:
        known = first.setdefault(key(row), row)
        if known is row:
            continue
        if _moment(known[ts]) == _moment(row[ts]):
            duplicates += 1
        else:
            conflicts += 1
    return first, duplicates, conflicts


class Count:
    """Collects figures: metric, dimensions, value."""

    def __init__(self) -> None:
        self.sums: dict[tuple[str, str], Fraction] = defaultdict(Fraction)

    def add(self, metric: str, value: Fraction | int = 1, **dims: Any) -> None:
        if None in dims.values():
            return
        texts = {name: str(value) for name, value in sorted(dims.items())}
        self.sums[metric, json.dumps(texts)] += value

    def figures(self) -> Figures:
        return {place: _text(value) for place, value in self.sums.items() if value}


def _flat(rows: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [{"event_ts": row["event_ts"], **row[kind]} for row in rows if row["event_type"] == kind]


def _version(versions: list[dict[str, Any]], moment: datetime) -> dict[str, Any]:
    ordered = sorted(versions, key=lambda row: row["updated_at"])
    effective = [row for row in ordered if _moment(row["updated_at"]) <= moment]
    return effective[-1] if effective else ordered[0]


def _rate(reading: Reading, base: str, quote: str, day: str) -> Fraction | None:
    known = [d for d in reading.rates[base, quote] if d <= day]
    return reading.rates[base, quote][max(known)] if known else None


def _in_euro(reading: Reading, amount: Fraction, currency: str, day: str) -> Fraction:
    def step(value: Fraction, source: str, target: str) -> Fraction | None:
        direct, inverse = _rate(reading, source, target, day), _rate(reading, target, source, day)
        if direct is not None:
            return _round(value * direct)
        return None if inverse is None else _round(value / inverse)

    if currency == "EUR":
        return amount
    once = step(amount, currency, "EUR")
    if once is not None:
        return once
    dollars = step(amount, currency, "USD")
    assert dollars is not None
    twice = step(dollars, "USD", "EUR")
    assert twice is not None
    return twice


def _figures(reading: Reading) -> Figures:
    count = Count()
    _balance(reading, count)
    ad_rows = reading.streams["ad_events.events"]
    impressions = {
        **_distinct(reading.files["adserver.impressions"], lambda row: row["impression_id"])[0],
        **_distinct(_flat(ad_rows, "impression"), lambda row: row["impression_id"])[0],
    }
    clicks = {
        **_distinct(reading.files["adserver.clicks"], lambda row: row["click_id"])[0],
        **_distinct(_flat(ad_rows, "click"), lambda row: row["click_id"])[0],
    }
    wins, notices = _by_bid(reading, "wins"), _by_bid(reading, "billing_notices")
    billed: Amounts = {
        name: defaultdict(Fraction) for name in ("media", "CPM", "CPC", "CPA", "value")
    }
    counted: Counts = {
        name: defaultdict(Fraction) for name in ("impressions", "clicks", "conversions")
    }
    _judge(reading, impressions, clicks)
    for row in impressions.values():
        moment = _moment(row["event_ts"])
        validity = "invalid_impressions" if row["reasons"] else "net_impressions"
        for metric in ("gross_impressions", validity):
            _delivery(reading, count, metric, row, moment)
            if metric != "invalid_impressions":
                _audience(reading, count, metric, (_id_of(row), moment, row["line_item_id"]))
        if row["reasons"]:
            _reasons(reading, count, "impressions", row, moment, reasons=row["reasons"])
        item = row["line_item_id"]
        day = _advertiser_date(reading, item, moment)
        if row["bid_id"] in notices and row["bid_id"] in wins:
            win = wins[row["bid_id"]]
            amount = Fraction(win["clearing_price_micros"], 10**9)
            billed["media"][item, day, win["currency"]] += amount
        if not row["reasons"]:
            counted["impressions"][item, day] += 1
            _bill(reading, billed, "CPM", (item, day, moment, 10**9))
    _clicks(reading, count, impressions, clicks)
    _net_clicks(reading, impressions, clicks, billed, counted)
    _viewability(reading, count, impressions)
    _videos(reading, count, impressions)
    _caps(reading, count, impressions)
    figures = count.figures()
    figures |= _attribution(reading, impressions, clicks, billed, counted)
    figures |= _money(reading, billed, counted)
    owed = [
        {place: _round(amount) for place, amount in billed[model].items()}
        for model in ("CPM", "CPC", "CPA")
    ]
    figures |= _discrepancy(reading, impressions, clicks, owed)
    figures |= _pacing(reading, impressions, clicks, owed)
    figures |= _exposure(reading, owed, billed["media"])
    figures |= _rates(count)
    figures |= _viewable_rates(count)
    figures |= _reach(reading, impressions)
    figures |= _lifts(count)
    figures |= _centre_distances(impressions)
    figures |= _others(reading)
    figures |= _sessions(reading)
    figures |= _auctions(reading, impressions)
    return figures


def _reasons(
    reading: Reading,
    count: Count,
    events: str,
    row: dict[str, Any],
    moment: datetime,
    *,
    reasons: list[str],
) -> None:
    """Counts an invalid event under each of its reasons, and under the first."""
    primary = min(reasons, key=PRECEDENCE.index)
    count.add(f"invalid_{events}", invalid_traffic_type=_kind(primary))
    place = _version(reading.versions["placements"][row["placement_id"]], moment)
    for metric, counted in (("any_reason", reasons), ("invalid", [primary])):
        for reason in counted:
            for dims in (
                {},
                {"event_date": moment.date()},
                {"exchange": row["exchange"]},
                {"site_id": place["site_id"]},
                {"campaign_id": _owners(reading, row["line_item_id"])["campaign_id"]},
            ):
                count.add(f"{metric}_{events}", reason=reason, **dims)


PRECEDENCE = (
    *("givt_prefetch", "givt_bot_user_agent", "givt_data_centre", "givt_missing_user_agent"),
    *("givt_impossible_user_agent", "sivt_id_reuse", "sivt_impossible_travel"),
    *("sivt_impression_volume", "sivt_click_volume", "sivt_click_rate", "sivt_fast_click"),
    *("sivt_click_flood", "invalid_impression"),
)


def _kind(reason: str) -> str:
    kinds = {"givt": "GIVT", "sivt": "SIVT", "invalid": "inherited"}
    return kinds[reason.partition("_")[0]]


def _judge(
    reading: Reading, impressions: dict[str, dict[str, Any]], clicks: dict[str, dict[str, Any]]
) -> None:
    """Finds the reasons of every impression and click, event by event."""
    for row in (*impressions.values(), *clicks.values()):
        row["moment"] = _moment(row["event_ts"])
        row["reasons"] = _listed(row)
        row["user"] = row["user_id"]
    for row in impressions.values():
        if not row["consent"]["personal"]:
            row["user"] = None
    _judge_hours(impressions, clicks)
    _judge_travels(impressions)
    for table in ("stream", "files"):
        rows = (
            _flat(reading.streams["ad_events.events"], "impression")
            if table == "stream"
            else reading.files["adserver.impressions"]
        )
        told: dict[str, dict[str, Any]] = {}
        for row in rows:
            first = told.setdefault(row["impression_id"], row)
            same = all(first[name] == row[name] for name in ("country", "device_type"))
            reasons = impressions[row["impression_id"]]["reasons"]
            if not same and _moment(first["event_ts"]) == _moment(row["event_ts"]):
                reasons += ["sivt_id_reuse"] * ("sivt_id_reuse" not in reasons)
    for row in clicks.values():
        parent = impressions.get(row["impression_id"])
        if parent is not None:
            delay = row["moment"] - parent["moment"]
            if timedelta() <= delay < timedelta(milliseconds=200):
                row["reasons"].append("sivt_fast_click")
    conversions = _distinct(
        reading.files["adserver.conversions"], lambda row: row["conversion_id"]
    )[0]
    flooding: set[str] = set()
    for conversion in conversions.values():
        end = _moment(conversion["event_ts"])
        flood = [
            click_id
            for click_id, row in clicks.items()
            if conversion["user_id"] is not None
            and row["user"] == conversion["user_id"]
            and end - timedelta(seconds=60) <= row["moment"] < end
        ]
        flooding.update(flood if len(flood) >= 5 else [])
    for click_id in flooding:
        clicks[click_id]["reasons"].append("sivt_click_flood")


def _judge_hours(impressions: dict[str, dict[str, Any]], clicks: dict[str, dict[str, Any]]) -> None:
    shown: dict[tuple[str, Any, str], list[dict[str, Any]]] = defaultdict(list)
    clicked: dict[tuple[str, Any, str], list[dict[str, Any]]] = defaultdict(list)
    for rows, hours in ((impressions.values(), shown), (clicks.values(), clicked)):
        for row in rows:
            hour = row["moment"].strftime("%Y-%m-%dT%H")
            hours["ip", row["ip"], hour].append(row)
            if row["user"] is not None:
                hours["user", row["user"], hour].append(row)
    for key in shown.keys() | clicked.keys():
        seen, made = len(shown[key]), len(clicked[key])
        for reason, holds in (
            ("sivt_impression_volume", seen > 40),
            ("sivt_click_volume", made > 20),
            ("sivt_click_rate", seen >= 5 and Fraction(made, seen) > Fraction(1, 2)),
        ):
            if holds:
                for row in (*shown[key], *clicked[key]):
                    row["reasons"] += [reason] * (reason not in row["reasons"])


def _judge_travels(impressions: dict[str, dict[str, Any]]) -> None:
    by_user: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for impression_id, row in impressions.items():
        if row["user"] is not None and row["latitude"] is not None:
            by_user[row["user"]].append((row["moment"], impression_id))
    for stops in by_user.values():
        stops.sort()
        for (left, here), (reached, there) in pairwise(stops):
            ends = impressions[here], impressions[there]
            metres = _metres(*((one["latitude"], one["longitude"]) for one in ends))
            hours = Fraction((reached - left) // timedelta(microseconds=1), 3_600_000_000)
            is_far = metres >= 100_000 and metres > hours * 1_000_000
            if is_far and (reached.date() - left.date()).days <= 1:
                for one in ends:
                    reason = "sivt_impossible_travel"
                    one["reasons"] += [reason] * (reason not in one["reasons"])


def _metres(place: tuple[str, str], other: tuple[str, str]) -> int:
    """The angle between two unit vectors, times the radius of the Earth."""
    vectors = []
    for latitude, longitude in (place, other):
        north, east = math.radians(float(latitude)), math.radians(float(longitude))
        flat = math.cos(north)
        vectors.append((flat * math.cos(east), flat * math.sin(east), math.sin(north)))
    one, two = vectors
    cross = (
        one[1] * two[2] - one[2] * two[1],
        one[2] * two[0] - one[0] * two[2],
        one[0] * two[1] - one[1] * two[0],
    )
    dot = sum(a * b for a, b in zip(one, two, strict=True))
    return round(6_371_008.8 * math.atan2(math.hypot(*cross), dot))


def _listed(row: dict[str, Any]) -> list[str]:
    """What is wrong with the client of an impression or a click, by the lists."""
    agent = row["user_agent"].strip().lower()
    found = {
        "givt_prefetch": bool(row.get("is_prefetch")),
        "givt_bot_user_agent": "googlebot" in agent or agent.startswith("curl/"),
        "givt_data_centre": row["ip"].startswith("198.51.100."),
        "givt_missing_user_agent": not agent,
        "givt_impossible_user_agent": "windows nt 99" in agent,
    }
    return [reason for reason, holds in found.items() if holds]


def _delivery(
    reading: Reading,
    count: Count,
    metric: str,
    row: dict[str, Any],
    moment: datetime,
    *,
    value: int = 1,
) -> None:
    """Counts one event at every dimension of its impression, and its own date."""
    item = _version(reading.versions["line_items"][row["line_item_id"]], moment)
    campaign = _version(reading.versions["campaigns"][item["campaign_id"]], moment)
    place = _version(reading.versions["placements"][row["placement_id"]], moment)
    site = _version(reading.versions["sites"][place["site_id"]], moment)
    for dims in (
        {"advertiser_id": campaign["advertiser_id"]},
        {"campaign_id": item["campaign_id"]},
        {"line_item_id": row["line_item_id"]},
        {"creative_id": row["creative_id"]},
        {"placement_id": row["placement_id"]},
        {"site_id": place["site_id"]},
        {"publisher_id": site["publisher_id"]},
        {"channel": row["channel"]},
        {"country": row["country"]},
        {"device_type": row["device_type"]},
        {"ad_format": row["ad_format"]},
        {"event_date": moment.date().isoformat(), "campaign_id": item["campaign_id"]},
    ):
        count.add(metric, value, **dims)
    if metric in ("gross_impressions", "invalid_impressions", "net_impressions"):
        _times(count, metric, moment)
    name = "explained_clicks" if metric == "explained" else metric
    if name in ("gross_impressions", "net_impressions", "explained_clicks", "net_clicks"):
        _performance(count, name, row, moment)


def _performance(count: Count, metric: str, row: dict[str, Any], moment: datetime) -> None:
    day, item = moment.date().isoformat(), {"line_item_id": row["line_item_id"]}
    arm, placement = {"experiment_arm": row["experiment_arm"]}, row["placement_id"]
    for dims in (
        {"event_hour": moment.hour},
        {"weekday": moment.isoweekday()},
        {**item, "event_hour": moment.hour},
        {**item, "creative_id": row["creative_id"], **arm},
        {"event_date": day, **arm},
        {"event_date": day, "placement_id": placement},
        {"placement_id": placement, "exchange": row["exchange"]},
        {"country": row["country"], "region": row["region"]},
        {"event_date": day, "country": row["country"]},
        _cell(row),
        {"event_date": day, **_cell(row)},
    ):
        count.add(metric, **dims)


def _cell(row: dict[str, Any]) -> dict[str, int | None]:
    """Tenths of a degree, downwards; a file has a text without anything where nothing is known."""
    return {
        f"{name}_cell": math.floor(Fraction(row[name]) * 10) if row[name] else None
        for name in ("latitude", "longitude")
    }


def _centre_distances(impressions: dict[str, dict[str, Any]]) -> Figures:
    """From the centres of cells to those of countries, as the list of countries has them."""
    with (PROJECT_ROOT / "seeds" / "countries.csv").open() as lines:
        centres = {
            row["country_code"]: (row["latitude"], row["longitude"])
            for row in csv.DictReader(lines)
        }
    total, shown_to = Count(), Count()
    for row in impressions.values():
        cell = _cell(row)
        if row["reasons"] or None in cell.values():
            continue
        place = [str((Fraction(number or 0) + Fraction(1, 2)) / 10) for number in cell.values()]
        north, east = (str(float(Fraction(one))) for one in place)
        metres = _metres((north, east), centres[row["country"]])
        day = {"event_date": _moment(row["event_ts"]).date()}
        for dims in (day, {"country": row["country"]}, {**day, "country": row["country"]}):
            total.add("centre_distance", metres, **dims)
            shown_to.add("centre_distance", **dims)
    return {
        place: _text(_round(metres / shown_to.sums[place])) for place, metres in total.sums.items()
    }


def _profile(reading: Reading, user: str | None, moment: datetime) -> dict[str, str]:
    """What the profile of an id said at a moment."""
    known = [
        row
        for row in reading.versions["user_profiles"].get(user or "", [])
        if _moment(row["updated_at"]) <= moment
    ]
    last = max(known, key=lambda row: row["updated_at"]) if known else {}
    return {name: last.get(name) or "unknown" for name in ("age_band", "gender")}


def _audience(
    reading: Reading,
    count: Count,
    metric: str,
    event: tuple[str | None, datetime, str],
) -> None:
    """Counts one event by who its user was; its line item says whose it is."""
    user, moment, item = event
    who = _profile(reading, user, moment)
    campaign = _version(reading.versions["line_items"][item], moment)["campaign_id"]
    for dims in (
        {"age_band": who["age_band"]},
        {"gender": who["gender"]},
        {"event_date": moment.date(), **who},
        {"campaign_id": campaign, **who},
    ):
        count.add(metric, **dims)


def _lifts(count: Count) -> Figures:
    """Each arm against the first: rates to nine decimals, variances to eighteen, roots cut."""
    arms: dict[str, dict[tuple[str, str], tuple[Fraction, Fraction]]] = defaultdict(dict)
    for (metric, text), shown_to in count.sums.items():
        dims = json.loads(text)
        if metric == "gross_impressions" and "creative_id" in dims and "experiment_arm" in dims:
            net = count.sums.get(("net_impressions", text), Fraction(0))
            clicks = count.sums.get(("net_clicks", text), Fraction(0))
            place = (dims["experiment_arm"], dims["creative_id"])
            arms[dims["line_item_id"]][place] = (net, clicks)
            assert shown_to >= net
    found = Count()
    for item, of_item in arms.items():
        first = min(arm for arm, _ in of_item)
        shown_to, clicked = (
            sum((one[n] for (arm, _), one in of_item.items() if arm == first), Fraction(0))
            for n in (0, 1)
        )
        for (arm, creative), (net, clicks) in of_item.items():
            if arm == first or not net or not shown_to:
                continue
            dims = {"line_item_id": item, "creative_id": creative, "experiment_arm": arm}
            own, other = _round(clicks / net), _round(clicked / shown_to)
            found.add("ctr_difference", own - other, **dims)
            if other:
                found.add("ctr_lift", _round((own - other) / other), **dims)
            if max(own, other) > 1:
                continue
            variance = sum(
                math.floor(p * (1 - p) / n * 10**18) for p, n in ((own, net), (other, shown_to))
            )
            reach = _round(Fraction(math.isqrt(variance), 10**9) * Fraction("1.959963985"))
            low, high = own - other - reach, own - other + reach
            found.add("ctr_difference_low", low, **dims)
            found.add("ctr_difference_high", high, **dims)
            found.add("significant_lifts", int(low * high > 0), **dims)
    return found.figures()


def _times(count: Count, metric: str, moment: datetime) -> None:
    _days_of(count, metric, moment)
    count.add(metric, event_date=moment.date().isoformat(), event_hour=moment.hour)


def _days_of(count: Count, metric: str, moment: datetime, value: int = 1) -> None:
    for dims in ({}, {"event_date": moment.date().isoformat()}):
        count.add(metric, value, **dims)


def _clicks(
    reading: Reading,
    count: Count,
    impressions: dict[str, dict[str, Any]],
    clicks: dict[str, dict[str, Any]],
) -> None:
    by_impression: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for click_id, row in clicks.items():
        by_impression[row["impression_id"]].append((_moment(row["event_ts"]), click_id))
    for impression_id, group in by_impression.items():
        before: datetime | None = None
        for moment, click_id in sorted(group):
            _times(count, "gross_clicks", moment)
            parent = impressions.get(impression_id)
            age = moment - _moment(parent["event_ts"]) if parent else None
            repeated = before is not None and moment - before <= timedelta(seconds=2)
            before = moment
            if parent is None or age is None or not timedelta() <= age <= timedelta(days=30):
                count.add("orphan_clicks")
                count.add("orphan_clicks", event_date=moment.date())
                continue
            metric = "repeat_clicks" if repeated else "net_clicks"
            reasons = clicks[click_id]["reasons"]
            reasons += ["invalid_impression"] * bool(parent["reasons"])
            if reasons:
                metric = "invalid_clicks"
                _reasons(reading, count, "clicks", parent, moment, reasons=reasons)
            clicks[click_id]["is_net"] = metric == "net_clicks"
            _times(count, metric, moment)
            _times(count, "explained", moment)
            for name in (metric, "explained", "gross_clicks"):
                _delivery(reading, count, name, parent, moment)
            who = (clicks[click_id]["user_id"], moment, parent["line_item_id"])
            _audience(reading, count, "explained_clicks", who)
            if metric == "net_clicks":
                _audience(reading, count, metric, who)


def _net_clicks(
    reading: Reading,
    impressions: dict[str, dict[str, Any]],
    clicks: dict[str, dict[str, Any]],
    billed: Amounts,
    counted: Counts,
) -> None:
    for row in clicks.values():
        if row.get("is_net"):
            moment = _moment(row["event_ts"])
            item = impressions[row["impression_id"]]["line_item_id"]
            day = _advertiser_date(reading, item, moment)
            counted["clicks"][item, day] += 1
            _bill(reading, billed, "CPC", (item, day, moment, 10**6))


def _viewability(reading: Reading, count: Count, impressions: dict[str, dict[str, Any]]) -> None:
    """Millisecond by millisecond: which were in view, and which content was played."""
    views, _, _ = _distinct(
        _flat(reading.streams["ad_events.events"], "viewability"),
        lambda row: (row["impression_id"], row["sequence"]),
    )
    of_impression: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in views.values():
        of_impression[row["impression_id"]].append(row)
    for impression_id, row in impressions.items():
        if row["reasons"]:
            continue
        intervals = sorted(
            of_impression[impression_id], key=lambda one: (one["start_ms"], one["sequence"])
        )
        if not intervals or not all(one["measurable"] for one in intervals):
            continue
        is_video = row["ad_format"] == "video"
        is_large = not is_video and row["width"] * row["height"] >= 242_500
        least = Fraction(3, 10) if is_large else Fraction(1, 2)
        moment = _moment(row["event_ts"])
        in_view = [one for one in intervals if Fraction(one["in_view_fraction"]) >= least]
        spent = sum(one["end_ms"] - one["start_ms"] for one in in_view)
        names = {"measurable_impressions": 1, "in_view_ms": spent}
        if _is_viewable(intervals, in_view, is_video):
            names["viewable_impressions"] = 1
        for name, value in names.items():
            _delivery(reading, count, name, row, moment, value=value)
            _days_of(count, name, moment, value)


def _is_viewable(
    intervals: list[dict[str, Any]], in_view: list[dict[str, Any]], is_video: bool
) -> bool:
    ends = -1_000_000
    first, content = 0, set[int]()
    for one in intervals:
        if one not in in_view or (is_video and not one["playing"]):
            ends = -1_000_000
            continue
        if one["start_ms"] > ends + 200:
            first, content, ends = one["start_ms"], set(), one["end_ms"]
        ends = max(ends, one["end_ms"])
        if is_video:
            length = one["end_ms"] - one["start_ms"]
            content |= set(range(one["position_ms"], one["position_ms"] + length))
        if len(content) >= 2000 or (not is_video and ends - first >= 1000):
            return True
    return False


VIDEO_EVENTS = {
    "start": "video_starts",
    "first_quartile": "video_first_quartiles",
    "midpoint": "video_midpoints",
    "third_quartile": "video_third_quartiles",
    "complete": "video_completes",
    "mute": "video_mutes",
    "skip": "video_skips",
}


def _videos(reading: Reading, count: Count, impressions: dict[str, dict[str, Any]]) -> None:
    events, _, _ = _distinct(
        _flat(reading.streams["ad_events.events"], "video"),
        lambda row: (row["impression_id"], row["video_event"]),
    )
    for row in events.values():
        parent = impressions.get(row["impression_id"])
        if parent is None or parent["reasons"]:
            continue
        dims = {
            **_owners(reading, parent["line_item_id"]),
            "creative_id": parent["creative_id"],
            "placement_id": parent["placement_id"],
            "event_date": _moment(row["event_ts"]).date(),
        }
        dims.pop("advertiser_id")
        _each(count, VIDEO_EVENTS[row["video_event"]], dims, tuple(dims))


def _id_of(row: dict[str, Any]) -> str | None:
    return row["user_id"] if row["consent"]["personal"] else None


def _reach(reading: Reading, impressions: dict[str, dict[str, Any]]) -> Figures:
    """Sets of ids, and how often each of them."""
    seen: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in impressions.values():
        user, item = _id_of(row), row["line_item_id"]
        if user is None or row["reasons"]:
            continue
        moment = _moment(row["event_ts"])
        place = _version(reading.versions["placements"][row["placement_id"]], moment)
        names = {
            **_owners(reading, item),
            "creative_id": row["creative_id"],
            "site_id": place["site_id"],
            "channel": row["channel"],
            "country": row["country"],
            "device_type": row["device_type"],
        }
        for dims in ({}, *({name: value} for name, value in names.items() if value is not None)):
            seen["ever", json.dumps(dims)][user] += 1
            seen[moment.date().isoformat(), json.dumps(dims)][user] += 1
            if dims.keys() <= {"advertiser_id", "campaign_id", "line_item_id"}:
                seen[moment.strftime("%Y-%m"), json.dumps(dims)][user] += 1
    count = Count()
    _persons(reading, count, seen)
    for (date, text), users in seen.items():
        dims = json.loads(text)
        if date == "ever":
            if not dims.keys() & {"creative_id", "site_id"}:
                count.add("lifetime_reach", len(users), **dims)
            continue
        period = {"month": f"{date}-01"} if len(date) == len("2026-03") else {"event_date": date}
        count.add("reach", len(users), **period, **dims)
        frequency = _round(Fraction(users.total(), len(users)))
        count.add("frequency", frequency, **period, **dims)
        if dims.keys() <= {"advertiser_id", "campaign_id", "line_item_id"}:
            for times in users.values():
                count.add("ids_by_frequency", frequency=min(times, 10), **period, **dims)
    return count.figures()


def _persons(reading: Reading, count: Count, seen: dict[tuple[str, str], Counter[str]]) -> None:
    """The lowest id that can be reached over accounts, going on until nothing changes."""
    pairs = [(f"id {user}", f"account {one}") for user, one in reading.present["user_identities"]]
    lowest = {user: user for user, _ in pairs}
    is_changed = True
    while is_changed:
        is_changed = False
        for pair in pairs:
            least = min(lowest[one] for one in pair if one in lowest)
            is_changed |= any(lowest.get(one) != least for one in pair)
            lowest |= dict.fromkeys(pair, least)
    for (date, text), users in seen.items():
        dims = json.loads(text)
        if len(date) == len("2026-03-01") and dims.keys() <= {"campaign_id"}:
            people = {lowest.get(f"id {user}", user) for user in users}
            often = _round(Fraction(users.total(), len(people)))
            count.add("person_reach", len(people), event_date=date, **dims)
            count.add("person_frequency", often, event_date=date, **dims)


def _caps(reading: Reading, count: Count, impressions: dict[str, dict[str, Any]]) -> None:
    """Each impression with those of the same id and line item in the hours before it."""
    seen: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for row in impressions.values():
        user = _id_of(row)
        if user is not None and not row["reasons"]:
            seen[row["line_item_id"], user].append(_moment(row["event_ts"]))
    ids: dict[tuple[str, str], set[str]] = defaultdict(set)
    over: dict[tuple[str, str], set[str]] = defaultdict(set)
    for (item, user), moments in seen.items():
        for moment in moments:
            version = _version(reading.versions["line_items"][item], moment)
            if version["frequency_cap_count"] is None:
                continue
            place = (item, moment.date().isoformat())
            ids[place].add(user)
            since = moment - timedelta(hours=version["frequency_cap_hours"])
            if sum(since <= one <= moment for one in moments) > version["frequency_cap_count"]:
                over[place].add(user)
    for (item, date), users in ids.items():
        dims = {"line_item_id": item, "event_date": date}
        beyond = len(over[item, date])
        count.add("ids_over_cap", beyond, **dims)
        count.add("cap_compliance", _round(Fraction(len(users) - beyond, len(users))), **dims)


def _viewable_rates(count: Count) -> Figures:
    figures: Figures = {}
    for metric, above, below in (
        ("measured_rate", "measurable_impressions", "net_impressions"),
        ("viewable_rate", "viewable_impressions", "measurable_impressions"),
        ("first_quartile_rate", "video_first_quartiles", "video_starts"),
        ("midpoint_rate", "video_midpoints", "video_starts"),
        ("third_quartile_rate", "video_third_quartiles", "video_starts"),
        ("completion_rate", "video_completes", "video_starts"),
    ):
        for (name, dims), value in list(count.sums.items()):
            whole = count.sums.get((below, dims))
            if name == above and whole:
                figures[metric, dims] = _text(_round(value / whole))
    return figures


def _rates(count: Count) -> Figures:
    figures: Figures = {}
    for rate, above, below in (
        ("gross_ctr", "explained", "gross_impressions"),
        ("ctr", "net_clicks", "net_impressions"),
        ("invalid_rate", "invalid_impressions", "gross_impressions"),
    ):
        for (metric, dims), part in list(count.sums.items()):
            whole = count.sums.get((below, dims))
            if metric == above and whole:
                figures[rate, dims] = _text(_round(part / whole))
    return figures


def _advertiser_date(reading: Reading, item: str, moment: datetime) -> str:
    campaign = reading.versions["line_items"][item][0]["campaign_id"]
    advertiser = reading.versions["campaigns"][campaign][0]["advertiser_id"]
    zone = _version(reading.versions["advertisers"][advertiser], moment)["time_zone"]
    return moment.astimezone(ZoneInfo(zone)).date().isoformat()


def _bill(
    reading: Reading,
    billed: Amounts,
    model: str,
    event: tuple[str, str, datetime, int],
    times: Fraction | int = 1,
) -> None:
    item, day, moment, unit = event
    version = _version(reading.versions["line_items"][item], moment)
    if version["pricing_model"] == model:
        amount = Fraction(version["rate_micros"], unit) * times
        billed[model][item, day, version["currency"]] += amount


def _owners(reading: Reading, item: str) -> dict[str, str]:
    campaign = reading.versions["line_items"][item][0]["campaign_id"]
    advertiser = reading.versions["campaigns"][campaign][0]["advertiser_id"]
    return {"line_item_id": item, "campaign_id": campaign, "advertiser_id": advertiser}


def _money(reading: Reading, billed: Amounts, counted: Counts) -> Figures:
    native, base = Count(), Count()
    for part, amounts in billed.items():
        for place, exact in amounts.items():
            amount = _round(exact)
            assert part == "CPA" or amount == exact
            _book(reading, native, place, amount, {"media": "media_cost", "value": "own"}.get(part))
            euros = _in_euro(reading, amount, place[2], place[1])
            if part == "media":
                _book_base(reading, base, place, {"media_cost_base": euros, "margin_base": -euros})
            elif part == "value":
                _book_base(reading, base, place, {"own value": euros})
            else:
                metrics = (f"{part.lower()}_billed_base", "billed_base", "margin_base")
                _book_base(reading, base, place, dict.fromkeys(metrics, euros))
    for note in _credit_notes(reading):
        place = (note["line_item_id"], str(note["for_month"]), note["currency"])
        amount = Fraction(note["amount_micros"], 10**6)
        _book(reading, native, place, amount, "credit_notes")
        _book(reading, native, place, -amount, "media_cost")
        euros = _in_euro(reading, amount, place[2], place[1])
        given = {"credit_notes_base": euros, "margin_base": euros, "media_cost_base": -euros}
        _book_base(reading, base, place, given)
    for name, numbers in counted.items():
        for (item, day), number in numbers.items():
            _book_base(reading, base, (item, day, ""), {f"own {name}": number})
    figures = native.figures() | base.figures()
    for metric, above, times, below in (
        ("margin_rate", "margin_base", 1, "billed_base"),
        ("ecpm", "billed_base", 1000, "own impressions"),
        ("ecpc", "billed_base", 1, "own clicks"),
        ("cpa", "billed_base", 1, "own conversions"),
        ("roas", "own value", 1, "billed_base"),
    ):
        for (name, dims), amount in base.sums.items():
            whole = base.sums.get((below, dims))
            if name == above and whole and amount:
                figures[metric, dims] = _text(_round(amount * times / whole))
    return {place: value for place, value in figures.items() if not place[0].startswith("own")}


def _credit_notes(reading: Reading) -> list[dict[str, Any]]:
    names = [field.name for field in load_contract("campaigns", "credit_notes").fields]
    rows = reading.present["credit_notes"].values()
    return [dict(zip(names, row, strict=True)) for row in rows]


def _book(
    reading: Reading,
    native: Count,
    place: tuple[str, str, str],
    amount: Fraction,
    metric: str | None,
) -> None:
    item, day, currency = place
    for dims in (
        {"line_item_id": item, "advertiser_date": day},
        *({name: own} for name, own in _owners(reading, item).items()),
        {"advertiser_date": day},
        {},
    ):
        native.add(metric or "billed", amount, currency=currency, **dims)


def _book_base(
    reading: Reading, base: Count, place: tuple[str, str, str], amounts: dict[str, Fraction]
) -> None:
    item, day, _ = place
    for dims in (
        {"line_item_id": item, "advertiser_date": day},
        *({name: own} for name, own in _owners(reading, item).items()),
        {"advertiser_date": day},
        {},
    ):
        for metric, amount in amounts.items():
            base.add(metric, amount, **dims)


Owed = list[dict[tuple[str, str, str], Fraction]]
"""What is billed, by line item, advertiser date and currency, in parts."""


def _discrepancy(
    reading: Reading,
    impressions: dict[str, dict[str, Any]],
    clicks: dict[str, dict[str, Any]],
    owed: Owed,
) -> Figures:
    ours: dict[tuple[str, str], dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    for row in impressions.values():
        if not row["reasons"]:
            day = row["moment"].date().isoformat()
            ours[day, row["line_item_id"]]["impression"] += 1
    for row in clicks.values():
        if row.get("is_net"):
            item = impressions[row["impression_id"]]["line_item_id"]
            ours[row["moment"].date().isoformat(), item]["click"] += 1
    for part in owed:
        for (item, day, currency), amount in part.items():
            ours[day, item]["spend"] += _in_euro(reading, amount, currency, day)
    ours = {place: figures for place, figures in ours.items() if any(figures.values())}
    columns = [field.name for field in load_contract("campaigns", "third_party_reports").fields]
    reports = [
        dict(zip(columns, row, strict=True))
        for row in reading.present["third_party_reports"].values()
    ]
    count, figures = Count(), {}
    told = {(report["report_date"], report["line_item_id"]) for report in reports}
    for day, item in ours.keys() - told:
        _compared(
            count, item, day, dict.fromkeys(("impression", "click", "spend"), "missing_theirs")
        )
    for report in reports:
        day, item = report["report_date"], report["line_item_id"]
        amount = Fraction(report["spend_micros"], 10**6)
        theirs = {
            "impression": Fraction(report["impressions"]),
            "click": Fraction(report["clicks"]),
            "spend": _in_euro(reading, amount, report["currency"], day),
        }
        statuses = {}
        by_reporter = {"reporter": report["reporter"]}
        place = {**by_reporter, "report_date": day, "line_item_id": item}
        for name, figure in theirs.items():
            metric = {"spend": "spend_base"}.get(name, f"{name}s")
            known = ours.get((day, item), {}).get(name, Fraction(0))
            for dims in (place, {**by_reporter, "report_date": day}, by_reporter):
                count.add(f"third_party_{metric}", figure, **dims)
                count.add(f"compared_{metric}", known, **dims)
            distance = (figure - known) / known if known else Fraction(bool(figure))
            if known and distance:
                place_text = json.dumps(dict(sorted(place.items())))
                figures[f"{name}_discrepancy_rate", place_text] = _text(_round(distance))
            bounds = ((5, "ok"), (10, "warning"))
            within = [status for bound, status in bounds if abs(distance) * 100 <= bound]
            statuses[name] = [*within, "error"][0]
            if (day, item) not in ours:
                statuses[name] = "missing_ours"
        _compared(count, item, day, statuses)
    return count.figures() | figures


def _pacing(
    reading: Reading,
    impressions: dict[str, dict[str, Any]],
    clicks: dict[str, dict[str, Any]],
    owed: Owed,
) -> Figures:
    known = [row for row in clicks.values() if "is_net" in row]
    newest = max(row["moment"] for row in (*impressions.values(), *known)).date()
    count, rounded = Count(), Count()
    for item, versions in reading.versions["line_items"].items():
        advertiser = _owners(reading, item)["advertiser_id"]
        day = newest - timedelta(days=60)
        while day <= newest:
            after = day + timedelta(days=1)
            zones = reading.versions["advertisers"][advertiser]
            moment = datetime(after.year, after.month, after.day, tzinfo=UTC)
            zone = ZoneInfo(_version(zones, moment)["time_zone"])
            begin, finish = (
                datetime(one.year, one.month, one.day, tzinfo=zone) for one in (day, after)
            )
            right_before = finish.astimezone(UTC) - timedelta(microseconds=1)
            row = _version(versions, right_before)
            start, end = _moment(row["flight_start_at"]), _moment(row["flight_end_at"])
            place = {"line_item_id": item, "advertiser_date": day.isoformat()}
            day = after
            if end <= begin or (start >= finish and after <= newest):
                continue
            amount = sum(
                value
                for part in owed
                for (of, date_text, currency), value in part.items()
                if of == item
                and date_text <= place["advertiser_date"]
                and currency == row["currency"]
            )
            hours = _clock_hours(start, end, zone)
            passed = _clock_hours(start, min(finish, end), zone) if start < finish else 0
            budget = Fraction(row["budget_micros"], 10**6)
            planned = _round(budget * passed / hours)
            state = "on_track"
            if start >= finish:
                state = "not_started"
            elif end <= finish:
                state = "ended"
            elif amount >= budget:
                state = "exhausted"
            elif not planned * 9 <= amount * 10 <= planned * 11:
                state = "under" if amount < planned else "over"
            count.add("pacing_rows", **place, pacing_state=state)
            count.add("pacing_rows", advertiser_date=place["advertiser_date"], pacing_state=state)
            count.add("pacing_budget", budget, **place)
            count.add("pacing_delivered", amount, **place)
            rounded.add("pacing_elapsed", Fraction(passed, hours), **place)
            rounded.add("pacing_planned", planned, **place)
            if planned:
                rounded.add("pacing_index", amount / planned, **place)
            if passed:
                rounded.add("pacing_forecast", Fraction(amount) / passed * hours, **place)
            if passed < hours and amount < budget:
                days = max(Fraction(hours - passed, 24), 1)
                rounded.add("pacing_needed", (budget - amount) / days, **place)
    rates = {place: _round(value) for place, value in rounded.sums.items()}
    return count.figures() | {place: _text(value) for place, value in rates.items() if value}


def _exposure(reading: Reading, owed: Owed, paid: dict[tuple[str, str, str], Fraction]) -> Figures:
    count, turnover = Count(), Count()
    for sign, part in (*((1, part) for part in owed), (-1, paid)):
        for (_, day, currency), amount in part.items():
            dims = {"month": f"{day[:7]}-01", "currency": currency}
            euros = _in_euro(reading, amount, currency, day)
            count.add("fx_net_exposure", sign * amount, **dims)
            count.add("fx_net_exposure_base", sign * euros, **dims)
            turnover.add("native", amount, **dims)
            turnover.add("base", euros, **dims)
    for note in _credit_notes(reading):
        day, currency = str(note["for_month"]), note["currency"]
        dims = {"month": f"{day[:7]}-01", "currency": currency}
        amount = Fraction(note["amount_micros"], 10**6)
        euros = _in_euro(reading, amount, currency, day)
        count.add("fx_net_exposure", amount, **dims)
        count.add("fx_net_exposure_base", euros, **dims)
        turnover.add("native", -amount, **dims)
        turnover.add("base", -euros, **dims)
    figures = count.figures()
    for (name, dims), amount in turnover.sums.items():
        if name == "native":
            applied = turnover.sums["base", dims] / amount
            figures["fx_average_rate", dims] = _text(_round(applied))
            net = count.sums["fx_net_exposure", dims]
            worth = _in_euro(reading, net, json.loads(dims)["currency"], "9999-12-31")
            gain = worth - count.sums["fx_net_exposure_base", dims]
            figures["fx_revalued_base", dims] = _text(worth)
            figures["fx_revaluation_base", dims] = _text(gain)
    return {place: value for place, value in figures.items() if value != "0"}


def _clock_hours(start: datetime, end: datetime, zone: ZoneInfo) -> int:
    """Strokes of the hour between two moments, as if no clock were ever changed."""
    first, last = (
        moment.astimezone(zone).replace(tzinfo=None, minute=0, second=0, microsecond=0)
        for moment in (start, end)
    )
    return (last - first) // timedelta(hours=1)


def _compared(count: Count, item: str, day: str, statuses: dict[str, str]) -> None:
    order = ["ok", "warning", "error", "missing_ours", "missing_theirs"]
    worst = max(statuses.values(), key=order.index)
    for name, status in statuses.items():
        count.add("discrepancy_rows", **{f"{name}_status": status})
    for dims in ({}, {"report_date": day}, {"report_date": day, "line_item_id": item}):
        count.add("discrepancy_rows", **dims, discrepancy_status=worst)


ROUNDED = ("cvr", "channel_share", "channel_share_half_a", "channel_share_half_b")


def _attribution(
    reading: Reading,
    impressions: dict[str, dict[str, Any]],
    clicks: dict[str, dict[str, Any]],
    billed: Amounts,
    counted: Counts,
) -> Figures:
    conversions, _, _ = _distinct(
        reading.files["adserver.conversions"], lambda row: row["conversion_id"]
    )
    net = {click_id: row for click_id, row in clicks.items() if row.get("is_net")}
    count = Count()
    for metric, value, dims in attribution_figures(conversions, impressions, net, reading.versions):
        if not metric.startswith("own_"):
            count.add(metric, _round(value) if metric in ROUNDED else value, **dims)
            continue
        item, conversion = dims["line_item_id"], conversions[dims["conversion_id"]]
        moment = _moment(conversion["event_ts"])
        day = _advertiser_date(reading, item, moment)
        if metric == "own_credit":
            counted["conversions"][item, day] += value
            _bill(reading, billed, "CPA", (item, day, moment, 10**6), value)
        elif value:
            billed["value"][item, day, conversion["currency"]] += value
    _converted(reading, count, conversions, (impressions, net))
    return count.figures()


def _converted(
    reading: Reading,
    count: Count,
    conversions: dict[str, dict[str, Any]],
    delivered: tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]],
) -> None:
    """By the last click, else the last view, and by who converted."""
    touches: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for touch in touches_of(*delivered):
        touches[touch["user_id"]].append(touch)
    for row in conversions.values():
        path = path_of(row, touches[row["user_id"]], reading.versions)
        if path:
            last = ([touch for touch in path if touch["type"] == "click"] or path)[-1]
            event = (row["user_id"], _moment(row["event_ts"]), last["line_item_id"])
            _audience(reading, count, "audience_conversions", event)


def _others(reading: Reading) -> Figures:
    count = Count()
    conversions, _, _ = _distinct(
        reading.files["adserver.conversions"], lambda row: row["conversion_id"]
    )
    for row in conversions.values():
        day = _moment(row["event_ts"]).date().isoformat()
        owner, kind = row["advertiser_id"], row["conversion_type"]
        for dims in (
            {},
            {"event_date": day},
            {"advertiser_id": owner},
            {"conversion_type": kind},
            {"advertiser_id": owner, "conversion_type": kind},
        ):
            count.add("conversions", **dims)
        if row["value"] is not None:
            for dims in ({}, {"advertiser_id": owner}, {"event_date": day}):
                value = Fraction(row["value"])
                count.add("conversion_value", value, currency=row["currency"], **dims)
    actions, _, _ = _distinct(reading.streams["user_events.events"], _action_key, ts="timestamp")
    users: set[tuple[str | None, str]] = set()
    for row in actions.values():
        day = _moment(row["timestamp"]).date().isoformat()
        user = row.get("user_identifiers") or {}
        product = row.get("product_information") or {}
        for dims in (
            {},
            {"event_date": day},
            {"event_name": row["event_name"]},
            {"platform": user.get("platform")},
            {"SKU": product.get("SKU")},
            {"event_date": day, "event_name": row["event_name"]},
        ):
            count.add("user_actions", **dims)
        if user.get("id") is not None:
            users |= {(None, user["id"]), (day, user["id"])}
    for day_or_none, _ in users:
        if day_or_none is None:
            count.add("users")
        else:
            count.add("users", event_date=day_or_none)
    return count.figures()


def _sessions(reading: Reading) -> Figures:
    """A moment that has no other of the same user and platform in the half hour before it."""
    actions, _, _ = _distinct(reading.streams["user_events.events"], _action_key, ts="timestamp")
    count = Count()
    moments: dict[tuple[str, str | None], list[tuple[datetime, str | None]]] = defaultdict(list)
    steps: dict[tuple[str, str, str], list[tuple[datetime, bool, str, str]]] = defaultdict(list)
    for key, row in actions.items():
        user = row.get("user_identifiers") or {}
        moment = _moment(row["timestamp"])
        product = (row.get("product_information") or {}).get("SKU")
        is_step = product is not None and row["event_name"] in FUNNEL_STEPS
        if is_step:
            _at_product(count, f"product_{row['event_name']}s", moment.date().isoformat(), product)
        if user.get("id") is None:
            continue
        moments[user["id"], user.get("platform")].append((moment, row["event_name"]))
        if is_step:
            place = (moment.date().isoformat(), product, user["id"])
            steps[place].append((moment, "/" not in key, key, row["event_name"]))
    _sessions_of(count, moments)
    for (day, product, _), found in steps.items():
        taken = 0
        for *_, name in sorted(found):
            taken += FUNNEL_STEPS.index(name) == taken
        for metric in ("funnel_viewers", "funnel_clickers", "funnel_purchasers")[:taken]:
            _at_product(count, metric, day, product)
    figures = count.figures()
    for metric, above, below in (
        ("funnel_click_rate", "funnel_clickers", "funnel_viewers"),
        ("funnel_purchase_rate", "funnel_purchasers", "funnel_clickers"),
    ):
        for (name, dims), value in count.sums.items():
            if name == above:
                figures[metric, dims] = _text(_round(value / count.sums[below, dims]))
    return figures


FUNNEL_STEPS = ("view", "click", "purchase")


def _at_product(count: Count, metric: str, day: str, product: str) -> None:
    for dims in ({}, {"event_date": day}, {"SKU": product}, {"event_date": day, "SKU": product}):
        count.add(metric, **dims)


def _sessions_of(
    count: Count, moments: dict[tuple[str, str | None], list[tuple[datetime, str | None]]]
) -> None:
    for (_, platform), of_user in moments.items():
        of_user.sort(key=lambda action: action[0])
        begun: list[list[tuple[datetime, str | None]]] = []
        for place, action in enumerate(of_user):
            if place == 0 or action[0] - of_user[place - 1][0] > timedelta(minutes=30):
                begun.append([])
            begun[-1].append(action)
        for session in begun:
            start, end = session[0][0], session[-1][0]
            figures = {
                "sessions": 1,
                "session_actions": len(session),
                "session_seconds": int((end - start).total_seconds()),
                "purchase_sessions": int(any(name == "purchase" for _, name in session)),
            }
            for metric, value in figures.items():
                for dims in ({}, {"event_date": start.date()}, {"platform": platform}):
                    count.add(metric, value, **dims)


def _by_bid(reading: Reading, table: str) -> dict[str, dict[str, Any]]:
    return _distinct(reading.files[f"exchange.{table}"], lambda row: row["bid_id"], TIMES[table])[0]


def _auction(row: dict[str, Any]) -> tuple[str, str]:
    return row["exchange"], row["id"]


OWNERS = ("line_item_id", "campaign_id", "advertiser_id", "creative_id")
OWN = ("event_date", "exchange")
FUNNEL = (*OWN, "country", "device_type", "ad_format")


def _auctions(reading: Reading, impressions: dict[str, dict[str, Any]]) -> Figures:
    """Funnel, prices, audience and unrendered bids, record by record."""
    count = Count()
    asked: list[tuple[str, str, list[dict[str, Any]]]] = []
    requests, _, _ = _distinct(reading.files["exchange.bid_requests"], _auction, "received_ts")
    slots = {}
    for key, row in requests.items():
        geo = row["device"]["geo"] or {}
        user = row["user"] or {}
        dims = {
            "event_date": row["received_ts"][:10],
            "exchange": row["exchange"],
            "country": geo.get("country"),
            "device_type": row["device"]["device_type"],
        }
        _each(count, "bid_requests", dims, (*OWN, "country", "device_type"))
        for imp in row["imp"]:
            slots[(*key, imp["id"])] = {**dims, "ad_format": imp["ad_format"]}
            _each(count, "imps_offered", slots[(*key, imp["id"])], FUNNEL)
        if user.get("id") is not None:
            people = {**dims, "age_band": user["age_band"], "gender": user["gender"]}
            places = [{}, *({n: v} for n, v in people.items() if n != "exchange")]
            if geo:
                places.append({"country": geo["country"], "region": geo["region"]})
            asked.append((user["id"], row["received_ts"][:10], places))
    _audiences(count, asked, impressions)

    bids, wins = _by_bid(reading, "bids"), _by_bid(reading, "wins")
    notices = _by_bid(reading, "billing_notices")
    rendered = {row["bid_id"]: row for row in impressions.values() if row["bid_id"] is not None}
    assert len(rendered) == sum(row["bid_id"] is not None for row in impressions.values())
    for metric, rows, ts in (
        ("bids", bids, "bid_ts"),
        ("wins", wins, "win_ts"),
        ("billed_bids", notices, "billed_ts"),
    ):
        names = (*OWN, *OWNERS) if metric == "billed_bids" else (*FUNNEL, *OWNERS)
        for bid_id, row in rows.items():
            dims = _bid_dims(reading, bids.get(bid_id), slots) | {"event_date": row[ts][:10]}
            _each(count, metric, dims, names)
            if metric == "billed_bids" and bid_id not in rendered:
                _each(count, "unrendered_billed_bids", dims, ("exchange",))
                if bid_id in wins:
                    amount = Fraction(wins[bid_id]["clearing_price_micros"], 10**9)
                    count.add("unrendered_cost", amount, currency=wins[bid_id]["currency"])
    for row in rendered.values():
        dims = _owners(reading, row["line_item_id"]) | {"creative_id": row["creative_id"]}
        dims |= {"event_date": _moment(row["event_ts"]).date(), "exchange": row["exchange"]}
        _each(count, "rendered", dims, (*OWN, *OWNERS))
    _auction_prices(count, bids, wins)
    return _auction_rates(count)


def _audiences(
    count: Count,
    asked: list[tuple[str, str, list[dict[str, Any]]]],
    impressions: dict[str, dict[str, Any]],
) -> None:
    """Who was asked for with which values, and saw a net impression on a date of that."""
    seen = {
        (_id_of(row), _moment(row["event_ts"]).date().isoformat())
        for row in impressions.values()
        if not row["reasons"]
    }
    audiences: dict[str, set[str]] = defaultdict(set)
    reached: dict[str, set[str]] = defaultdict(set)
    for user, day, places in asked:
        for place in places:
            if None not in place.values():
                for dims in (place, {**place, "event_date": day}):
                    text = json.dumps(dims, sort_keys=True)
                    audiences[text].add(user)
                    reached[text] |= {user} if (user, day) in seen else set()
    for text, audience in audiences.items():
        dims = json.loads(text)
        count.add("addressable_audience", len(audience), **dims)
        count.add("reached_audience", len(reached[text]), **dims)
        share = _round(Fraction(len(reached[text]), len(audience)))
        count.add("market_penetration", share, **dims)


def _each(count: Count, metric: str, dims: dict[str, Any], names: tuple[str, ...]) -> None:
    count.add(metric)
    for name in names:
        count.add(metric, **{name: dims[name]})


def _bid_dims(
    reading: Reading, bid: dict[str, Any] | None, slots: dict[Any, dict[str, Any]]
) -> dict[str, Any]:
    """What a bid tells, and the slot that it names; nothing without a bid."""
    dims: dict[str, Any] = dict.fromkeys((*FUNNEL, *OWNERS))
    if bid is None:
        return dims
    slot = slots.get((bid["exchange"], bid["auction_id"], bid["imp_id"]), {})
    own = {"exchange": bid["exchange"], "creative_id": bid["creative_id"]}
    return dims | slot | _owners(reading, bid["line_item_id"]) | own


def _auction_prices(
    count: Count, bids: dict[str, dict[str, Any]], wins: dict[str, dict[str, Any]]
) -> None:
    for metric, rows, price in (
        ("bid_price_sum", bids, "bid_price_micros"),
        ("clearing_price_sum", wins, "clearing_price_micros"),
    ):
        for bid_id, row in rows.items():
            bid = bids.get(bid_id, {"line_item_id": None, "exchange": None})
            amount = Fraction(row[price], 10**9)
            count.add(metric, amount, currency=row["currency"])
            for name in ("line_item_id", "exchange"):
                dims = {name: bid[name], "currency": row["currency"]}
                count.add(metric, amount, **dims)
                if metric == "clearing_price_sum" and bid.get("currency") == row["currency"]:
                    count.add("paid", amount, **dims)
                    count.add("offered", Fraction(bid["bid_price_micros"], 10**9), **dims)


def _auction_rates(count: Count) -> Figures:
    """Rates at the grains that both counts have."""
    figures = {p: v for p, v in count.figures().items() if p[0] not in HELPERS}
    for metric, above, below in (
        ("bid_rate", "bids", "imps_offered"),
        ("win_rate", "wins", "bids"),
        ("fill_rate", "rendered", "imps_offered"),
        ("render_rate", "rendered", "wins"),
        ("price_ratio", "paid", "offered"),
    ):
        for (name, dims), value in count.sums.items():
            whole = count.sums.get((below, dims))
            if name == above and whole:
                figures[metric, dims] = _text(_round(value / whole))
    return figures


HELPERS = ("rendered", "paid", "offered")


def _action_key(row: dict[str, Any]) -> str:
    return row.get("event_id") or row["_header"] or row["_position"]


def _balance(reading: Reading, count: Count) -> None:
    ad_rows = reading.streams["ad_events.events"]
    parts: list[tuple[str, list[dict[str, Any]], Any, str]] = [
        ("ad_events.events", _flat(ad_rows, "impression"), "impression_id", "event_ts"),
        ("ad_events.events", _flat(ad_rows, "click"), "click_id", "event_ts"),
        ("ad_events.events", _flat(ad_rows, "viewability"), "sequence", "event_ts"),
        ("ad_events.events", _flat(ad_rows, "video"), "video_event", "event_ts"),
        ("user_events.events", reading.streams["user_events.events"], None, "timestamp"),
        *(
            (f"adserver.{table}s", reading.files[f"adserver.{table}s"], f"{table}_id", "event_ts")
            for table in ("impression", "click", "conversion")
        ),
        *(
            (f"exchange.{table}", reading.files[f"exchange.{table}"], "bid_id", ts)
            for table, ts in TIMES.items()
        ),
    ]
    for table, rows, key, ts in parts:
        of_row = _auction if table == "exchange.bid_requests" else _key_of(key)
        first, duplicates, conflicts = _distinct(rows, of_row, ts)
        count.add("loaded", len(rows), source_table=table)
        count.add("distinct", len(first), source_table=table)
        count.add("duplicates", duplicates, source_table=table)
        count.add("id_conflicts", conflicts, source_table=table)
    named = {
        "loaded": ("loaded", "distinct"),
        "file loaded": ("files_loaded",),
        "file failed": ("files_failed",),
        "superseded": ("files_superseded",),
        "repeated": ("files_repeated",),
    }
    for (table, name), number in reading.counts.items():
        for metric in named.get(name, ()):
            count.add(metric, number, source_table=table)
        if name.startswith("failed "):
            count.add("failed", number, source_table=table)
            count.add("failed", number, source_table=table, reason=name.removeprefix("failed "))
    for table in DIMENSIONS:
        versions = reading.counts[f"campaigns.{table}", "loaded"]
        deleted = reading.counts[f"campaigns.{table}", "deleted"]
        count.add("dimension_versions", versions, dimension=table)
        count.add("dimension_members", len(reading.versions[table]), dimension=table)
        count.add("dimension_deleted", deleted, dimension=table)


def _key_of(key: str | None) -> Any:
    if key is None:
        return _action_key
    if key in ("sequence", "video_event"):
        return lambda row: (row["impression_id"], row[key])
    return lambda row: row[key]


ORGANIZATION_METRICS = {
    "organizations",
    "funding_rounds",
    "acquisitions",
    "funding_raised",
    "acquisition_price",
    "matched_advertisers",
}


def _is_read(one: Any) -> bool:
    """Not drift, and not what an API tells of organisations: no played day keeps those bytes."""
    told = one.metric in ORGANIZATION_METRICS or "crunchbase." in one.dims
    return one.metric != "drift" and not told and '"dimension": "organizations"' not in one.dims


def _days(world: Any) -> Iterator[tuple[int, Figures, Figures]]:
    reading = Reading()
    for number, day in enumerate(world.days, start=1):
        _read_messages(reading, day.messages)
        for name, content in day.files.items():
            _read_file(reading, name, content)
        _poll(reading, day.rows)
        _ask_rates(reading, world.config, number)
        key = {(one.metric, one.dims): one.value for one in day.key if _is_read(one)}
        counted = {p: v for p, v in _figures(reading).items() if p[0] != "explained"}
        yield number, key, counted


@pytest.mark.parametrize("world", ["played", "example"])
def test_every_figure_follows_from_the_bytes(world: str, request: pytest.FixtureRequest) -> None:
    for number, key, counted in _days(request.getfixturevalue(world)):
        differing = {
            place: (key.get(place), counted.get(place))
            for place in key.keys() | counted.keys()
            if key.get(place) != counted.get(place)
        }
        assert not differing, (number, len(differing), list(differing.items())[:5])
        assert len(key) > 150
