"""Identifiers: numbers inside the world, texts outside, and a fixed way from one to the other.

Inside, every event has a number that says what it is and where it was born: kind (4 bits), day
(12), slot (8), position (40). Outside it is the hexadecimal text of a bijective mix of that
number, so that it looks random, is unique by construction, and sorts as its mixed number does.
"""

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Words = NDArray[np.uint64]


class IdKind(IntEnum):
    """What a number identifies."""

    AUCTION = 0
    """An auction that rendered none of our creatives; others have their impression's number."""
    IMPRESSION = 1
    CLICK = 2
    CONVERSION = 3
    ACTION = 4
    NOWHERE = 5
    """An impression that does not exist, for orphan clicks."""
    LATE_CLICK = 6
    ORGANIC = 7


def numbers(kind: IdKind, day: int, slot: int, count: int) -> Ints:
    """The numbers of `count` things born in one slot of a day."""
    base = (int(kind) << 60) | (day << 48) | (slot << 40)
    return np.arange(count, dtype=np.int64) + base


_SLOT_BIT, _EXCHANGE_BIT = 34, 36
"""Bits 34 to 39 of a position are free: no slot has 17 thousand million events."""


def auction_number(number: Ints, exchange: NDArray[Any]) -> Ints:
    """The number of an auction: ids are unique on their exchange, not over exchanges."""
    return number | (exchange.astype(np.int64) << _EXCHANGE_BIT)


def bid_number(auction: Ints, slot: NDArray[Any]) -> Ints:
    """The number of the bid on one slot of an auction."""
    return auction | (slot.astype(np.int64) << _SLOT_BIT)


def auction_of(bid: Ints) -> Ints:
    """The auction of a bid."""
    return bid & ~np.int64(3 << _SLOT_BIT)


def slot_of(bid: Ints) -> Ints:
    """The slot that a bid is for, from 0."""
    return (bid >> _SLOT_BIT) & 3


def exchange_of(auction_or_bid: Ints) -> Ints:
    """The exchange of an auction or a bid."""
    return (auction_or_bid >> _EXCHANGE_BIT) & 3


def id_of(auction_or_bid: Ints) -> Ints:
    """What the text of an auction's id is made from."""
    return auction_or_bid & ~np.int64(15 << _SLOT_BIT)


def mix(values: Ints, salt: int) -> Words:
    """Bijective mix of 64-bit numbers (the finaliser of SplitMix64, Steele et al. 2014)."""
    word = values.astype(np.uint64) + np.uint64(salt % (1 << 64))
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))


def hex_texts(words: Words) -> list[str]:
    """16 hexadecimal digits for every word."""
    digits = words.astype(">u8").tobytes().hex()
    return [digits[at : at + 16] for at in range(0, len(digits), 16)]


def uuid7_texts(ts_us: Ints, words: Words) -> list[str]:
    """UUIDv7 texts (RFC 9562): 48 bits of milliseconds, the rest from a mixed number."""
    high = ((ts_us // 1000).astype(np.uint64) << np.uint64(16)) | np.uint64(0x7000)
    high |= words >> np.uint64(52)
    low = (words & np.uint64(0x3FFFFFFFFFFFFFFF)) | np.uint64(0x8000000000000000)
    pairs = np.column_stack([high, low]).astype(">u8")
    digits = pairs.tobytes().hex()
    return [
        f"{digits[at : at + 8]}-{digits[at + 8 : at + 12]}-{digits[at + 12 : at + 16]}"
        f"-{digits[at + 16 : at + 20]}-{digits[at + 20 : at + 32]}"
        for at in range(0, len(digits), 32)
    ]
