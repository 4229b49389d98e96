"""Lands topics from a terminal: `python -m ingestion.streaming [--once] [topic ...]`."""

import argparse
import sys

import structlog

from ingestion.errors import AdxError
from ingestion.kafka.client import TOPICS
from ingestion.settings import load_settings
from ingestion.streaming.service import run_stream


def main() -> int:
    """Run the stream; the exit code is that of the error, if there is one."""
    parser = argparse.ArgumentParser(prog="python -m ingestion.streaming", description=__doc__)
    parser.add_argument("topics", nargs="*", default=TOPICS, help="default: all of them")
    parser.add_argument("--once", action="store_true", help="land what is there, then end")
    arguments = parser.parse_args()
    structlog.configure(
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.add_log_level,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        reports = run_stream(load_settings(), tuple(arguments.topics), once=arguments.once)
    except AdxError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)
    for report in reports:
        print(
            f"{report.topic}: {report.read} read, {report.loaded} loaded, {report.failed} failed "
            f"in {report.batches} batches, {report.seconds:.1f} s"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
