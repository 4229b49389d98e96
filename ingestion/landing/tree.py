"""A contract as a numbered tree, and the parts of a query that every carrier shares.

A query names what belongs to a leaf by its number: `t3` is its text, `v3` its typed value; `p2`
says whether the struct with number 2 is there.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contracts import Contract, Field
from ingestion.contracts.schema import column_schema
from ingestion.landing import predicates

IS_WHOLE = "is_whole"
"""Column of a query: the record holds nothing but what the contract declares."""
IS_FITTING = "is_fitting"
"""Column of a query: the values of all declared fields keep the contract."""

_FINISHED, _IN_QUOTES = ".", ":"
_SELECTED = re.compile(r"([0-9]+)([.:])(.+)")


@dataclass(frozen=True)
class Leaf:
    """One declared value."""

    number: int
    field: Field
    path: tuple[str, ...]

    @property
    def required(self) -> bool:
        """Whether it may be neither missing nor null."""
        return self.field.required

    @property
    def text(self) -> str:
        """Column of its text."""
        return f"t{self.number}"

    @property
    def typed(self) -> str:
        """Column of its typed value."""
        return f"v{self.number}"

    @property
    def is_text(self) -> bool:
        """Whether JSON writes it in quotes."""
        return self.field.type not in {"int", "bool"}

    @property
    def takes_header(self) -> bool:
        """Whether the record header fills it where the record does not."""
        return self.field.column == "_event_id"

    @property
    def is_made_apart(self) -> bool:
        """Whether no query makes its column: elements, and texts with a grammar.

        `nested` makes it beside its query; elsewhere the strict parser judges each record with one.
        """
        return self.field.items is not None or self.field.type == "json"

    def named(self, column: str) -> str:
        """Under which name `assemble` finds one of its raw columns."""
        return f"{self.number}{_FINISHED}{column}"

    @property
    def is_kept_as_sent(self) -> bool:
        """Whether its text goes to the lake as it is."""
        field = self.field
        return field.type in {"str", "uuid", "enum"} and not (
            field.pii or field.consent or field.pseudonym or self.takes_header
        )


@dataclass(frozen=True)
class Node:
    """The record itself (without a field) or one of its structs."""

    number: int
    field: Field | None
    path: tuple[str, ...]
    members: tuple["Leaf | Node", ...]

    @property
    def required(self) -> bool:
        """Whether it may be neither missing nor null."""
        return self.field is None or self.field.required

    @property
    def present(self) -> str:
        """Column that says whether it is there."""
        return f"p{self.number}"

    @property
    def leaves(self) -> Iterator[Leaf]:
        """Its own values, and those of its structs."""
        for member in self.members:
            if isinstance(member, Leaf):
                yield member
            else:
                yield from member.leaves

    @property
    def nodes(self) -> Iterator["Node"]:
        """Its structs, and theirs."""
        for member in self.members:
            if isinstance(member, Node):
                yield member
                yield from member.nodes


def tree(contract: Contract) -> Node:
    """The contract's declared fields, numbered."""
    return grown(contract.fields)


@cache
def grown(fields: tuple[Field, ...]) -> Node:
    """The fields of a contract, or of the elements of an array, numbered; an array is a leaf."""
    count = 0

    def grow(field: Field, path: tuple[str, ...]) -> Leaf | Node:
        nonlocal count
        count += 1
        number, below = count, (*path, field.name)
        if field.type != "struct":
            return Leaf(number, field, below)
        return Node(number, field, below, tuple(grow(child, below) for child in field.fields))

    return Node(0, None, (), tuple(grow(field, ()) for field in fields))


def required_rules(node: Node, column: str) -> list[str]:
    """Every required member of an object that is there is there too; the record always is.

    Args:
        node: The object.
        column: Prefix of the column that is null where a leaf is missing.
    """
    conditions: list[str] = []
    for member in node.members:
        there = _there(member, column)
        if member.required:
            conditions.append(there if node.field is None else f"({there}) >= {node.present}")
        if isinstance(member, Node):
            conditions += required_rules(member, column)
    return conditions


def payload_rules(contract: Contract, root: Node, column: str) -> list[str]:
    """The members that `x-union` and `x-one-of` speak of are filled as those say.

    Args:
        contract: The contract.
        root: Its tree.
        column: Prefix of the columns of texts without quotes.
    """
    by_name = {member.path[-1]: member for member in root.members}
    conditions = []
    if contract.union is not None:
        chosen = f"{column}{by_name[contract.union.discriminator].number}"
        conditions = [
            f"({_there(by_name[name], column)}) = ({chosen} = {predicates.literal(name)})"
            for name in contract.union.members
        ]
    if contract.one_of:
        filled = (f"({_there(by_name[name], column)})::integer" for name in contract.one_of)
        conditions.append(f"{' + '.join(filled)} = 1")
    return conditions


