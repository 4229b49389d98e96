"""Attribution read a second time: plain loops over parsed rows, none of the key's code."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

Row = dict[str, Any]
Figure = tuple[str, Fraction, dict[str, Any]]

HOUR = timedelta(hours=1)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _as_of(versions: list[Row], moment: datetime) -> Row:
    ordered = sorted(versions, key=lambda row: row["updated_at"])
    begun = [row for row in ordered if _moment(row["updated_at"]) <= moment]
    return begun[-1] if begun else ordered[0]


def touches_of(impressions: dict[str, Row], net_clicks: dict[str, Row]) -> list[Row]:
    """All that may be a touch: valid impressions and net clicks of a user id."""
    found = []
    for impression_id, row in impressions.items():
        if not row["reasons"] and row["consent"]["personal"] and row["user_id"]:
            found.append({**row, "id": impression_id, "type": "view"})
    for click_id, click in net_clicks.items():
        if click["user_id"]:
            parent = impressions[click["impression_id"]]
            found.append({**parent, **click, "id": click_id, "type": "click"})
    return [{**touch, "at": _moment(touch["event_ts"])} for touch in found]


def path_of(conversion: Row, touches: list[Row], versions: Any) -> list[Row]:
    """The touches of one conversion in order."""
    at, path = _moment(conversion["event_ts"]), []
    for touch in touches:
        item = _as_of(versions["line_items"][touch["line_item_id"]], touch["at"])
        campaign = _as_of(versions["campaigns"][item["campaign_id"]], touch["at"])
        limits = {
            "view": timedelta(hours=item["view_window_hours"]),
            "click": timedelta(days=item["click_window_days"]),
        }
        wanted = (item["conversion_types"] or conversion["conversion_type"]).split("|")
        if (
            touch["user_id"] == conversion["user_id"]
            and campaign["advertiser_id"] == conversion["advertiser_id"]
            and conversion["conversion_type"] in wanted
            and timedelta(0) < at - touch["at"] <= limits[touch["type"]]
        ):
            own = {"campaign_id": item["campaign_id"], "model": item["attribution_model"]}
            path.append({**touch, **own, "age": (at - touch["at"]) // HOUR})
    clicked = [touch["impression_id"] for touch in path if touch["type"] == "click"]
    kept = [
        touch for touch in path if touch["type"] == "click" or touch["impression_id"] not in clicked
    ]
    return sorted(kept, key=lambda touch: (touch["at"], touch["id"]))


def split(total: int, weights: list[int]) -> list[int]:
    """By largest remainders: what is left goes, one by one, where the most is missing."""
    parts = [total * weight // sum(weights) for weight in weights]
    for _ in range(total - sum(parts)):
        missing = [
            Fraction(total * weight, sum(weights)) - part
            for weight, part in zip(weights, parts, strict=True)
        ]
        parts[missing.index(max(missing))] += 1
    return parts


def weights_of(path: list[Row]) -> dict[str, list[int]]:
    """What the touches weigh in every model."""
    count = len(path)
    last = max(
        (place for place, touch in enumerate(path) if touch["type"] == "click"), default=count - 1
    )
    position = [1] * count
    if count > 2:
        position = [2 * (count - 2), *[1] * (count - 2), 2 * (count - 2)]
    return {
        "first": [int(place == 0) for place in range(count)],
        "last": [int(place == last) for place in range(count)],
        "linear": [1] * count,
        "position": position,
        "time_decay": [round(2 ** (30 - touch["age"] / 168)) for touch in path],
    }


Paths = list[tuple[int, tuple[str, ...], str]]
"""Half, channels in order, and how it ends: `conversion` or `null`."""


def _half(touch: Row) -> int:
    return int(touch["at"].timestamp()) % 2


def _month(moment: datetime) -> str:
    return f"{moment:%Y-%m}-01"


def paths_by_month(
    conversions: dict[str, Row], found: dict[str, list[Row]], touches: list[Row], versions: Any
) -> dict[str, Paths]:
    """Every path of every month; `found` are the paths of the conversions."""
    months: dict[str, Paths] = defaultdict(list)
    used = set()
    for conversion_id, path in found.items():
        month = _month(_moment(conversions[conversion_id]["event_ts"]))
        if path:
            channels = tuple(touch["channel"] for touch in path)
            months[month].append((_half(path[0]), channels, "conversion"))
            used |= {(month, touch["type"], touch["id"]) for touch in path}
    clicked = {
        (_month(touch["at"]), touch["impression_id"])
        for touch in touches
        if touch["type"] == "click"
    }
    nulls: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for touch in sorted(touches, key=lambda touch: (touch["at"], touch["id"])):
        month = _month(touch["at"])
        hidden = touch["type"] == "view" and (month, touch["impression_id"]) in clicked
        if hidden or (month, touch["type"], touch["id"]) in used:
            continue
        item = _as_of(versions["line_items"][touch["line_item_id"]], touch["at"])
        campaign = _as_of(versions["campaigns"][item["campaign_id"]], touch["at"])
        nulls[month, touch["user_id"], campaign["advertiser_id"]].append(touch)
    for (month, _, _), path in nulls.items():
        channels = tuple(touch["channel"] for touch in path)
        months[month].append((_half(path[0]), channels, "null"))
    return months


CHANNELS = ("display", "video", "social", "native", "search", "ctv")


def _chance(paths: Paths, removed: str | None) -> float:
    """By letting a crowd walk until all of it has arrived."""
    steps: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for _, channels, end in paths:
        for source, target in pairwise(("start", *channels, end)):
            steps[source][target] += 1
    crowd, arrived = {"start": 1.0}, 0.0
    while sum(crowd.values()) > 1e-15:
        onwards: dict[str, float] = defaultdict(float)
        for place, people in crowd.items():
            for target, number in steps[place].items():
                moved = people * number / sum(steps[place].values())
                if target == "conversion":
                    arrived += moved
                elif target not in ("null", removed):
                    onwards[target] += moved
        crowd = onwards
    return arrived


def channel_weights(paths: Paths) -> dict[str, dict[str, int]]:
    """Removal effects in millionths, and shares of conversions in sixtieths."""
    whole = _chance(paths, None)
    shapley = dict.fromkeys(CHANNELS, 0)
    for _, channels, end in paths:
        for channel in set(channels) if end == "conversion" else ():
            shapley[channel] += 60 // len(set(channels))
    markov = {
        channel: round((1 - _chance(paths, channel) / whole) * 10**6) if whole else 0
        for channel in CHANNELS
    }
    return {"markov": markov, "shapley": shapley}


def driven_credits(path: list[Row], weights: dict[str, int]) -> list[int]:
    """A channel's part of the million, then each of its touches' part of that."""
    channels = [touch["channel"] for touch in path]
    present = sorted(set(channels), key=channels.index)
    worth = [weights[channel] for channel in present]
    if not sum(worth):
        worth = [channels.count(channel) for channel in present]
    queues = {
        channel: iter(split(total, [1] * channels.count(channel)))
        for channel, total in zip(present, split(10**6, worth), strict=True)
    }
    return [next(queues[channel]) for channel in channels]


def channel_figures(months: dict[str, Paths]) -> Iterator[Figure]:
    """What was fitted, by all paths and by halves."""
    for month, paths in months.items():
        for end, metric in (("conversion", "converting_paths"), ("null", "null_paths")):
            yield metric, Fraction(sum(path[2] == end for path in paths)), {"month": month}
        for name, halves in (("", (0, 1)), ("_half_a", (0,)), ("_half_b", (1,))):
            some = [path for path in paths if path[0] in halves]
            for model, weights in channel_weights(some).items():
                for channel, weight in weights.items():
                    dims = {"month": month, "attribution_model": model, "channel": channel}
                    if not name:
                        yield "channel_weight", Fraction(weight), dims
                    if sum(weights.values()):
                        yield f"channel_share{name}", Fraction(weight, sum(weights.values())), dims


def path_figures(conversion: Row, path: list[Row]) -> Iterator[Figure]:
    """A conversion by the channels that led to it."""
    at = _moment(conversion["event_ts"])
    steps = [touch["channel"] for touch in path]
    shown = [one for place, one in enumerate(steps) if not place or steps[place - 1] != one]
    of_month = {"month": _month(at)}
    dims = {**of_month, "path": " > ".join(shown)}
    for grain in (of_month, dims):
        yield "path_conversions", Fraction(1), grain
        yield "path_hours", Fraction((at - path[0]["at"]) // HOUR), grain
    value = Fraction(conversion["value"] or 0)
    yield "path_value", value, {**dims, "currency": conversion["currency"]}


def own_of(conversion: Row) -> dict[str, str]:
    """The dimensions that a conversion has by itself."""
    return {
        "event_date": _moment(conversion["event_ts"]).date().isoformat(),
        "advertiser_id": conversion["advertiser_id"],
        "conversion_type": conversion["conversion_type"],
    }


def credit_figures(
    conversion: Row, path: list[Row], model: str, millionths: list[int]
) -> Iterator[Figure]:
    """What one model gives the touches of one conversion."""
    micros = split(int(Fraction(conversion["value"] or 0) * 10**6), millionths)
    currency = {"currency": conversion["currency"]}
    for touch, credit, worth in zip(path, millionths, micros, strict=True):
        texts = {
            **own_of(conversion),
            "campaign_id": touch["campaign_id"],
            "line_item_id": touch["line_item_id"],
            "channel": touch["channel"],
            "touch_type": touch["type"],
        }
        pair = {name: texts[name] for name in ("line_item_id", "touch_type")}
        for dims in ({}, *({name: text} for name, text in texts.items()), pair):
            with_model = {"attribution_model": model, **dims}
            yield "attributed_conversions", Fraction(credit, 10**6), with_model
            if dims is not pair and "conversion_type" not in dims:
                yield "attributed_value", Fraction(worth, 10**6), {**with_model, **currency}
            if touch["model"] == model:
                yield "billable_conversions", Fraction(credit, 10**6), dims
            if model == "linear":
                yield "touches", Fraction(1), dims
        if touch["model"] == model and credit:
            of_touch = {**pair, "conversion_id": conversion["conversion_id"]}
            yield "own_credit", Fraction(credit, 10**6), of_touch
            yield "own_value", Fraction(worth, 10**6), of_touch


def attribution_figures(
    conversions: dict[str, Row],
    impressions: dict[str, Row],
    net_clicks: dict[str, Row],
    versions: Any,
) -> Iterator[Figure]:
    """Every figure of attribution, part by part."""
    possible = touches_of(impressions, net_clicks)
    touches: dict[str, list[Row]] = defaultdict(list)
    for touch in possible:
        touches[touch["user_id"]].append(touch)
    found = {
        conversion_id: path_of(conversion, touches[conversion["user_id"]], versions)
        for conversion_id, conversion in conversions.items()
    }
    months = paths_by_month(conversions, found, possible, versions)
    yield from channel_figures(months)
    fitted = {month: channel_weights(paths) for month, paths in months.items()}
    by_click: dict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for conversion_id, conversion in conversions.items():
        path = found[conversion_id]
        own, currency = own_of(conversion), {"currency": conversion["currency"]}
        if not path:
            for dims in ({}, *({name: text} for name, text in own.items())):
                yield "organic_conversions", Fraction(1), dims
            yield "organic_value", Fraction(conversion["value"] or 0), currency
            continue
        yield from path_figures(conversion, path)
        credited_by = {model: split(10**6, weights) for model, weights in weights_of(path).items()}
        for model, weights in fitted[_month(_moment(conversion["event_ts"]))].items():
            credited_by[model] = driven_credits(path, weights)
        for model, millionths in credited_by.items():
            yield from credit_figures(conversion, path, model, millionths)
            for touch, credit in zip(path, millionths, strict=True):
                if touch["type"] == "click":
                    by_click[model, touch["line_item_id"]] += Fraction(credit, 10**6)
    for (model, item), credited in by_click.items():
        clicks = [
            click
            for click in net_clicks.values()
            if impressions[click["impression_id"]]["line_item_id"] == item
        ]
        dims = {"attribution_model": model, "line_item_id": item}
        yield "cvr", credited / len(clicks), dims
