"""Upkeep of the lake from a terminal: `python -m ingestion.lake recover`."""

import argparse
import sys

from ingestion.errors import AdxError
from ingestion.lake.recovery import recover_catalog
from ingestion.settings import load_settings


def main() -> int:
    """Run one command; exit codes as in `ingestion.errors`."""
    parser = argparse.ArgumentParser(prog="python -m ingestion.lake", description=__doc__)
    parser.add_argument("command", choices=["recover"], help="rebuild a lost catalog")
    parser.parse_args()
    try:
        for pointer in recover_catalog(load_settings()):
            print(f"{pointer.table}: commit {pointer.sequence_number}, seq {pointer.ingest_seq}")
    except AdxError as error:
        print(error, file=sys.stderr)
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
