"""Declared fixes of failed records: which records a rule is for, and what it does to them.

    rules:
      - name: prices that came as numbers
        table: adserver.conversions
        reason: schema          # optional: only records that failed for this reason
        field: value            # optional: only records that failed at this field
        fixes:                  # applied in this order
          - rename: {from: adv, to: advertiser_id}
          - default: {field: currency, value: EUR}
          - cast: {field: value, to: dec}
          - drop: {field: debug}
      - table: ad_events.events
        contract: 2             # nothing to mend: version 2 of the contract allows it

A record that several rules match gets the fixes of all of them, in the order of the file; one that
no rule matches is left alone. A fix changes the record as it came, never a verdict: what it makes
goes through the same parser as everything else, and fails again if that refuses it.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NoReturn, cast, get_args

import yaml

from ingestion.contracts import Contract, Field, all_contracts
from ingestion.errors import AdxError, ExitCode
from ingestion.landing.json_text import Number
from ingestion.landing.verdict import Reason

Dotted = tuple[str, ...]
"""A dotted path, split."""

_WIRE: Final = {"str": "str", "uuid": "str", "enum": "str", "json": "str"}
"""What a declared type is on the wire, where it has another name."""
_CASTS: Final = ("str", "int", "dec", "bool", "ts")
_UNITS: Final = {"s": 1, "ms": 1_000, "us": 1_000_000}
_WHOLE: Final = re.compile(r"(-?[0-9]{1,19})(?:\.0+)?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Rename:
    """Moves a value to where the contract has it, unless something stands there."""

    source: Dotted
    target: Dotted

    def apply(self, record: dict[str, Any]) -> None:
        """Change the record in place."""
        parent = _parent(record, self.source)
        if parent is None or self.source[-1] not in parent:
            return
        target = _parent(record, self.target, make=True)
        if target is not None and target.get(self.target[-1]) is None:
            target[self.target[-1]] = parent.pop(self.source[-1])


@dataclass(frozen=True)
class Default:
    """Gives a value to a field that is missing or null."""

    field: Dotted
    value: str | int | bool

    def apply(self, record: dict[str, Any]) -> None:
        """Change the record in place."""
        parent = _parent(record, self.field, make=True)
        if parent is not None and parent.get(self.field[-1]) is None:
            parent[self.field[-1]] = self.value


@dataclass(frozen=True)
class Cast:
    """Writes a value as the declared type; one that cannot be written so stays as it is."""

    field: Dotted
    to: str
    unit: str | None

    def apply(self, record: dict[str, Any]) -> None:
        """Change the record in place."""
        parent = _parent(record, self.field)
        if parent is not None and parent.get(self.field[-1]) is not None:
            parent[self.field[-1]] = _cast(parent[self.field[-1]], self.to, self.unit)


@dataclass(frozen=True)
class Drop:
    """Takes a field off."""

    field: Dotted

    def apply(self, record: dict[str, Any]) -> None:
        """Change the record in place."""
        parent = _parent(record, self.field)
        if parent is not None:
            parent.pop(self.field[-1], None)


Fix = Rename | Default | Cast | Drop


@dataclass(frozen=True)
class Rule:
    """One rule of a file.

    Attributes:
        name: How messages call it.
        table: Raw table, as `<source>.<table>`.
        reason: Only records that failed for this reason.
        field: Only records that failed at this field.
        contract: Only records that failed under an earlier version than this one.
        fixes: What is done, in order.
    """

    name: str
    table: str
    reason: str | None
    field: str | None
    contract: int | None
    fixes: tuple[Fix, ...]

    def matches(
        self, table: str, reason: str, field: str | None, contract_version: int | None
    ) -> bool:
        """Whether the rule is for a record that failed so."""
        return (
            self.table == table
            and self.reason in (None, reason)
            and self.field in (None, field)
            and (self.contract is None or (contract_version or 0) < self.contract)
        )


@dataclass(frozen=True)
class Rules:
    """The rules of one file.

    Attributes:
        rules: The rules, in order.
        sha256: Hash of what they say, whatever their comments and layout.
    """

    rules: tuple[Rule, ...]
    sha256: str


def read_rules(path: Path) -> Rules:
    """Read a file of rules.

    Raises:
        AdxError: It cannot be read, or says something that rules cannot say.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise AdxError(
            f"The rules in {path} cannot be read: {' '.join(str(error).split())}",
            remedy="Name a YAML file; docs/runbooks/failed-records.md has an example.",
            exit_code=ExitCode.USAGE,
        ) from error
    return parse_rules(content)


def parse_rules(content: object) -> Rules:
    """Check rules against the contracts they speak of.

    Raises:
        AdxError: One says something that rules cannot say; it names the rule and the field.
    """
    if not isinstance(content, dict) or set(content) != {"rules"}:
        _wrong("The file of rules", "has one key, `rules`")
    if not isinstance(content["rules"], list) or not content["rules"]:
        _wrong("The file of rules", "has a list of at least one rule")
    found = tuple(_rule(node, number) for number, node in enumerate(content["rules"], start=1))
    text = json.dumps(content, sort_keys=True, default=str)
    return Rules(found, hashlib.sha256(text.encode()).hexdigest())


