"""Counts of a landing: read = loaded + failed."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class Tally:
    """What became of the records of one or more raw tables.

    Attributes:
        rows: Records read.
        loaded: Good rows.
        failed: Failed rows.
        failed_by_reason: Failed rows by reason code; no reason with 0.
        drift: Good rows with unknown fields.
    """

    rows: int = 0
    loaded: int = 0
    failed: int = 0
    failed_by_reason: Mapping[str, int] = field(default_factory=dict)
    drift: int = 0

    @classmethod
    def of(cls, table: pa.Table) -> "Tally":
        """Count the rows of a raw table."""
        reasons = pc.struct_field(table["_error"], "reason")
        counts = pc.value_counts(reasons.drop_null())
        by_reason = {entry["values"]: entry["counts"] for entry in counts.to_pylist()}
        failed = sum(by_reason.values())
        return cls(
            rows=len(table),
            loaded=len(table) - failed,
            failed=failed,
            failed_by_reason=dict(sorted(by_reason.items())),
            drift=len(table) - table["_extras"].null_count,
        )

    def __add__(self, other: "Tally") -> "Tally":
        """The counts of both together."""
        by_reason = Counter(self.failed_by_reason) + Counter(other.failed_by_reason)
        return Tally(
            rows=self.rows + other.rows,
            loaded=self.loaded + other.loaded,
            failed=self.failed + other.failed,
            failed_by_reason=dict(sorted(by_reason.items())),
            drift=self.drift + other.drift,
        )
