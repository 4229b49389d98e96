"""A draft contract, made from what a crawl found, and its adoption.

A draft is careful: a text that nobody has called harmless becomes a keyed pseudonym, an address its
prefix, a URL loses its query; and what a contract cannot say (numbers with a floating point,
objects, lists, fields of several types) stays undeclared, so that it lands encrypted in `_extras`.
"""

import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ingestion.contracts import Contract, all_contracts
from ingestion.contracts.registry import contracts_folder, contracts_of
from ingestion.drafts.draft import Draft, DraftColumn
from ingestion.errors import AdxError, ExitCode
from ingestion.lake.durable import write_new_file

_MAX_RECORD_BYTES: Final = 262_144
_TABLE: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_TYPES: Final[dict[str, dict[str, str]]] = {
    "int": {"type": "integer"},
    "dec": {"type": "string", "format": "decimal"},
    "bool": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "ts": {"type": "string", "format": "date-time"},
    "uuid": {"type": "string"},
    "ip": {"type": "string"},
    "url": {"type": "string"},
    "text": {"type": "string"},
}
_PERSONAL: Final = {"uuid": "id", "text": "id", "ip": "ip", "url": "url"}
_STORED: Final = {
    "id": "stored as its keyed pseudonym",
    "ip": "stored as its keyed pseudonym and its /24 or /48 prefix",
    "url": "stored without its query",
}


@dataclass(frozen=True)
class Adoption:
    """A draft that became a contract.

    Attributes:
        contract: Its name, `<source>.<table>`.
        path: The contract file.
        undeclared: Fields that it leaves out, each with the reason.
        retry: Commands that land the files that wait in the error archive.
    """

    contract: str
    path: Path
    undeclared: dict[str, str]
    retry: tuple[str, ...]


def draft_contract(
    draft: Draft,
    *,
    table: str | None = None,
    key: Sequence[str] = (),
    event_time: str | None = None,
    clear: Collection[str] = (),
) -> dict[str, Any]:
    """The contract that a draft would become.

    Args:
        draft: The draft.
        table: Name of the table; by default the kind.
        key: Fields that identify a record.
        event_time: Field whose UTC date is `event_date`; without one, rows are dated by their load.
        clear: Text fields that hold nothing personal and are kept as they are.

    Raises:
        AdxError: The files are in a form that no contract takes, or a field is none of theirs.
    """
    table = table or draft.kind
    if not _TABLE.fullmatch(table):
        raise _refused(f"{table} is no name of a table", "Name it like orders or order_lines.")
    _demand_form(draft)
    declared = {column.name: column for column in draft.columns if column.type in _TYPES}
    required = [*key, *([event_time] if event_time is not None else [])]
    for name in (*required, *clear):
        if name not in declared:
            known = ", ".join(declared)
            raise _refused(f"{draft.name} has no field {name} to declare", f"It has: {known}.")
    for name in required:
        if declared[name].filled < draft.rows:
            empty = draft.rows - declared[name].filled
            raise _refused(
                f"{name} is empty in {empty} of {draft.rows} records of {draft.name}",
                "Choose a field that every record has.",
            )
    if event_time is not None and declared[event_time].type != "ts":
        raise _refused(
            f"{event_time} of {draft.name} is {declared[event_time].type}, no time with a zone",
            "Leave --event-time out, or let the source send RFC 3339 times.",
        )
    name = f"{draft.source}.{table}"
    properties: dict[str, dict[str, Any]] = {}
    taken = {"event_date"}
    for column in declared.values():
        node = _property(column, is_required=column.name in required, clear=clear)
        plain = _column(column.name, taken)
        taken.add(plain)
        properties[column.name] = node | ({"x-column": plain} if plain != column.name else {})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"advertisex:{name}.v1",
        "title": name,
        "description": f"Files named {' or '.join(draft.names)}, dropped for {draft.source}.",
        "x-source": draft.source,
        "x-table": table,
        "x-version": 1,
        "x-carrier": draft.format,
        "x-files": list(draft.names),
        "x-key": list(key),
        **({"x-event-time": event_time} if event_time is not None else {}),
        "x-max-bytes": _MAX_RECORD_BYTES,
        "type": "object",
        "properties": properties,
        "required": list(dict.fromkeys(required)),
    }


