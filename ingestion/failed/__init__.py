"""Dead letters, and the way back: failed rows of the lake, listed, mended and landed again."""

from ingestion.failed.decisions import Outcome, Tally, discard, outcomes, replay
from ingestion.failed.records import FailedRecord, failed_records, payload_of
from ingestion.failed.rules import Rules, parse_rules, read_rules

__all__ = [
    "FailedRecord",
    "Outcome",
    "Rules",
    "Tally",
    "discard",
    "failed_records",
    "outcomes",
    "parse_rules",
    "payload_of",
    "read_rules",
    "replay",
]
