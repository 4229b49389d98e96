"""The auctions of the worked example, and their part of its key, by hand.

The four impressions of the example were bought in four auctions of one exchange; in a fifth we
bid and lose. Prices are CPMs in EUR; the notice of i2 comes after midnight.

    auction  received (UTC)  user                    slots           bid         wins at  billed
    i1       03-01 22:29:59  u1, 25-34, f, desktop   display         L1 R1 2.50  2.00     22:30:01
    i2       03-01 23:29:59  u1, 25-34, f, desktop   display, video  L2 R2 4.00  3.00     00:10:00
    i3       03-02 09:59:59  u1, 25-34, f, desktop   display         L1 R1 2.00  2.00     10:00:01
    i4       03-02 10:04:59  u2, 35-44, m, desktop   display         L1 R1 1.50  1.00     10:05:01
    x5       03-02 11:00:00  u3, mobile, in Bavaria  display         L1 R1 3.00
"""

from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any

from ingestion.adworld.config import SECOND_US
from ingestion.adworld.exchange.wire import SOURCE, avro_file, schema_of

_FIRST, _SECOND = "2026-03-01", "2026-03-02"
_MS = 1_000

Auction = tuple[str, str, str, int, str, str, int, int | None, str | None]

_AUCTIONS: tuple[Auction, ...] = (
    ("i1", "2026-03-01T22:29:59Z", "u1", 1, "L1", "R1", 2_500_000, 2_000_000, "03-01T22:30:01"),
    ("i2", "2026-03-01T23:29:59Z", "u1", 2, "L2", "R2", 4_000_000, 3_000_000, "03-02T00:10:00"),
    ("i3", "2026-03-02T09:59:59Z", "u1", 1, "L1", "R1", 2_000_000, 2_000_000, "03-02T10:00:01"),
    ("i4", "2026-03-02T10:04:59Z", "u2", 1, "L1", "R1", 1_500_000, 1_000_000, "03-02T10:05:01"),
    ("x5", "2026-03-02T11:00:00Z", "u3", 1, "L1", "R1", 3_000_000, None, None),
)
_USERS: dict[str, tuple[str | None, str | None, str, str]] = {
    "u1": ("25-34", "f", "desktop", "BE"),
    "u2": ("35-44", "m", "desktop", "BE"),
    "u3": (None, None, "mobile", "BY"),
}


def _us(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp()) * SECOND_US


def _request(name: str, received: str, user: str, slots: int, width: int) -> dict[str, Any]:
    age_band, gender, device_type, region = _USERS[user]
    return {
        "exchange": "openx",
        "id": f"auction-{name}",
        "received_ts": _us(received),
        "imp": [
            {
                "id": str(slot + 1),
                "tagid": None if slot else ("T2" if width == 970 else "T1"),
                "ad_format": "video" if slot else "display",
                "w": 640 if slot else width,
                "h": 360 if slot else 250,
                "bidfloor": "0.1",
                "bidfloorcur": "EUR",
                "deals": [],
            }
            for slot in range(slots)
        ],
        "site": {"id": "S1", "domain": "p1.example", "cat": ["IAB1"], "publisher_id": "P1"},
        "app": None,
        "device": {
            "ua": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
            "ip": {"u1": "192.0.2.1", "u2": "192.0.2.2"}.get(user, "192.0.2.3"),
            "device_type": device_type,
            "os": None,
            "geo": {"country": "DE", "region": region, "lat": "52.52", "lon": "13.40"},
        },
        "user": {"id": user, "age_band": age_band, "gender": gender},
        "regs": {"gdpr": True, "coppa": False, "gpp": None},
        "schain": [{"asi": "openx.example", "sid": "P1"}],
        "at": 1,
        "cur": ["EUR"],
        "tmax": 120,
        "ext": None,
    }


