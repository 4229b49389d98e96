"""The contract's value rules and privacy rules as DuckDB expressions over the text of a value.

They are the vectorised twins of `values.py` and `privacy.py`. A rule may say no to a value that
is allowed (a timestamp in small letters): then the strict parser decides. It never says yes to one
that is not. Every condition is false for a value that breaks it, and true **or null** otherwise,
so that a missing value needs no extra test. Identifiers and addresses leave the query as they
came, and `pseudonyms.py` replaces them; it also judges what may be IPv6.
"""

from ingestion.contracts import Field
from ingestion.landing.values import EARLIEST, LATEST

_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = rf"(?:{_OCTET}\.){{3}}{_OCTET}"
_UUID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_TIMESTAMP = (
    "2[0-9]{3}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(?:\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"


def literal(text: str) -> str:
    """A SQL text literal."""
    return "'" + text.replace("'", "''") + "'"


def value(field: Field, text: str) -> str:
    """The typed value of a text that keeps the field's rules; null or anything for another.

    Args:
        field: The declared field; not a struct.
        text: SQL expression of its text.
    """
    match field.type:
        case "int":
            return f"try_cast({text} as bigint)"
        case "bool":
            return f"({text} = 'true')"
        case "dec":
            # Casting to 18 digits is 40 times cheaper than to 38.
            return (
                f"case when strlen({text}) < 10 then "
                f"try_cast(try_cast({text} as decimal(18, 9)) as decimal(38, 9)) "
                f"else try_cast({text} as decimal(38, 9)) end"
            )
        case "ts":
            # A cast to `timestamp` loses the offset without a word (DuckDB 1.5.5).
            moment = f"try_cast({text} as timestamptz)"
            return f"case when {_in_range(moment)} then make_timestamp(epoch_us({moment})) end"
        case "date":
            return f"try_cast({text} as date)"
        case _:
            return text


def _in_range(moment: str) -> str:
    return (
        f"{moment} >= timestamptz '{EARLIEST.isoformat()}'"
        f" and {moment} < timestamptz '{LATEST.isoformat()}'"
    )


def rules(field: Field, text: str, typed: str, quote: str = "") -> list[str]:
    """Conditions of which none is false for a value that the contract allows, or for null.

    Args:
        field: The declared field; not a struct.
        text: SQL expression of its text.
        typed: SQL expression of its typed value.
        quote: What stands around the text of everything but numbers and booleans.
    """
    conditions = [*_form(field, text, typed, quote), *bounds(field, typed)]
    if field.length is not None:
        conditions.append(f"length({text}) = {field.length + 2 * len(quote)}")
    if field.min_length:
        conditions.append(f"length({text}) >= {field.min_length + 2 * len(quote)}")
    if field.pii == "ip":
        conditions.append(f"{_matches(text, _IPV4, quote)} or contains({text}, ':')")
    return conditions


def bounds(field: Field, typed: str) -> list[str]:
    """Conditions of which none is false for a number that is not too small or too great."""
    conditions = []
    if field.minimum is not None:
        conditions.append(f"{typed} >= {field.minimum}")
    if field.maximum is not None:
        conditions.append(f"{typed} <= {field.maximum}")
    return conditions


def _form(field: Field, text: str, typed: str, quote: str) -> list[str]:
    castable = f"({typed} is null) = ({text} is null)"
    match field.type:
        case "int":
            # Also refuses what a cast would round or trim: 1.0, 1e2, +1, 01.
            made = [f"{typed}::varchar is not distinct from {text}"]
        case "bool":
            made = [f"{text} = 'true' or {text} = 'false'"]
        case "enum":
            # Not `in`: DuckDB turns a long one into a hash join.
            names = (literal(quote + name + quote) for name in field.values)
            made = [" or ".join(f"{text} = {name}" for name in names)]
        case "uuid":
            made = [_matches(text, _UUID, quote)]
        case "ts":
            made = [_matches(text, _TIMESTAMP, quote), castable]
        case "date":
            made = [_matches(text, _DATE, quote), castable]
        case "dec":
            scale = 9 if field.scale is None else field.scale
            decimals = rf"(?:\.[0-9]{{1,{scale}}})?" if scale else ""
            made = [_matches(text, f"-?(?:0|[1-9][0-9]{{0,28}}){decimals}", quote), castable]
        case _:
            made = []
    return made


def implies_text(field: Field) -> bool:
    """Whether the rules of a field, given with quotes, hold for nothing but a text."""
    return field.type in {"enum", "uuid", "ts", "date", "dec"}


def kept(field: Field, typed: str, consent: str | None) -> str:
    """What of a value leaves the query.

    Args:
        field: The declared field; not a struct.
        typed: SQL expression of its typed value.
        consent: SQL condition under which it may be kept; None for always.
    """
    allowed = typed if consent is None else f"case when {consent} then {typed} end"
    if field.pii == "url":
        return f"split_part(split_part({allowed}, '?', 1), '#', 1)"
    return allowed


def _matches(text: str, pattern: str, quote: str) -> str:
    return f"regexp_full_match({text}, {literal(quote + pattern + quote)})"
