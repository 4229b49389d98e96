"""Avro object container files as bytes: header, blocks, and what is wrong with them.

The reader of DuckDB ends a file without a word where it is damaged or cut off. So the blocks are
found here first: each has a number of records, a length, and an end marker that must be the one of
the header. (Avro 1.12 specification, "Object Container Files".)
"""

import io
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, NoReturn

from ingestion.errors import AdxError, ExitCode

MAGIC: Final = b"Obj\x01"
SYNC_BYTES: Final = 16
MAX_BLOCK_BYTES: Final = 256 * 1024 * 1024
"""Most bytes of a block, unpacked; writers make blocks of some 16 KiB to some MiB."""
_MAX_HEADER_BYTES: Final = 16 * 1024 * 1024
_CHECKSUM_BYTES: Final = 4
_CODECS: Final = ("null", "deflate")


@dataclass(frozen=True)
class Block:
    """One block of a file.

    Attributes:
        number: Its number, from 1.
        first: Number of its first record, from 1.
        count: Its records.
        data: Their bytes, unpacked.
    """

    number: int
    first: int
    count: int
    data: bytes


class _Ended(Exception):  # noqa: N818 - how a read ends, named by the block it happens in
    """The bytes end where something should follow."""


class AvroContainer:
    """An open container file.

    Args:
        file: The file, at its beginning.
        source_file: The name it was sent under; messages use it.

    Attributes:
        schema: The writer's schema.

    Raises:
        AdxError: It is no Avro file, its header is broken, or its codec is not taken.
    """

    def __init__(self, file: IO[bytes], source_file: str) -> None:
        self._file = file
        self._source_file = source_file
        start = file.read(len(MAGIC))
        if start != MAGIC:
            why = "it is empty" if not start else "it does not begin as one"
            self._fail(
                f"{source_file} is no Avro object container file: {why}.",
                "Write it with an Avro library, as a data file with its schema.",
            )
        try:
            metadata = self._metadata()
            self._sync = self._take(SYNC_BYTES)
            self.schema: Any = json.loads(metadata["avro.schema"])
            codec = metadata.get("avro.codec", b"null").decode()
        except (_Ended, KeyError, ValueError, RecursionError):
            self.without_schema("it holds no Avro schema")
        if codec not in _CODECS:
            self._fail(
                f"{source_file} is packed with the codec {codec[:20]}.",
                f"Write it with one of the codecs {' and '.join(_CODECS)}.",
            )
        self._is_packed = codec == "deflate"

    def blocks(self) -> Iterator[Block]:
        """The blocks in their order.

        Raises:
            AdxError: A block is damaged, or the file ends within it; the message names it.
        """
        number, first = 1, 1
        while True:
            ahead = self._file.read(1)
            if not ahead:
                return
            try:
                count = self._long(ahead)
                size = self._long()
                if count < 0 or not 0 <= size <= MAX_BLOCK_BYTES:
                    self.damaged(number, first, "its length cannot be right")
                packed = self._take(size)
                marker = self._take(SYNC_BYTES)
            except _Ended:
                self._fail(
                    f"{self._source_file} is cut off: it ends within block {number}, "
                    f"after {first - 1} records.",
                    "Send the whole file; no part of it was loaded.",
                )
            if marker != self._sync:
                self.damaged(number, first, "the marker at its end is wrong")
            yield Block(number, first, count, self._unpack(number, first, packed))
            number, first = number + 1, first + count

    def without_schema(self, why: str) -> NoReturn:
        """Refuse the file because of the schema in its header.

        Raises:
            AdxError: Always.
        """
        self._fail(
            f"The header of {self._source_file} is damaged: {why}.",
            "Send the file again, with the schema of the contract; no part of it was loaded.",
        )

    def damaged(self, number: int, first: int, why: str) -> NoReturn:
        """Refuse the file because of one block.

        Raises:
            AdxError: Always.
        """
        self._fail(
            f"Block {number} of {self._source_file} (from record {first} on) is damaged: {why}.",
            "Send the file again; no part of it was loaded.",
        )

    def _unpack(self, number: int, first: int, packed: bytes) -> bytes:
        if not self._is_packed:
            return packed
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            data = inflate.decompress(packed, MAX_BLOCK_BYTES)
        except zlib.error:
            self.damaged(number, first, "it cannot be unpacked")
        # Writers leave some of the four bytes of a zlib checksum behind (fastavro 1.13: three).
        if not inflate.eof or len(inflate.unused_data) > _CHECKSUM_BYTES:
            self.damaged(number, first, "it cannot be unpacked to its end")
        return data

    def _metadata(self) -> dict[str, bytes]:
        metadata: dict[str, bytes] = {}
        while count := self._long():
            if count < 0:
                self._long()
            for _ in range(abs(count)):
                name = self._bytes().decode()
                metadata[name] = self._bytes()
        return metadata

    def _bytes(self) -> bytes:
        size = self._long()
        if not 0 <= size <= _MAX_HEADER_BYTES:
            raise ValueError(size)
        return self._take(size)

    def _take(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) != size:
            raise _Ended
        return data

    def _long(self, ahead: bytes = b"") -> int:
        """A zigzag number of variable length; wrong ones come back as something out of range."""
        value = shift = 0
        while shift < 70:
            byte = (ahead or self._take(1))[0]
            ahead = b""
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (value >> 1) ^ -(value & 1)
            shift += 7
        return -1

    def _fail(self, message: str, remedy: str) -> NoReturn:
        raise AdxError(message, remedy=remedy, exit_code=ExitCode.DATA)


def open_container(path: Path, source_file: str) -> tuple[IO[bytes], AvroContainer]:
    """Open a container file; the caller closes the first of both.

    Raises:
        AdxError: It cannot be read, or is no Avro file that is taken.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise AdxError(
            f"The file {source_file} cannot be read: {error.strerror}.",
            remedy=f"Check that {path} exists and that this user may read it.",
            exit_code=ExitCode.UNAVAILABLE,
        ) from error
    try:
        return file, AvroContainer(file, source_file)
    except AdxError:
        file.close()
        raise


def bare_container(schema: object, blocks: list[Block]) -> bytes:
    """A container of some blocks, not packed, as one run of bytes."""
    sync = b"\0" * SYNC_BYTES
    made = io.BytesIO()
    made.write(MAGIC + _encoded(1) + _text(b"avro.schema") + _text(json.dumps(schema).encode()))
    made.write(_encoded(0) + sync)
    for block in blocks:
        made.write(_encoded(block.count) + _text(block.data) + sync)
    return made.getvalue()


def _text(data: bytes) -> bytes:
    return _encoded(len(data)) + data


def _encoded(number: int) -> bytes:
    value, made = number << 1, bytearray()
    while value >= 0x80:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)