def _rule(node: object, number: int) -> Rule:
    name = f"Rule {number}"
    if not isinstance(node, dict):
        _wrong(name, "is a mapping with a table and fixes")
    if node.get("name") is not None:
        name = f"Rule {number} ({node['name']})"
    _check_keys(name, node, {"name", "table", "reason", "field", "contract", "fixes"})
    contracts = {contract.name: contract for contract in all_contracts()}
    contract = contracts.get(str(node.get("table")))
    if contract is None:
        _wrong(name, f"names a table: one of {', '.join(contracts)}")
    reason, version = node.get("reason"), node.get("contract")
    if reason is not None and reason not in get_args(Reason):
        _wrong(name, f"has a reason that is one of {', '.join(get_args(Reason))}")
    if version is not None and (type(version) is not int or version > contract.version):
        _wrong(name, f"wants a version of {contract.name} that is there: 2 to {contract.version}")
    fixes = node.get("fixes", [])
    if not isinstance(fixes, list) or (not fixes and version is None):
        _wrong(name, "has a list of fixes, or a contract")
    return Rule(
        name=name,
        table=contract.name,
        reason=reason,
        field=None if node.get("field") is None else str(node["field"]),
        contract=version,
        fixes=tuple(
            _fix(f"{name}, fix {place}", fix, contract) for place, fix in enumerate(fixes, start=1)
        ),
    )


def _fix(name: str, node: object, contract: Contract) -> Fix:
    if not isinstance(node, dict) or len(node) != 1:
        _wrong(name, "is one of rename, default, cast, drop")
    (kind, said), *_ = node.items()
    if kind not in {"rename", "default", "cast", "drop"}:
        _wrong(name, f"is one of rename, default, cast, drop; it is {kind}")
    keys = {
        "rename": {"from", "to"},
        "default": {"field", "value"},
        "cast": {"field", "to", "unit"},
        "drop": {"field"},
    }[kind]
    if not isinstance(said, dict) or not keys - {"unit"} <= set(said):
        _wrong(f"{name} ({kind})", f"has {' and '.join(sorted(keys - {'unit'}))}")
    _check_keys(f"{name} ({kind})", said, keys)
    name = f"{name} ({kind})"
    if kind == "rename":
        _declared(name, contract, said["to"])
        return Rename(_path(name, said["from"]), _path(name, said["to"]))
    if kind == "drop":
        return Drop(_path(name, said["field"]))
    field = _declared(name, contract, said["field"])
    if kind == "default":
        return Default(_path(name, said["field"]), _default(name, field, said))
    to, unit = said["to"], said.get("unit")
    if to not in _CASTS:
        _wrong(name, f"casts {said['field']} to one of {', '.join(_CASTS)}")
    if to != _WIRE.get(field.type, field.type):
        _wrong(name, f"casts {said['field']} to {to}, which the contract has as {field.type}")
    if unit is not None and (to != "ts" or unit not in _UNITS):
        _wrong(name, f"has a unit only for ts: one of {', '.join(_UNITS)}")
    return Cast(_path(name, said["field"]), to, unit)


def _default(name: str, field: Field, said: Mapping[str, Any]) -> str | int | bool:
    value = said["value"]
    wanted = {"int": int, "bool": bool}.get(field.type, str)
    if type(value) is not wanted or field.type in {"struct", "array"}:
        words = {int: "a whole number", bool: "true or false"}.get(wanted, "text in quotes")
        _wrong(name, f"gives {said['field']} {words}: the contract has it as {field.type}")
    return cast("str | int | bool", value)


def _declared(name: str, contract: Contract, text: object) -> Field:
    """The field of a contract at a path through its objects."""
    fields = contract.fields
    path = _path(name, text)
    for place, part in enumerate(path):
        field = next((one for one in fields if one.name == part), None)
        if field is None:
            _wrong(name, f"names {text}, which {contract.name} does not declare")
        if place == len(path) - 1:
            return field
        fields = field.fields
    raise AssertionError("a path has a part")


def _path(name: str, text: object) -> Dotted:
    parts = tuple(str(text).split(".")) if isinstance(text, str) else ()
    if not parts or not all(parts):
        _wrong(name, f"names a field by its dotted path; {text!r} is none")
    return parts


def _check_keys(name: str, node: Mapping[str, Any], allowed: set[str]) -> None:
    unknown = sorted(str(key) for key in node if key not in allowed)
    if unknown:
        _wrong(name, f"has only {', '.join(sorted(allowed))}; it also has {', '.join(unknown)}")


def _wrong(name: str, rule: str) -> NoReturn:
    raise AdxError(
        f"{name} is wrong: it {rule}.",
        remedy="docs/runbooks/failed-records.md says what rules can say.",
        exit_code=ExitCode.USAGE,
    )


def _parent(record: dict[str, Any], path: Dotted, *, make: bool = False) -> dict[str, Any] | None:
    """The object that holds the last part of a path; None if there is none."""
    node = record
    for part in path[:-1]:
        inner = node.get(part)
        if inner is None and make:
            inner = node[part] = {}
        if not isinstance(inner, dict):
            return None
        node = inner
    return node


def _cast(value: Any, to: str, unit: str | None) -> Any:
    """A value as another type; as it is if it cannot be written so without losing anything."""
    text = _text(value)
    made: Any = None
    if text is None or to in {"str", "dec"}:
        made = text
    elif to == "bool":
        made = {"true": True, "1": True, "false": False, "0": False}.get(text.strip().lower())
    elif (match := _WHOLE.fullmatch(text.strip())) is not None:
        made = int(match[1]) if to == "int" else _moment(int(match[1]), unit)
    return value if made is None else made


def _moment(number: int, unit: str | None) -> str | None:
    """A number of seconds or parts of them since 1970 as a timestamp."""
    if unit is None:
        return None
    try:
        moment = _EPOCH + timedelta(microseconds=number * (1_000_000 // _UNITS[unit]))
    except OverflowError:
        return None
    return moment.isoformat()


def _text(value: Any) -> str | None:
    """A scalar as JSON writes it, text as it is; None for what is no scalar."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int():
            return str(value)
        case Number():
            return value.text
        case _:
            return None
