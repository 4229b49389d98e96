"""OpenRTB 2.6 bid requests, and the records that they are in our `bid_requests` files.

The record has what our dictionary names. Whatever else a request holds (objects, fields, `ext` at
any level, a number in a form that a decimal cannot show, a value of an unexpected type) is kept as
JSON in the record's `ext`, at the place it has in the request, so that `to_request` gives back the
very request, every number as it was written. Where the record says more than the request did (a
device type is required, say), `ext` lists the JSON Pointers of what is not in it as `_absent`.

No number is ever a float: prices stay the text that was sent.

| record | request |
|---|---|
| imp.ad_format, w, h | `video`, if there is no `banner`; size of that object, or the first format |
| imp.deals | `pmp.deals` |
| device.ip | `device.ip`, else `device.ipv6`, else 0.0.0.0 |
| device.device_type | `device.devicetype` ; unknown: mobile in apps, else desktop |
| device.geo.country | `device.geo.country`, from three letters to two |
| user.age_band | `user.yob` and the year of receipt |
| regs.gdpr | `regs.gdpr`, else `regs.ext.gdpr` (2.5) |
| schain | `source.schain.nodes`, else `source.ext.schain.nodes` (2.5) |
| site | all empty, if a request has neither a site nor an app (digital out of home) |
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Final, TypeVar

from ingestion.errors import AdxError, ExitCode
from ingestion.landing.json_text import Number
from ingestion.landing.strict import dump_json
from ingestion.sources.exchange.countries import ALPHA2, ALPHA3
from ingestion.sources.exchange.patch import Json, difference, patched

_T = TypeVar("_T")
_MAX_DEPTH: Final = 64
_ABSENT: Final = "_absent"
_NO_ADDRESS: Final = "0.0.0.0"  # noqa: S104 - what a request without an address has
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PLAIN: Final = re.compile(r"-?(0|[1-9][0-9]{0,28})(\.[0-9]{1,9})?")
_INTEGER: Final = re.compile(r"0|-?[1-9][0-9]{0,17}")
_ODD: Final = re.compile("[\0\ud800-\udfff]")
_NANO: Final = Decimal("1e-9")

_DEVICE_TYPES: Final = {
    "1": "mobile",
    "2": "desktop",
    "3": "ctv",
    "4": "mobile",
    "5": "tablet",
    "6": "ctv",
    "7": "ctv",
    "8": "ctv",
}
_DEVICE_CODES: Final = {"desktop": "2", "mobile": "4", "tablet": "5", "ctv": "3"}
_GENDERS: Final = {"M": "m", "F": "f", "O": "x"}
_GENDER_CODES: Final = {ours: theirs for theirs, ours in _GENDERS.items()}
_AGE_BANDS: Final = ((18, "18-24"), (25, "25-34"), (35, "35-44"), (45, "45-54"), (55, "55+"))


def to_record(request: str | bytes, *, exchange: str, received_at: datetime) -> Json:
    """The record of a bid request, as the writer schema of the contract has it.

    Args:
        request: The JSON text of the request.
        exchange: Exchange that sent it.
        received_at: When it came, with a time zone.

    Raises:
        AdxError: It is no JSON object.
    """
    document = _parsed(request)
    received_at = received_at.astimezone(UTC)
    record: Json = {
        "exchange": exchange,
        "id": _text(document.get("id")) or "",
        "received_ts": (received_at - _EPOCH) // timedelta(microseconds=1),
        "imp": [_imp(imp) for imp in _objects(document.get("imp"))],
        "site": None,
        "app": None,
        "device": _device(_object(document.get("device")), is_app="app" in document),
        "user": _user(document.get("user"), received_at.year),
        "regs": _regs(_object(document.get("regs"))),
        "schain": _schain(_object(document.get("source"))),
        "at": _whole(document.get("at"), 2),
        "cur": _texts(document.get("cur")),
        "tmax": _whole(document.get("tmax"), 0),
        "ext": None,
    }
    if "app" in document and "site" not in document:
        record["app"] = _place(_object(document["app"]), "bundle")
    else:
        record["site"] = _place(_object(document.get("site")), "domain")
    patch, absent = difference(document, _known(record))
    ext = {_kept_name(name): value for name, value in patch.items()}
    if absent:
        ext[_ABSENT] = absent
    record["ext"] = dump_json(ext) if ext else None
    return record


def to_request(record: Mapping[str, Any]) -> str:
    """The JSON text of the request that a record was made from.

    Numbers are as they were written; the order of members may be another one. A record that was
    not made by `to_record` gives a request that says what the record says.
    """
    ext = _parsed(record["ext"]) if record["ext"] is not None else {}
    absent = ext.pop(_ABSENT, [])
    patch = {_sent_name(name): value for name, value in ext.items()}
    return dump_json(patched(_known(record), patch, absent))


def _known(record: Mapping[str, Any]) -> Json:
    """What the declared fields of a record say, as a request; defaults are not said."""
    device, user = record["device"], record["user"] or {}
    geo = device["geo"] or {}
    address = device["ip"]
    regs = record["regs"]
    return _filled(
        {
            "id": record["id"],
            "imp": [_known_imp(imp) for imp in record["imp"]],
            "site": _known_place(record["site"], "domain"),
            "app": _known_place(record["app"], "bundle"),
            "device": _filled(
                {
                    "ua": device["ua"],
                    "ipv6" if ":" in address else "ip": None if address == _NO_ADDRESS else address,
                    "devicetype": Number(_DEVICE_CODES[device["device_type"]]),
                    "os": device["os"],
                    "geo": _filled(
                        {
                            "country": ALPHA3.get(geo.get("country") or ""),
                            "region": geo.get("region"),
                            "lat": _number(geo.get("lat")),
                            "lon": _number(geo.get("lon")),
                        }
                    ),
                }
            ),
            "user": _filled(
                {
                    "id": user.get("id"),
                    "gender": _GENDER_CODES.get(user.get("gender") or ""),
                }
            ),
            "regs": _filled(
                {
                    "gdpr": Number("1") if regs["gdpr"] else None,
                    "coppa": Number("1") if regs["coppa"] else None,
                    "gpp": regs["gpp"],
                }
            ),
            "source": _filled(
                {"schain": _filled({"nodes": [_filled(node) for node in record["schain"]]})}
            ),
            "at": Number(str(record["at"])),
            "cur": record["cur"],
            "tmax": Number(str(record["tmax"])) if record["tmax"] else None,
        }
    )


def _known_imp(imp: Mapping[str, Any]) -> Json:
    size = _filled({side: _number(imp[side]) for side in ("w", "h")})
    deals = [_filled({"id": deal["id"], "bidfloor": _floor(deal)}) for deal in imp["deals"]]
    return _filled(
        {
            "id": imp["id"],
            "tagid": imp["tagid"],
            "video" if imp["ad_format"] == "video" else "banner": size,
            "bidfloor": _floor(imp),
            "bidfloorcur": imp["bidfloorcur"] if imp["bidfloorcur"] != "USD" else None,
            "pmp": _filled({"deals": deals}),
        }
    )


def _known_place(place: Mapping[str, Any] | None, name: str) -> Json:
    if place is None:
        return {}
    publisher = _filled({"id": place["publisher_id"]})
    return _filled(
        {"id": place["id"], name: place[name], "cat": place["cat"], "publisher": publisher}
    )


def _filled(members: Mapping[str, Any]) -> Json:
    """The members that say anything."""
    return {name: value for name, value in members.items() if value not in (None, "", [], {})}


def _floor(of: Mapping[str, Any]) -> Number | None:
    return None if of["bidfloor"] == "0" else Number(of["bidfloor"])


def _number(value: object) -> Number | None:
    return None if value is None else Number(str(value))


def _imp(imp: Json) -> Json:
    banner, video = imp.get("banner"), imp.get("video")
    is_video = isinstance(video, dict) and not isinstance(banner, dict)
    sized = _object(video if is_video else banner)
    formats = _objects(sized.get("format"))
    if formats and "w" not in sized and "h" not in sized:
        sized = formats[0]
    return {
        "id": _text(imp.get("id")) or "",
        "tagid": _text(imp.get("tagid")),
        "ad_format": "video" if is_video else "display",
        "w": _whole(sized.get("w"), None),
        "h": _whole(sized.get("h"), None),
        "bidfloor": _decimal(imp.get("bidfloor")) or "0",
        "bidfloorcur": _text(imp.get("bidfloorcur")) or "USD",
        "deals": [
            {"id": _text(deal.get("id")) or "", "bidfloor": _decimal(deal.get("bidfloor")) or "0"}
            for deal in _objects(_object(imp.get("pmp")).get("deals"))
        ],
    }


def _place(place: Json, name: str) -> Json:
    return {
        "id": _text(place.get("id")) or "",
        name: _text(place.get(name)) or "",
        "cat": _texts(place.get("cat")),
        "publisher_id": _text(_object(place.get("publisher")).get("id")) or "",
    }


def _device(device: Json, *, is_app: bool) -> Json:
    geo = device.get("geo")
    code = device.get("devicetype")
    found = _DEVICE_TYPES.get(code.text) if isinstance(code, Number) else None
    return {
        "ua": _text(device.get("ua")) or "",
        "ip": _text(device.get("ip")) or _text(device.get("ipv6")) or _NO_ADDRESS,
        "device_type": found or ("mobile" if is_app else "desktop"),
        "os": _text(device.get("os")),
        "geo": _geo(geo) if isinstance(geo, dict) else None,
    }


def _geo(geo: Json) -> Json:
    return {
        "country": ALPHA2.get(_text(geo.get("country")) or ""),
        "region": _text(geo.get("region")),
        "lat": _decimal(geo.get("lat")),
        "lon": _decimal(geo.get("lon")),
    }


def _user(user: object, year: int) -> Json | None:
    if not isinstance(user, dict):
        return None
    born = _whole(user.get("yob"), None)
    bands = [name for age, name in _AGE_BANDS if born is not None and year - born >= age]
    return {
        "id": _text(user.get("id")),
        "age_band": bands[-1] if bands else None,
        "gender": _GENDERS.get(_text(user.get("gender")) or ""),
    }


def _regs(regs: Json) -> Json:
    gdpr = regs.get("gdpr", _object(regs.get("ext")).get("gdpr"))
    return {
        "gdpr": gdpr == Number("1"),
        "coppa": regs.get("coppa") == Number("1"),
        "gpp": _text(regs.get("gpp")),
    }


def _schain(source: Json) -> list[Json]:
    chain = source.get("schain", _object(source.get("ext")).get("schain"))
    return [
        {"asi": _text(node.get("asi")) or "", "sid": _text(node.get("sid")) or ""}
        for node in _objects(_object(chain).get("nodes"))
    ]


def _text(value: object) -> str | None:
    """A text that every system can hold: without NUL and halves of surrogate pairs."""
    return value if isinstance(value, str) and not _ODD.search(value) else None


def _texts(value: object) -> list[str]:
    if not isinstance(value, list) or any(_text(element) is None for element in value):
        return []
    return list(value)


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _objects(value: object) -> list[Json]:
    if not isinstance(value, list) or not all(isinstance(element, dict) for element in value):
        return []
    return list(value)


def _whole(value: object, otherwise: _T) -> int | _T:
    if isinstance(value, Number) and _INTEGER.fullmatch(value.text):
        return int(value.text)
    return otherwise


def _decimal(value: object) -> str | None:
    """A number as the text of a decimal: as it was written where a decimal has that form.

    Others (exponents, more than 9 decimals) are rounded half away from zero; `ext` then has the
    number itself.
    """
    if not isinstance(value, Number):
        return None
    if _PLAIN.fullmatch(value.text):
        return value.text
    try:
        return f"{Decimal(value.text).quantize(_NANO, ROUND_HALF_UP):f}"
    except InvalidOperation:
        return value.text


def _kept_name(name: str) -> str:
    """Names in `ext` that begin with a line are ours; those of a request have one more."""
    return f"_{name}" if name.startswith("_") else name


def _sent_name(name: str) -> str:
    return name.removeprefix("_") if name.startswith("_") else name


def _parsed(text: str | bytes) -> Json:
    try:
        document = json.loads(
            text,
            object_pairs_hook=_members,
            parse_float=Number,
            parse_int=Number,
            parse_constant=_refused,
        )
    except (ValueError, RecursionError) as error:
        raise _no_request("it is not exactly one JSON document, each key once") from error
    if not isinstance(document, dict):
        raise _no_request("it is no JSON object")
    if _is_deeper(document, _MAX_DEPTH):
        raise _no_request(f"it is nested more than {_MAX_DEPTH} levels deep")
    return document


def _is_deeper(document: Json, depth: int) -> bool:
    level: list[Any] = [document]
    while level and depth > 0:
        nodes = [node for node in level if isinstance(node, dict | list)]
        level = [
            child for node in nodes for child in (node.values() if isinstance(node, dict) else node)
        ]
        depth -= 1
    return any(isinstance(node, dict | list) for node in level)


def _members(pairs: list[tuple[str, Any]]) -> Json:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key occurs twice")
    return members


def _refused(text: str) -> Any:
    raise ValueError(f"{text} is no JSON number")


def _no_request(why: str) -> AdxError:
    return AdxError(
        f"This is no OpenRTB bid request: {why}.",
        remedy="Pass the body of the request as the exchange sent it.",
        exit_code=ExitCode.DATA,
    )
