"""Values between Python and GoogleSQL's executor: cells of the types that the project uses."""

import datetime as dt
import decimal
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from zetasql.wasi._pb2.zetasql.local_service import local_service_pb2 as service
from zetasql.wasi._pb2.zetasql.public import type_pb2, value_pb2

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_DATE_ZERO = EPOCH.date()
_NUMERIC_BYTES = 17


def encoded(columns: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> Any:
    """Rows as the executor takes them."""
    content = service.TableData()
    for values in rows:
        row = content.row.add()
        for name, kind in columns.items():
            _encode(values[name], kind, row.cell.add())
    return content


def decoded(columns: Mapping[str, Any], content: Any) -> Iterable[dict[str, Any]]:
    """The executor's rows as Python values."""
    for row in content.row:
        yield {
            name: _decode(cell, kind)
            for (name, kind), cell in zip(columns.items(), row.cell, strict=True)
        }


def kind_name(kind: Any) -> str:
    """GoogleSQL's name of a type, such as `INT64`."""
    return str(type_pb2.TypeKind.Name(kind.type_kind)).removeprefix("TYPE_")


def _encode(value: Any, kind: Any, cell: value_pb2.ValueProto) -> None:
    name = kind_name(kind)
    if name == "ARRAY":
        cell.array_value.SetInParent()
        for element in value or ():
            _encode(element, kind.array_type.element_type, cell.array_value.element.add())
    elif value is None:
        return
    elif name == "STRUCT":
        cell.struct_value.SetInParent()
        for member in kind.struct_type.field:
            found = value.get(member.field_name)
            _encode(found, member.field_type, cell.struct_value.field.add())
    elif name == "TIMESTAMP":
        aware = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
        since = aware - EPOCH
        cell.timestamp_value.seconds = since.days * 86_400 + since.seconds
        cell.timestamp_value.nanos = since.microseconds * 1000
    elif name == "DATE":
        cell.date_value = (value - _DATE_ZERO).days
    elif name == "NUMERIC":
        cell.numeric_value = _numeric(decimal.Decimal(value))
    else:
        setattr(cell, _SCALARS[name], value)


_SCALARS = {
    "INT64": "int64_value",
    "STRING": "string_value",
    "BOOL": "bool_value",
    "DOUBLE": "double_value",
    "BYTES": "bytes_value",
}


def _numeric(value: decimal.Decimal) -> bytes:
    """Billionths as a little-endian integer in two's complement, as short as it goes."""
    with decimal.localcontext(prec=60):
        scaled = int(value.scaleb(9).to_integral_exact())
    data = scaled.to_bytes(_NUMERIC_BYTES, "little", signed=True)
    while len(data) > 1 and data[-1] in (0, 255) and (data[-1] == 255) == (data[-2] > 127):
        data = data[:-1]
    return data


def _decode(cell: Any, kind: Any) -> Any:
    filled = cell.WhichOneof("value")
    if filled is None:
        return None
    name = kind_name(kind)
    if name == "ARRAY":
        return [_decode(item, kind.array_type.element_type) for item in cell.array_value.element]
    if name == "STRUCT":
        members = zip(kind.struct_type.field, cell.struct_value.field, strict=True)
        return {member.field_name: _decode(item, member.field_type) for member, item in members}
    read = _READERS.get(name)
    return getattr(cell, filled) if read is None else read(cell)


def _read_numeric(cell: Any) -> decimal.Decimal:
    with decimal.localcontext(prec=60):
        scaled = int.from_bytes(cell.numeric_value, "little", signed=True)
        return decimal.Decimal(scaled).scaleb(-9)


def _read_timestamp(cell: Any) -> dt.datetime:
    moment = cell.timestamp_value
    return EPOCH + dt.timedelta(seconds=moment.seconds, microseconds=moment.nanos // 1000)


def _read_datetime(cell: Any) -> dt.datetime:
    """A civil time: years, months, days, hours, minutes and seconds in bits of one number."""
    moment = cell.datetime_value
    packed, parts = moment.bit_field_datetime_seconds, []
    for bits in (6, 6, 5, 5, 4):
        parts.append(packed & (1 << bits) - 1)
        packed >>= bits
    second, minute, hour, day, month = parts
    return dt.datetime(packed, month, day, hour, minute, second, moment.nanos // 1000)  # noqa: DTZ001


_READERS: dict[str, Callable[[Any], Any]] = {
    "DATETIME": _read_datetime,
    "NUMERIC": _read_numeric,
    "DATE": lambda cell: _DATE_ZERO + dt.timedelta(days=cell.date_value),
    "TIMESTAMP": _read_timestamp,
}
