"""Bytes to text without an exception for one bad record among many."""

import pyarrow as pa
import pyarrow.compute as pc

_BLOCK = 1024


def decode(values: pa.Array, longest: int | None = None) -> pa.Array:
    """The values as text; null for what is no UTF-8, empty or longer than `longest` bytes.

    Args:
        values: Binary array.
        longest: Most bytes a value may have.
    """
    sizes = pc.binary_length(values)
    usable = pc.greater(sizes, 0)
    if longest is not None:
        usable = pc.and_(usable, pc.less_equal(sizes, longest))
    kept = pc.if_else(usable, values, pa.scalar(None, pa.binary()))
    try:
        return kept.cast(pa.string())
    except pa.ArrowInvalid:
        blocks = [_decode_block(kept.slice(at, _BLOCK)) for at in range(0, len(kept), _BLOCK)]
        return pa.concat_arrays(blocks)


def _decode_block(values: pa.Array) -> pa.Array:
    try:
        return values.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array([_decode_one(value) for value in values.to_pylist()], pa.string())


def _decode_one(value: bytes | None) -> str | None:
    try:
        return None if value is None else value.decode()
    except UnicodeDecodeError:
        return None