@cache
def files() -> tuple[tuple[str, bytes], ...]:
    """One file of each table."""
    records: dict[str, list[dict[str, Any]]] = {
        table: [] for table in ("bid_requests", "bids", "wins", "billing_notices")
    }
    for name, received, user, slots, item, creative, price, clears, billed in _AUCTIONS:
        bid_id, at = f"bid-{name}", _us(received)
        width = 970 if creative == "R2" else 300
        records["bid_requests"].append(_request(name, received, user, slots, width))
        records["bids"].append(
            {
                "bid_id": bid_id,
                "exchange": "openx",
                "auction_id": f"auction-{name}",
                "imp_id": "1",
                "line_item_id": item,
                "creative_id": creative,
                "bid_price_micros": price,
                "currency": "EUR",
                "bid_ts": at + 50 * _MS,
            }
        )
        if clears is not None:
            win = {"clearing_price_micros": clears, "currency": "EUR", "win_ts": at + 150 * _MS}
            records["wins"].append({"bid_id": bid_id, **win})
        if billed is not None:
            notice = {"bid_id": bid_id, "billed_ts": _us(f"2026-{billed}Z")}
            records["billing_notices"].append(notice)
    named = ((f"{table}-2026-03-02T12.avro", table) for table in records)
    return tuple(
        (f"{SOURCE}/{name}", avro_file(table, schema_of(table), records[table], name))
        for name, table in named
    )


def _penetrated(
    dims: dict[str, str], reached: str, audience: str, share: str
) -> Iterator[tuple[str, dict[str, str], str]]:
    """An audience by date and value (those of all time, and of a date alone, stand above)."""
    if "event_date" in dims and len(dims) > 1:
        yield "addressable_audience", dims, audience
    if reached != "0":
        yield "reached_audience", dims, reached
        yield "market_penetration", dims, share