def adopt(draft: Draft, node: dict[str, Any], places: Sequence[str]) -> Adoption:
    """Write a draft's contract into the folder of contracts.

    Args:
        draft: The draft.
        node: What `draft_contract` made of it.
        places: The attempts in the error archive that hold its files.

    Raises:
        AdxError: The table or the names of its files are declared already, or the contract says
            what contracts cannot say.
    """
    contract = _parsed(node)
    for known in all_contracts():
        taken = set(known.files) & set(contract.files) if known.source == contract.source else ()
        if known.name == contract.name or taken:
            raise AdxError(
                f"{known.name} is declared already.",
                remedy="Give it a new version instead (docs/runbooks/contracts.md), or choose "
                "another --table.",
                exit_code=ExitCode.USAGE,
            )
    path = contracts_folder() / contract.source / f"{contract.table}.v1.json"
    if not write_new_file(path, f"{json.dumps(node, indent=2)}\n".encode()):
        raise FileExistsError(path)
    contracts_of.cache_clear()
    return Adoption(
        contract.name,
        path,
        undeclared(draft),
        tuple(f"adx files retry {draft.source}/{place}" for place in places),
    )


def undeclared(draft: Draft) -> dict[str, str]:
    """Fields that a draft contract leaves out, and why; they land encrypted in `_extras`."""
    reasons = {
        "float": "numbers with a floating point lose digits: let the source send decimals as text",
        "object": "an object: declare its fields by hand",
        "array": "a list: declare its elements by hand",
        "mixed": "its values have several types",
    }
    return {column.name: reasons[column.type] for column in draft.columns if column.type in reasons}


def _demand_form(draft: Draft) -> None:
    if draft.format == "unknown":
        raise _refused(
            f"The files of {draft.name} are neither CSV nor JSON lines nor Avro",
            "Let the source send one of these.",
        )
    if draft.format == "csv" and not draft.has_header:
        raise _refused(
            f"The CSV files of {draft.name} do not name their fields",
            "Let the source send a header line of names.",
        )
    if draft.format == "csv" and draft.delimiter != ",":
        raise _refused(
            f"The fields of {draft.name} are parted by {draft.delimiter!r}",
            "Let the source part them by commas.",
        )


def _property(column: DraftColumn, *, is_required: bool, clear: Collection[str]) -> dict[str, Any]:
    found = dict(_TYPES[column.type])
    kept = column.name in clear
    pii = None if kept else _PERSONAL.get(column.type)
    if column.type == "uuid" and kept:
        found["format"] = "uuid"
    meaning = f"Field {column.name}"
    node: dict[str, Any] = {
        "type": found["type"] if is_required else [found["type"], "null"],
        "description": f"{meaning}; {_STORED[pii]}." if pii else f"{meaning}.",
    }
    if "format" in found:
        node["format"] = found["format"]
    if pii:
        node["x-pii"] = pii
    return node


def _column(name: str, taken: Collection[str]) -> str:
    """The name of a field's column: lower case, without blanks, and its own."""
    plain = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_") or "field"
    if plain[0].isdigit():
        plain = f"field_{plain}"
    number, found = 1, plain
    while found in taken:
        number += 1
        found = f"{plain}_{number}"
    return found


def _parsed(node: dict[str, Any]) -> Contract:
    try:
        return Contract.parse(node)
    except (ValueError, KeyError) as error:
        raise _refused(
            f"The draft is no contract: {error}", "Write the contract by hand from its fields."
        ) from error


def _refused(message: str, remedy: str) -> AdxError:
    return AdxError(f"{message}.", remedy=remedy, exit_code=ExitCode.USAGE)
