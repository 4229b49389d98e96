"""Gaps: records that were never landed and cannot be had any more, and who decided to go on.

What is missing is noted in `ops.gaps` and halts the stream; only an acceptance with a reason lets
it go on. `notes` knows the table, `offsets` what brokers lost, `numbers` what producers numbered
and never arrived.
"""

from ingestion.gaps.notes import Gap, find_gap, known_gaps
from ingestion.gaps.numbers import Numbers, is_numbered
from ingestion.gaps.offsets import accept_gap, settle_offsets

__all__ = [
    "Gap",
    "Numbers",
    "accept_gap",
    "find_gap",
    "is_numbered",
    "known_gaps",
    "settle_offsets",
]