FIGURES: tuple[tuple[str, dict[str, str], str], ...] = (
    # Requests: i1, i2 on the first; i3, i4, x5 on the second. All from Germany; x5 mobile.
    ("bid_requests", {}, "5"),
    ("bid_requests", {"event_date": _FIRST}, "2"),
    ("bid_requests", {"event_date": _SECOND}, "3"),
    ("bid_requests", {"exchange": "openx"}, "5"),
    ("bid_requests", {"country": "DE"}, "5"),
    ("bid_requests", {"device_type": "desktop"}, "4"),
    ("bid_requests", {"device_type": "mobile"}, "1"),
    # Slots: one each, but i2 has a second one, for video.
    ("imps_offered", {}, "6"),
    ("imps_offered", {"event_date": _FIRST}, "3"),
    ("imps_offered", {"event_date": _SECOND}, "3"),
    ("imps_offered", {"exchange": "openx"}, "6"),
    ("imps_offered", {"ad_format": "display"}, "5"),
    ("imps_offered", {"ad_format": "video"}, "1"),
    ("imps_offered", {"country": "DE"}, "6"),
    ("imps_offered", {"device_type": "desktop"}, "5"),
    ("imps_offered", {"device_type": "mobile"}, "1"),
    # Bids: one an auction, on the display slot; L1 with R1 but for i2.
    ("bids", {}, "5"),
    ("bids", {"event_date": _FIRST}, "2"),
    ("bids", {"event_date": _SECOND}, "3"),
    ("bids", {"exchange": "openx"}, "5"),
    ("bids", {"ad_format": "display"}, "5"),
    ("bids", {"country": "DE"}, "5"),
    ("bids", {"device_type": "desktop"}, "4"),
    ("bids", {"device_type": "mobile"}, "1"),
    ("bids", {"line_item_id": "L1"}, "4"),
    ("bids", {"line_item_id": "L2"}, "1"),
    ("bids", {"campaign_id": "C1"}, "5"),
    ("bids", {"advertiser_id": "A1"}, "5"),
    ("bids", {"creative_id": "R1"}, "4"),
    ("bids", {"creative_id": "R2"}, "1"),
    # Wins: all but x5.
    ("wins", {}, "4"),
    ("wins", {"event_date": _FIRST}, "2"),
    ("wins", {"event_date": _SECOND}, "2"),
    ("wins", {"exchange": "openx"}, "4"),
    ("wins", {"ad_format": "display"}, "4"),
    ("wins", {"country": "DE"}, "4"),
    ("wins", {"device_type": "desktop"}, "4"),
    ("wins", {"line_item_id": "L1"}, "3"),
    ("wins", {"line_item_id": "L2"}, "1"),
    ("wins", {"campaign_id": "C1"}, "4"),
    ("wins", {"advertiser_id": "A1"}, "4"),
    ("wins", {"creative_id": "R1"}, "3"),
    ("wins", {"creative_id": "R2"}, "1"),
    # Billed: the four wins, i2's on the second.
    ("billed_bids", {}, "4"),
    ("billed_bids", {"event_date": _FIRST}, "1"),
    ("billed_bids", {"event_date": _SECOND}, "3"),
    ("billed_bids", {"exchange": "openx"}, "4"),
    ("billed_bids", {"line_item_id": "L1"}, "3"),
    ("billed_bids", {"line_item_id": "L2"}, "1"),
    ("billed_bids", {"campaign_id": "C1"}, "4"),
    ("billed_bids", {"advertiser_id": "A1"}, "4"),
    ("billed_bids", {"creative_id": "R1"}, "3"),
    ("billed_bids", {"creative_id": "R2"}, "1"),
    # Bid rate = bids / slots: 5 / 6; first 2 / 3; second 3 / 3; desktop 4 / 5. No bid on video.
    ("bid_rate", {}, "0.833333333"),
    ("bid_rate", {"event_date": _FIRST}, "0.666666667"),
    ("bid_rate", {"event_date": _SECOND}, "1"),
    ("bid_rate", {"exchange": "openx"}, "0.833333333"),
    ("bid_rate", {"ad_format": "display"}, "1"),
    ("bid_rate", {"country": "DE"}, "0.833333333"),
    ("bid_rate", {"device_type": "desktop"}, "0.8"),
    ("bid_rate", {"device_type": "mobile"}, "1"),
    # Win rate = wins / bids: 4 / 5; first 2 / 2; second 2 / 3; mobile 0 / 1 is left out.
    ("win_rate", {}, "0.8"),
    ("win_rate", {"event_date": _FIRST}, "1"),
    ("win_rate", {"event_date": _SECOND}, "0.666666667"),
    ("win_rate", {"exchange": "openx"}, "0.8"),
    ("win_rate", {"ad_format": "display"}, "0.8"),
    ("win_rate", {"country": "DE"}, "0.8"),
    ("win_rate", {"device_type": "desktop"}, "1"),
    ("win_rate", {"line_item_id": "L1"}, "0.75"),
    ("win_rate", {"line_item_id": "L2"}, "1"),
    ("win_rate", {"campaign_id": "C1"}, "0.8"),
    ("win_rate", {"advertiser_id": "A1"}, "0.8"),
    ("win_rate", {"creative_id": "R1"}, "0.75"),
    ("win_rate", {"creative_id": "R2"}, "1"),
    # Fill = impressions / slots: 4 / 6, and 2 / 3 on either date.
    ("fill_rate", {}, "0.666666667"),
    ("fill_rate", {"event_date": _FIRST}, "0.666666667"),
    ("fill_rate", {"event_date": _SECOND}, "0.666666667"),
    ("fill_rate", {"exchange": "openx"}, "0.666666667"),
    # Render rate = impressions / wins: every win rendered.
    ("render_rate", {}, "1"),
    ("render_rate", {"event_date": _FIRST}, "1"),
    ("render_rate", {"event_date": _SECOND}, "1"),
    ("render_rate", {"exchange": "openx"}, "1"),
    ("render_rate", {"line_item_id": "L1"}, "1"),
    ("render_rate", {"line_item_id": "L2"}, "1"),
    ("render_rate", {"campaign_id": "C1"}, "1"),
    ("render_rate", {"advertiser_id": "A1"}, "1"),
    ("render_rate", {"creative_id": "R1"}, "1"),
    ("render_rate", {"creative_id": "R2"}, "1"),
    # Prices of one impression each: L1 2.50 + 2.00 + 1.50 + 3.00 = 9.00 / 1000; L2 4.00 / 1000.
    ("bid_price_sum", {"currency": "EUR"}, "0.013"),
    ("bid_price_sum", {"line_item_id": "L1", "currency": "EUR"}, "0.009"),
    ("bid_price_sum", {"line_item_id": "L2", "currency": "EUR"}, "0.004"),
    ("bid_price_sum", {"exchange": "openx", "currency": "EUR"}, "0.013"),
    # L1 2.00 + 2.00 + 1.00 = 5.00 / 1000; L2 3.00 / 1000.
    ("clearing_price_sum", {"currency": "EUR"}, "0.008"),
    ("clearing_price_sum", {"line_item_id": "L1", "currency": "EUR"}, "0.005"),
    ("clearing_price_sum", {"line_item_id": "L2", "currency": "EUR"}, "0.003"),
    ("clearing_price_sum", {"exchange": "openx", "currency": "EUR"}, "0.008"),
    # Of won bids: L1 5.00 / 6.00; L2 3.00 / 4.00; all 8.00 / 10.00.
    ("price_ratio", {"line_item_id": "L1", "currency": "EUR"}, "0.833333333"),
    ("price_ratio", {"line_item_id": "L2", "currency": "EUR"}, "0.75"),
    ("price_ratio", {"exchange": "openx", "currency": "EUR"}, "0.8"),
    # Audience: u1 on both dates, u2 and u3 on the second; u3 tells neither age nor gender.
    ("addressable_audience", {}, "3"),
    ("addressable_audience", {"event_date": _FIRST}, "1"),
    ("addressable_audience", {"event_date": _SECOND}, "3"),
    ("addressable_audience", {"country": "DE"}, "3"),
    ("addressable_audience", {"country": "DE", "region": "BE"}, "2"),
    ("addressable_audience", {"country": "DE", "region": "BY"}, "1"),
    ("addressable_audience", {"age_band": "25-34"}, "1"),
    ("addressable_audience", {"age_band": "35-44"}, "1"),
    ("addressable_audience", {"gender": "f"}, "1"),
    ("addressable_audience", {"gender": "m"}, "1"),
    ("addressable_audience", {"device_type": "desktop"}, "2"),
    ("addressable_audience", {"device_type": "mobile"}, "1"),
    # Of the audience u1 alone saw net impressions, on both dates: i4, u2's, is invalid.
    *_penetrated({}, "1", "3", "0.333333333"),
    *_penetrated({"country": "DE"}, "1", "3", "0.333333333"),
    *_penetrated({"country": "DE", "region": "BE"}, "1", "2", "0.5"),
    *_penetrated({"age_band": "25-34"}, "1", "1", "1"),
    *_penetrated({"gender": "f"}, "1", "1", "1"),
    *_penetrated({"device_type": "desktop"}, "1", "2", "0.5"),
    *_penetrated({"event_date": _FIRST}, "1", "1", "1"),
    *_penetrated({"event_date": _FIRST, "country": "DE"}, "1", "1", "1"),
    *_penetrated({"event_date": _FIRST, "country": "DE", "region": "BE"}, "1", "1", "1"),
    *_penetrated({"event_date": _FIRST, "age_band": "25-34"}, "1", "1", "1"),
    *_penetrated({"event_date": _FIRST, "gender": "f"}, "1", "1", "1"),
    *_penetrated({"event_date": _FIRST, "device_type": "desktop"}, "1", "1", "1"),
    *_penetrated({"event_date": _SECOND}, "1", "3", "0.333333333"),
    *_penetrated({"event_date": _SECOND, "country": "DE"}, "1", "3", "0.333333333"),
    *_penetrated({"event_date": _SECOND, "country": "DE", "region": "BE"}, "1", "2", "0.5"),
    *_penetrated({"event_date": _SECOND, "country": "DE", "region": "BY"}, "0", "1", "0"),
    *_penetrated({"event_date": _SECOND, "age_band": "25-34"}, "1", "1", "1"),
    *_penetrated({"event_date": _SECOND, "age_band": "35-44"}, "0", "1", "0"),
    *_penetrated({"event_date": _SECOND, "gender": "f"}, "1", "1", "1"),
    *_penetrated({"event_date": _SECOND, "gender": "m"}, "0", "1", "0"),
    *_penetrated({"event_date": _SECOND, "device_type": "desktop"}, "1", "2", "0.5"),
    *_penetrated({"event_date": _SECOND, "device_type": "mobile"}, "0", "1", "0"),
    # Balance: one file of each table; nothing fails, repeats or conflicts.
    ("loaded", {"source_table": "exchange.bid_requests"}, "5"),
    ("distinct", {"source_table": "exchange.bid_requests"}, "5"),
    ("files_loaded", {"source_table": "exchange.bid_requests"}, "1"),
    ("loaded", {"source_table": "exchange.bids"}, "5"),
    ("distinct", {"source_table": "exchange.bids"}, "5"),
    ("files_loaded", {"source_table": "exchange.bids"}, "1"),
    ("loaded", {"source_table": "exchange.wins"}, "4"),
    ("distinct", {"source_table": "exchange.wins"}, "4"),
    ("files_loaded", {"source_table": "exchange.wins"}, "1"),
    ("loaded", {"source_table": "exchange.billing_notices"}, "4"),
    ("distinct", {"source_table": "exchange.billing_notices"}, "4"),
    ("files_loaded", {"source_table": "exchange.billing_notices"}, "1"),
)
"""Every figure of auctions in the example, worked out by hand."""
