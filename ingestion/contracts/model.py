"""What a contract file says, as plain immutable objects.

A contract is a JSON Schema (draft 2020-12) with a few keywords of ours:

- `x-source`, `x-table`, `x-version`, `x-carrier`, `x-key`, `x-max-bytes` describe the table;
- `x-files` has the forms of the names of the files that hold its records, where they are dropped;
- `x-event-time` names the field whose UTC date is `event_date`;
- `x-union` says that exactly the member named by the discriminator is filled, `x-one-of` that
  exactly one of some members is;
- on a field, `x-column` renames it in the raw table, `x-pii` (id, ip, url) replaces it before
  anything is written, `x-pseudonym` adds a column with its keyed pseudonym, `x-consent` names the
  boolean that must be true for it to be kept, `x-scale`, `x-length`, `x-minimum` and `x-maximum`
  bound its value, and `x-flatten` turns the leaves of an object into columns of the raw table;
- a text of format `json` holds one JSON object; `x-personal` lists the dotted paths in it whose
  values are replaced by their pseudonyms.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, cast

FieldType = Literal[
    "str", "uuid", "int", "bool", "dec", "ts", "date", "enum", "json", "struct", "array"
]
Pii = Literal["id", "ip", "url"]
Carrier = Literal["kafka", "jsonl", "csv", "avro", "sql", "rest"]

_JSON_TYPES: dict[str, FieldType] = {
    "string": "str",
    "integer": "int",
    "boolean": "bool",
    "object": "struct",
    "array": "array",
}
_FORMATS: dict[str, FieldType] = {
    "date-time": "ts",
    "date": "date",
    "decimal": "dec",
    "uuid": "uuid",
    "json": "json",
}

_TEXTS: tuple[FieldType, ...] = ("str", "uuid", "enum")
_NUMBERS: tuple[FieldType, ...] = ("int", "dec")
_KEYWORD_TYPES: dict[str, tuple[FieldType, ...]] = {
    "x-pii": ("str",),
    "x-pseudonym": ("str",),
    "x-consent": (*_TEXTS, *_NUMBERS, "bool", "ts", "date"),
    "x-personal": ("json",),
    "x-flatten": ("struct",),
    "x-scale": ("dec",),
    "x-length": _TEXTS,
    "minLength": _TEXTS,
    **dict.fromkeys(("minimum", "maximum", "x-minimum", "x-maximum"), _NUMBERS),
    "minItems": ("array",),
}
"""Types for which the landing keeps a keyword; elsewhere it would be a rule that nothing keeps."""

_DROPPED: tuple[Carrier, ...] = ("jsonl", "csv", "avro")
"""Carriers whose records come in files."""

_FLAT: tuple[Carrier, ...] = ("csv", "sql")
"""Carriers whose records have neither objects nor arrays."""

ELEMENT = "element"
"""Name of the elements of an array, as Parquet and Iceberg have it."""


@dataclass(frozen=True)
class Field:
    """One declared field.

    Attributes:
        name: Its name on the wire.
        column: Its name in the raw table (of the leaf, inside its struct if it has one).
        type: `dec` is decimal text on the wire and decimal(38, 9) in the lake; `ts` is RFC 3339
            with a zone on the wire and a UTC timestamp in microseconds in the lake.
        required: A required field may be neither missing nor null.
        description: What it means, and its unit.
        values: The allowed values of an enum.
        pii: How the value is replaced before it is written.
        consent: Dotted path, within the same object, of the boolean that must be true to keep it.
        pseudonym: Extra column that carries the keyed pseudonym of a value that is itself kept.
        fields: The fields of a struct.
        flatten: The leaves of this struct are columns of the table itself.
        minimum: Least allowed value of a number.
        maximum: Greatest allowed value of a number.
        scale: Most decimals a decimal may have.
        min_length: Least number of characters.
        length: Exact number of characters.
        items: What every element of an array is; never null, and without personal data.
        min_items: Least number of elements of an array.
        personal: Dotted paths of personal values in a JSON text.
    """

    name: str
    column: str
    type: FieldType
    required: bool
    description: str
    values: tuple[str, ...] = ()
    pii: Pii | None = None
    consent: str | None = None
    pseudonym: str | None = None
    fields: tuple["Field", ...] = ()
    flatten: bool = False
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    scale: int | None = None
    min_length: int = 0
    length: int | None = None
    items: "Field | None" = None
    min_items: int = 0
    personal: tuple[str, ...] = ()

    @classmethod
    def parse(cls, name: str, node: dict[str, Any], required: bool) -> "Field":
        """Read one property of a contract file.

        Raises:
            ValueError: The property uses a type or a keyword that contracts do not have.
        """
        types = [node["type"]] if isinstance(node["type"], str) else list(node["type"])
        json_type = next(kind for kind in types if kind != "null")
        if json_type not in _JSON_TYPES or required == ("null" in types):
            raise ValueError(f"field {name}: type {types} with required={required}")
        kind = _JSON_TYPES[json_type]
        if "enum" in node:
            kind = "enum"
        elif "format" in node:
            kind = _FORMATS[node["format"]]
        minimum = node.get("minimum", node.get("x-minimum"))
        maximum = node.get("maximum", node.get("x-maximum"))
        field = cls(
            name=name,
            column=node.get("x-column", name),
            type=kind,
            required=required,
            description=node.get("description", ""),
            values=tuple(value for value in node.get("enum", ()) if value is not None),
            pii=cast("Pii | None", node.get("x-pii")),
            consent=node.get("x-consent"),
            pseudonym=node.get("x-pseudonym"),
            fields=parse_fields(node) if kind == "struct" else (),
            flatten=node.get("x-flatten", False),
            minimum=None if minimum is None else Decimal(minimum),
            maximum=None if maximum is None else Decimal(maximum),
            scale=node.get("x-scale"),
            min_length=node.get("minLength", 0),
            length=node.get("x-length"),
            items=_parse_items(name, node) if kind == "array" else None,
            min_items=node.get("minItems", 0),
            personal=tuple(node.get("x-personal", ())),
        )
        for keyword, allowed in _KEYWORD_TYPES.items():
            if node.get(keyword) is not None and kind not in allowed:
                types_of = ", ".join(allowed)
                raise ValueError(f"field {name}: {keyword} is for {types_of}; it is {kind}")
        return field

    @property
    def is_pseudonymised(self) -> bool:
        """Whether a pseudonym of the value is written."""
        return self.pii in {"id", "ip"} or self.pseudonym is not None

    @property
    def is_personal(self) -> bool:
        """Whether it, or anything in it, may speak of a person."""
        own = self.pii is not None or self.pseudonym is not None or bool(self.personal)
        inner = (*self.fields, *((self.items,) if self.items is not None else ()))
        return own or any(field.is_personal for field in inner)


def _parse_items(name: str, node: dict[str, Any]) -> Field:
    if "items" not in node:
        raise ValueError(f"field {name}: type array without items")
    items = Field.parse(ELEMENT, node["items"], required=True)
    if items.is_personal or items.type == "array":
        raise ValueError(f"field {name}: elements are neither personal nor arrays themselves")
    return items


def parse_fields(node: dict[str, Any]) -> tuple[Field, ...]:
    """The declared fields of an object, in the order of the file."""
    required = set(node["required"])
    return tuple(
        Field.parse(name, prop, name in required) for name, prop in node["properties"].items()
    )


@dataclass(frozen=True)
class Union:
    """Exactly the member that the discriminator names is filled."""

    discriminator: str
    members: tuple[str, ...]


@dataclass(frozen=True)
class Contract:
    """One version of the contract of one topic, file kind or SQL table.

    Attributes:
        source: Source system, such as `ad_events`.
        table: Topic, file kind or SQL table, such as `events`.
        version: Version of the contract, from 1.
        description: What a record is.
        carrier: How records arrive.
        key: Fields that identify the record's business object; empty where position decides.
        event_time: Field whose UTC date is `event_date`; None for tables without events.
        union: Payload rule of an envelope.
        one_of: Fields of which exactly one is filled.
        max_record_bytes: Longest record that is accepted, in bytes.
        fields: The declared fields.
        files: Forms of the names of dropped files that hold its records, such as `clicks*.csv`.
        before: The version before this one; None for version 1.
    """

    source: str
    table: str
    version: int
    description: str
    carrier: Carrier
    key: tuple[str, ...]
    event_time: str | None
    union: Union | None
    one_of: tuple[str, ...]
    max_record_bytes: int
    fields: tuple[Field, ...]
    files: tuple[str, ...] = ()
    before: "Contract | None" = None

    @classmethod
    def parse(cls, node: dict[str, Any], before: "Contract | None" = None) -> "Contract":
        """Read a contract file; `before` is the version before it.

        Raises:
            ValueError: It says what contracts, or its carrier, cannot say.
            KeyError: It lacks a keyword that every contract has.
        """
        union = node.get("x-union")
        contract = cls(
            source=node["x-source"],
            table=node["x-table"],
            version=node["x-version"],
            description=node["description"],
            carrier=node["x-carrier"],
            key=tuple(node["x-key"]),
            event_time=node.get("x-event-time"),
            union=Union(union["discriminator"], tuple(union["members"])) if union else None,
            one_of=tuple(node.get("x-one-of", ())),
            max_record_bytes=node["x-max-bytes"],
            fields=parse_fields(node),
            files=tuple(node.get("x-files", ())),
            before=before,
        )
        if contract.files and contract.carrier not in _DROPPED:
            raise ValueError(f"x-files is for {', '.join(_DROPPED)}; it is {contract.carrier}")
        nested = [field for field in contract.fields if field.type in {"struct", "array"}]
        if nested and contract.carrier in _FLAT:
            raise ValueError(
                f"field {nested[0].name}: a record that comes by {contract.carrier} has no "
                f"{nested[0].type}"
            )
        return contract

    def versions(self) -> tuple["Contract", ...]:
        """Version 1 to this one, in order."""
        earlier = self.before.versions() if self.before is not None else ()
        return (*earlier, self)

    @property
    def name(self) -> str:
        """`<source>.<table>`, as people and the ledger name it."""
        return f"{self.source}.{self.table}"

    @property
    def namespace(self) -> str:
        """Iceberg namespace and warehouse schema of the raw table."""
        return f"raw_{self.source}"

    @property
    def identifier(self) -> tuple[str, str]:
        """Iceberg identifier of the raw table."""
        return (self.namespace, self.table)

    @property
    def is_event(self) -> bool:
        """Whether the table is partitioned by the date of its events."""
        return self.event_time is not None

    def column_fields(self) -> Iterator[Field]:
        """The fields that become columns of the raw table, structs of `x-flatten` dissolved."""
        for field in self.fields:
            if field.flatten:
                yield from field.fields
            else:
                yield field
