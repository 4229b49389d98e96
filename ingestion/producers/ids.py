"""Identifiers of events: UUIDs of version 7, each greater than the one before it."""

import os
import random
import time
from collections.abc import Callable

_TAIL_BITS = 74
_STEP_BITS = 32
_LOW_BITS = 62
_NODE_BITS = 48
_NODE = (1 << _NODE_BITS) - 1
_VERSION = 0x7 << 12
_VARIANT = 0b10 << (_LOW_BITS - _NODE_BITS)


class TimeOrderedIds:
    """Mints UUIDv7s that only grow, also when the clock goes back.

    RFC 9562, section 6.2, method 2 (monotonic random): the 74 bits behind the milliseconds are one
    number, random at the first id of a millisecond and raised by a random step for each further
    one. While the clock is behind the newest id, its milliseconds stand still; if the number runs
    over (2^41 ids on average), they move on by one ahead of the clock.

    Args:
        floor_ms: Milliseconds that no id may be below: those of the newest id of an earlier
            process.
        clock_ms: The clock, in milliseconds since 1970.
    """

    def __init__(self, floor_ms: int = 0, clock_ms: Callable[[], int] | None = None) -> None:
        self._clock_ms = clock_ms or (lambda: time.time_ns() // 1_000_000)
        self._milliseconds = floor_ms
        self._tail = (1 << _TAIL_BITS) - 1  # the first id of a process begins a millisecond
        self._random = random.Random(os.urandom(32))

    @property
    def milliseconds(self) -> int:
        """Milliseconds of the newest id."""
        return self._milliseconds

    def mint(self) -> str:
        """The next id."""
        return self.mint_many(1)[0]

    def mint_many(self, count: int) -> list[str]:
        """The next ids; the clock is read once for all of them."""
        minted: list[str] = []
        now = self._clock_ms()
        if count and now > self._milliseconds:
            self._begin(now)
            minted.append(self._front() + f"{self._tail & _NODE:012x}")
        front, node = self._front(), self._tail & _NODE
        step = self._random.getrandbits
        for _ in range(count - len(minted)):
            node += 1 + step(_STEP_BITS)
            if node > _NODE:  # a digit in front of them changes, once in about 2^17 ids
                self._tail += node - (self._tail & _NODE)
                if self._tail >> _TAIL_BITS:
                    self._begin(self._milliseconds + 1)
                front, node = self._front(), self._tail & _NODE
            minted.append(f"{front}{node:012x}")
        self._tail += node - (self._tail & _NODE)
        return minted

    def _front(self) -> str:
        """The text of an id before its last 48 bits."""
        high = self._tail >> _LOW_BITS
        low = (self._tail >> _NODE_BITS) & ((1 << (_LOW_BITS - _NODE_BITS)) - 1)
        text = f"{(self._milliseconds << 16) | _VERSION | high:016x}{_VARIANT | low:04x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:]}-"

    def _begin(self, milliseconds: int) -> None:
        """A new millisecond; the upper half of its numbers is room to count in."""
        self._milliseconds = milliseconds
        self._tail = self._random.getrandbits(_TAIL_BITS - 1)