def unjudged_rules(root: Node, column: str) -> list[str]:
    """None of the values is there that a query cannot judge, so that the strict parser does."""
    return [f"{column}{leaf.number} is null" for leaf in root.leaves if leaf.is_made_apart]


def _there(member: Leaf | Node, column: str) -> str:
    return member.present if isinstance(member, Node) else f"{column}{member.number} is not null"


def columns(root: Node, quoted_column: str | None) -> list[str]:
    """The select list of what raw columns are made of: a column for each leaf, structs as flags.

    DuckDB would copy every text of a struct to make it null, where Arrow needs a bit: so leaves
    leave the query one by one, and `assemble` puts them together. It also takes quotes off texts
    that need nothing else, at a third of DuckDB's price.

    Args:
        root: The contract.
        quoted_column: Prefix of the columns of texts in quotes, if there are any.
    """
    selected = []
    for leaf in root.leaves:
        if leaf.is_made_apart:
            continue
        if quoted_column is not None and leaf.is_kept_as_sent:
            name = f"{leaf.number}{_IN_QUOTES}{leaf.field.column}"
            selected.append(f'{quoted_column}{leaf.number} as "{name}"')
        else:
            selected.append(f'{_kept(root, leaf)} as "{leaf.named(leaf.field.column)}"')
    return [*selected, *(node.present for node in root.nodes)]


def judging_query(root: Node, values: Sequence[str], conditions: Sequence[str]) -> str:
    """The query over records that come as a column for each leaf, and hold nothing else.

    Args:
        root: The contract.
        values: `<expression> as <typed column>` of each leaf.
        conditions: What a record has to keep.
    """
    kept = " and ".join(f"({condition})" for condition in conditions) or "true"
    selected = [
        f"true as {IS_WHOLE}",
        f"({kept}) is distinct from false as {IS_FITTING}",
        *columns(root, None),
    ]
    return (
        f"with typed as (select *, {', '.join(values)} from records) "
        f"select {', '.join(selected)} from typed"
    )


def _kept(root: Node, leaf: Leaf) -> str:
    consent = None
    if leaf.field.consent is not None:
        path = (*leaf.path[:-1], *leaf.field.consent.split("."))
        consent = next(other.typed for other in root.leaves if other.path == path)
    return predicates.kept(leaf.field, leaf.typed, consent)


def assemble(contract: Contract, found: pa.Table) -> dict[str, pa.Array]:
    """The raw columns, without `_extras`, `_error` and `_load_date`, from the query's columns.

    Args:
        contract: The contract.
        found: What `columns` selected, and what was made apart.
    """
    made = assembled(tree(contract), found)
    for field in contract.fields:
        if contract.event_time in (field.name, field.column):
            made["event_date"] = made[field.column].cast(pa.date32())
    return made


def assembled(root: Node, found: pa.Table) -> dict[str, pa.Array]:
    """The columns of some fields from those of a query."""
    leaves: dict[int, dict[str, pa.Array]] = {}
    for name in found.column_names:
        if (selected := _SELECTED.fullmatch(name)) is not None:
            array = found[name].combine_chunks()
            if selected[2] == _IN_QUOTES:
                array = pc.binary_slice(array.cast(pa.binary()), 1, -1).cast(pa.string())
            leaves.setdefault(int(selected[1]), {})[selected[3]] = array
    made: dict[str, pa.Array] = {}
    for member in root.members:
        made |= _arrays(found, leaves, member)
    return made


def _arrays(
    found: pa.Table, leaves: dict[int, dict[str, pa.Array]], member: Leaf | Node
) -> dict[str, pa.Array]:
    if isinstance(member, Leaf):
        if member.is_made_apart and member.number not in leaves:
            (column,) = column_schema(member.field)
            return {column.name: pa.nulls(len(found), column.type)}
        return leaves[member.number]
    arrays: dict[str, pa.Array] = {}
    for child in member.members:
        arrays |= _arrays(found, leaves, child)
    if member.field is None or member.field.flatten:
        return arrays
    absent = pc.invert(found[member.present].combine_chunks())
    struct = pa.StructArray.from_arrays(list(arrays.values()), list(arrays), mask=absent)
    return {member.field.column: struct}
