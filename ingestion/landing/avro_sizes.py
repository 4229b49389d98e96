"""How many bytes Avro takes for some values: what a reader must have read, if it read everything.

DuckDB's reader is fast and silent: it ends where it cannot go on, and would not notice that a
damaged length made it read the bytes of one text as another. But every value has exactly one
usual encoding, so the lengths of all values of some blocks must add up to the length of the
blocks. Where they do not, the exact reader decides.
"""

from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.landing.avro_types import AvroType

_FIXED: Final = {"boolean": 1, "float": 4, "double": 8}


def encoded_bytes(kind: AvroType, values: pa.Array) -> int:
    """Bytes of some values in Avro's binary encoding.

    Args:
        kind: Their type, which `is_sized`.
        values: The values, as DuckDB's reader gives them.
    """
    if (inner := kind.nullable) is not None:
        return len(values) + encoded_bytes(inner, values.drop_null())
    if kind.kind == "record":
        columns = zip(kind.fields, values.flatten(), strict=True)
        return sum(encoded_bytes(member, column) for (_, member), column in columns)
    if kind.items is not None:
        lengths = pc.list_value_length(values).to_numpy(zero_copy_only=False)
        # one run of elements, its count before it and a zero behind it; only the zero for none
        counts = _number_bytes(lengths[lengths > 0].astype(np.int64)) + len(lengths)
        return counts + encoded_bytes(kind.items, values.flatten())
    if kind.kind in _FIXED:
        return _FIXED[kind.kind] * len(values)
    if kind.kind in {"int", "long"}:
        return _number_bytes(values.to_numpy(zero_copy_only=False).astype(np.int64))
    lengths = pc.binary_length(values).to_numpy(zero_copy_only=False).astype(np.int64)
    return int(lengths.sum()) + _number_bytes(lengths)


def _number_bytes(numbers: np.ndarray[Any, np.dtype[np.int64]]) -> int:
    """Seven bits a byte, after folding the sign into the lowest bit."""
    folded = ((numbers << 1) ^ (numbers >> 63)).view(np.uint64)
    total, left = len(folded), folded[folded >= 0x80]
    while len(left):
        total += len(left)
        left = left >> np.uint64(7)
        left = left[left >= 0x80]
    return total
