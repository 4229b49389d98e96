"""The vectorised path for nested records that come with types of their own: Avro files.

One DuckDB query judges the values of a record outside of its arrays, and one the elements of each
array, all elements of all records at once. Numbers and booleans have their types already; texts
keep the same rules as in the other carriers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contracts import Contract, Field
from ingestion.contracts.model import ELEMENT
from ingestion.contracts.schema import column_schema
from ingestion.landing import engine, predicates
from ingestion.landing.context import LandingContext
from ingestion.landing.json_text import is_json_object, without_personal
from ingestion.landing.pseudonyms import pseudonymised
from ingestion.landing.rows import Mask, accepted_rows
from ingestion.landing.tree import (
    IS_FITTING,
    Leaf,
    Node,
    assembled,
    grown,
    judging_query,
    payload_rules,
    required_rules,
)
from ingestion.landing.values import EARLIEST, LATEST

Counts = np.ndarray[Any, np.dtype[np.int64]]

_LONGEST_NUMBER = len("-9223372036854775808,")
_ESCAPED = 6
"""Most bytes that JSON takes for one byte of a text."""


@dataclass(frozen=True)
class Accepted:
    """What the vectorised path says about some records.

    Attributes:
        rows: One row a record in `body_schema`.
        doubtful: The records that only the strict parser can judge.
        drifting: The others that hold more than the contract declares.
    """

    rows: pa.Table
    doubtful: Mask
    drifting: Mask


def accept_nested(context: LandingContext, records: pa.Table) -> Accepted:
    """Rows of the records that keep the contract for certain.

    Args:
        context: The landing.
        records: The records by wire name: texts, 64-bit integers (also for timestamps, in
            microseconds), booleans, structs and lists.
    """
    contract = context.contract
    arrays = {name: records[name].combine_chunks() for name in records.column_names}
    level = _Level(context, contract.fields, arrays, len(records), contract)
    rows, doubtful, _ = accepted_rows(context, level.found)
    doubtful |= ~level.fits | (level.longest > contract.max_record_bytes)
    return Accepted(rows, doubtful, level.drifts & ~doubtful)


class _Level:
    """The records themselves, or the elements of one array.

    Attributes:
        found: The query's columns, and those made beside it.
        fits: Whether all values outside of the query are right.
        drifts: Whether there is anything that is not declared.
        longest: Most bytes that each may take as JSON.
    """

    def __init__(
        self,
        context: LandingContext,
        fields: tuple[Field, ...],
        arrays: Mapping[str, pa.Array],
        count: int,
        contract: Contract | None = None,
    ) -> None:
        self.fits: Mask = np.ones(count, np.bool_)
        self.drifts: Mask = np.zeros(count, np.bool_)
        self.longest: Counts = np.zeros(count, np.int64)
        self._context = context
        self._count = count
        self._inputs: dict[str, pa.Array] = {}
        self._apart: dict[str, pa.Array] = {}
        root = grown(fields)
        self._gather(root, arrays)
        self.found = engine.run(
            _query(fields, contract),
            pa.table(self._inputs),
            threads=context.threads,
        )
        for name, array in self._apart.items():
            self.found = self.found.append_column(name, array)
        self.root = root

    def _gather(self, node: Node, arrays: Mapping[str, pa.Array]) -> None:
        for name in arrays.keys() - {member.path[-1] for member in node.members}:
            self.drifts |= _mask(arrays[name].is_valid())
        for member in node.members:
            name = member.path[-1]
            array = arrays.get(name)
            self.longest += _ESCAPED * len(name) + _LONGEST_NUMBER
            if isinstance(member, Node):
                self._gather_struct(member, array)
            elif member.field.items is not None:
                self._gather_list(member, member.field.items, array)
            else:
                self._gather_value(member, array)

    def _gather_struct(self, node: Node, array: pa.Array | None) -> None:
        if array is None:
            array = pa.nulls(self._count, pa.struct([]))
        self._inputs[node.present] = array.is_valid()
        names = [child.name for child in array.type]
        self._gather(node, dict(zip(names, array.flatten(), strict=True)))

    def _gather_value(self, leaf: Leaf, array: pa.Array | None) -> None:
        field = leaf.field
        native = _NATIVE.get(field.type)
        if array is None:
            array = pa.nulls(self._count, native or pa.string())
        elif native is not None:
            array = array.cast(native)
        else:
            self._weigh(array)
        if field.type == "json":
            array = self._json_texts(leaf, array)
        self._inputs[leaf.text] = array

    def _weigh(self, texts: pa.Array) -> None:
        self.longest += _ESCAPED * pc.fill_null(pc.binary_length(texts), 0).to_numpy().astype(int)
        if _holds_nul(texts):
            self.fits &= ~_mask(pc.fill_null(pc.match_substring(texts, "\0"), False))

    def _json_texts(self, leaf: Leaf, array: pa.Array) -> pa.Array:
        key = self._context.keys.pseudonym_key()
        texts: list[str | None] = array.to_pylist()
        for place, text in enumerate(texts):
            if text is None:
                continue
            if is_json_object(text):
                texts[place] = without_personal(text, leaf.field.personal, key)
            else:
                self.fits[place] = False
        self._apart[leaf.named(leaf.field.column)] = pa.array(texts, pa.string())
        return array

    def _gather_list(self, leaf: Leaf, items: Field, array: pa.Array | None) -> None:
        (column,) = column_schema(leaf.field)
        name = leaf.named(column.name)
        if array is None:
            self._apart[name] = pa.nulls(self._count, column.type)
            self._inputs[leaf.text] = pa.nulls(self._count, pa.bool_())
            return
        there = array.is_valid()
        self._inputs[leaf.text] = pc.if_else(there, True, pa.scalar(None, pa.bool_()))
        lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False)
        ends = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
        elements = array.flatten()
        made = _Elements(self._context, items, elements, column.type.value_type)

        def total(values: Mask | Counts) -> Counts:
            sums = np.concatenate(([0], np.cumsum(values, dtype=np.int64)))
            return sums[ends[1:]] - sums[ends[:-1]]

        self.fits &= total(~made.fits) == 0
        self.fits &= (lengths >= leaf.field.min_items) | ~_mask(there)
        self.drifts |= total(made.drifts) > 0
        self.longest += total(made.longest)
        self._apart[name] = pa.ListArray.from_arrays(
            pa.array(ends, pa.int32()), made.values, type=column.type, mask=pc.invert(there)
        )


class _Elements:
    """The elements of one array, of all records, as the lake keeps them."""

    def __init__(
        self, context: LandingContext, items: Field, elements: pa.Array, kind: pa.DataType
    ) -> None:
        fields: tuple[Field, ...] = (items,)
        arrays = {ELEMENT: elements}
        if items.type == "struct":
            names = [child.name for child in elements.type]
            fields, arrays = items.fields, dict(zip(names, elements.flatten(), strict=True))
        level = _Level(context, fields, arrays, len(elements))
        found = pseudonymised(level.root, level.found, context.keys.pseudonym_key())
        whole = _mask(found[IS_FITTING])
        self.fits: Mask = level.fits & whole & _mask(elements.is_valid())
        self.drifts = level.drifts
        self.longest = level.longest
        columns = assembled(level.root, found)
        if items.type == "struct":
            members = [columns[child.name].cast(child.type) for child in kind]
            self.values = pa.StructArray.from_arrays(members, fields=list(kind))
        else:
            self.values = columns[ELEMENT].cast(kind)


_NATIVE = {"int": pa.int64(), "bool": pa.bool_(), "ts": pa.int64(), "date": pa.int64()}


_EPOCH_DAY = date(1970, 1, 1).toordinal()
MIN_DAY, MAX_DAY = date.min.toordinal() - _EPOCH_DAY, date.max.toordinal() - _EPOCH_DAY


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _mask(array: pa.Array) -> Mask:
    found: Mask = array.to_numpy(zero_copy_only=False)
    return found


def _holds_nul(texts: pa.Array) -> bool:
    """Whether any text may hold NUL, at the price of one look at the bytes of all."""
    data = texts.buffers()[2]
    return data is not None and bool((np.frombuffer(data, np.uint8) == 0).any())


@cache
def _query(fields: tuple[Field, ...], contract: Contract | None) -> str:
    """The query over records, or over the elements of an array, which belong to no contract."""
    root = grown(fields)
    values = [f"{_typed(leaf)} as {leaf.typed}" for leaf in root.leaves]
    conditions = required_rules(root, "t")
    for leaf in root.leaves:
        conditions += _rules(leaf)
    if contract is not None:
        conditions += payload_rules(contract, root, "t")
    return judging_query(root, values, conditions)


def _typed(leaf: Leaf) -> str:
    match leaf.field.type:
        case "int" | "bool" | "array" | "json":
            return leaf.text
        case "ts":
            inside = f"{leaf.text} between {micros(EARLIEST)} and {micros(LATEST) - 1}"
            return f"case when {inside} then make_timestamp({leaf.text}) end"
        case "date":
            inside = f"{leaf.text} between {MIN_DAY} and {MAX_DAY}"
            return f"case when {inside} then date '1970-01-01' + {leaf.text}::integer end"
        case _:
            return predicates.value(leaf.field, leaf.text)


def _rules(leaf: Leaf) -> list[str]:
    match leaf.field.type:
        case "int":
            return predicates.bounds(leaf.field, leaf.typed)
        case "ts" | "date":
            return [f"({leaf.typed} is null) = ({leaf.text} is null)"]
        case "bool" | "array" | "json":
            return []
        case _:
            return predicates.rules(leaf.field, leaf.text, leaf.typed)
