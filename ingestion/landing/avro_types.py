"""Writer schemas: what the types of a file are, and whether they are those of the contract."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from ingestion.contracts import Contract, Field
from ingestion.contracts.avro import PLAIN
from ingestion.errors import AdxError, ExitCode
from ingestion.landing.json_text import MAX_DEPTH

_MAX_TYPES: Final = 10_000
_SIZED: Final = frozenset({"boolean", "int", "long", "float", "double", "string", "bytes"})


@dataclass(frozen=True)
class AvroType:
    """A type of a writer schema, references to named types resolved.

    Attributes:
        kind: `string`, `long`, `record`, ...
        logical: Its logical type.
        fields: Names and types of a record.
        items: Type of the elements of an array.
        branches: Types of a union.
    """

    kind: str
    logical: str | None = None
    fields: tuple[tuple[str, "AvroType"], ...] = ()
    items: "AvroType | None" = None
    branches: tuple["AvroType", ...] = ()

    @property
    def nullable(self) -> "AvroType | None":
        """The type beside null in a union of the two; None for every other type."""
        others = [branch for branch in self.branches if branch.kind != "null"]
        is_pair = len(self.branches) == 2 and len(others) == 1
        return others[0] if is_pair else None

    @property
    def is_sized(self) -> bool:
        """Whether the length of a value is known from the value: then a reader can be checked.

        It is for plain types, records, arrays, and unions with null.
        """
        if self.kind == "union":
            return self.nullable is not None and self.nullable.is_sized
        if self.kind == "record":
            return bool(self.fields) and all(kind.is_sized for _, kind in self.fields)
        if self.items is not None:
            return self.items.is_sized
        return self.kind in _SIZED

    def __str__(self) -> str:
        """The type in a message."""
        if self.kind == "union":
            return "union of " + ", ".join(map(str, self.branches))
        return f"{self.kind} ({self.logical})" if self.logical else self.kind


def parse_types(schema: Any) -> AvroType:
    """Read a writer schema.

    Raises:
        ValueError: It is no Avro schema, or one of a depth or size that nobody means: readers
            follow it to its end, and one of a record within itself has none.
    """
    try:
        found = _parse(schema, "", {}, ())
        depth, count = _extent(found, {})
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("it holds no Avro schema") from error
    if depth > MAX_DEPTH or count > _MAX_TYPES:
        raise ValueError(
            f"its schema is {depth} levels deep and has {count} types, where {MAX_DEPTH} and "
            f"{_MAX_TYPES} are allowed"
        )
    return found


def _extent(kind: AvroType, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Levels and types of a type; a named one counts wherever it is used, and is looked at once."""
    if id(kind) not in known:
        inner = [*kind.branches, *(member for _, member in kind.fields)]
        inner += [kind.items] if kind.items is not None else []
        extents = [_extent(member, known) for member in inner]
        known[id(kind)] = (
            1 + max((depth for depth, _ in extents), default=0),
            1 + sum(count for _, count in extents),
        )
    return known[id(kind)]


def without_logical(schema: Any) -> Any:
    """The same schema with numbers as numbers: a reader may not judge dates before us."""
    if isinstance(schema, Mapping):
        dropped = {"logicalType", "doc", "aliases", "default"}
        return {name: without_logical(node) for name, node in schema.items() if name not in dropped}
    return [without_logical(node) for node in schema] if isinstance(schema, list) else schema


def check_types(contract: Contract, found: AvroType, source_file: str) -> None:
    """Demand that a writer schema gives every declared field its type.

    Fields that the contract does not declare are allowed; a required field may be nullable, and
    then fails the rows where it is null.

    Raises:
        AdxError: A field has another type, or a required one is missing; the message names it.
    """
    if found.kind != "record":
        _changed(contract, source_file, f"is {found}; the contract declares a record")
    _check(contract, source_file, contract.fields, found, "")


def _check(
    contract: Contract, source_file: str, fields: tuple[Field, ...], record: AvroType, prefix: str
) -> None:
    types = dict(record.fields)
    for field in fields:
        path = prefix + field.name
        if field.name in types:
            _check_field(contract, source_file, field, types[field.name], path)
        elif field.required:
            _changed(contract, source_file, f"lacks {path}, which the contract requires")


def _check_field(
    contract: Contract, source_file: str, field: Field, kind: AvroType, path: str
) -> None:
    inner = kind.nullable or kind
    declared = _declared(field)
    fits = inner.kind == declared.kind and inner.logical == declared.logical
    # Avro reads an int as a long; a logical type of a text says nothing about its bytes.
    fits |= field.type == "int" and (inner.kind, inner.logical) == ("int", None)
    fits |= declared.kind == "string" == inner.kind
    if not fits:
        _changed(contract, source_file, f"has {path} as {inner}; the contract says {declared}")
    if field.type == "struct":
        _check(contract, source_file, field.fields, inner, f"{path}.")
    if field.items is not None and inner.items is not None:
        _check_field(contract, source_file, field.items, inner.items, path)


def _declared(field: Field) -> AvroType:
    if field.items is not None:
        return AvroType("array")
    if field.type == "struct":
        return AvroType("record")
    plain = PLAIN[field.type]
    if isinstance(plain, str):
        return AvroType(plain)
    return AvroType(plain["type"], plain["logicalType"])


def _changed(contract: Contract, source_file: str, what: str) -> NoReturn:
    raise AdxError(
        f"The writer schema of {source_file} {what} (contract {contract.name} "
        f"version {contract.version}).",
        remedy="Write it with the schema of the contract, or declare a new contract version "
        "with the change first; no part of the file was loaded.",
        exit_code=ExitCode.DATA,
    )


def _parse(
    node: Any, namespace: str, known: dict[str, AvroType], open_names: tuple[str, ...]
) -> AvroType:
    if isinstance(node, list):
        return AvroType(
            "union", branches=tuple(_parse(branch, namespace, known, open_names) for branch in node)
        )
    if isinstance(node, str):
        return _named(node, namespace, known, open_names)
    kind = node["type"]
    if not isinstance(kind, str):
        return _parse(kind, namespace, known, open_names)
    if kind == "array":
        return AvroType(kind, items=_parse(node["items"], namespace, known, open_names))
    if kind not in {"record", "enum", "fixed"}:
        found = _named(kind, namespace, known, open_names)
        return AvroType(found.kind, node.get("logicalType"), found.fields, found.items)
    name = _full_name(node["name"], node.get("namespace", namespace))
    made = AvroType(kind, node.get("logicalType"))
    if kind == "record":
        inner = name.rpartition(".")[0]
        fields = tuple(
            (field["name"], _parse(field["type"], inner, known, (*open_names, name)))
            for field in node["fields"]
        )
        if len({field for field, _ in fields}) != len(fields):
            raise ValueError("a field of its schema is declared twice")
        if not all(isinstance(field, str) for field, _ in fields):
            raise TypeError("the name of a field is a text")
        made = AvroType(kind, fields=fields)
    known[name] = made
    return made


def _named(
    name: str, namespace: str, known: Mapping[str, AvroType], open_names: tuple[str, ...]
) -> AvroType:
    full = _full_name(name, namespace)
    if full in open_names or name in open_names:
        raise ValueError(f"its schema has the record {name} within itself")
    return known.get(full) or known.get(name) or AvroType(name)


def _full_name(name: str, namespace: str | None) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"
