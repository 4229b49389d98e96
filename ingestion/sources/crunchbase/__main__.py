"""One landing of Crunchbase from a terminal.

    python -m ingestion.sources.crunchbase --mode full
    python -m ingestion.sources.crunchbase --mode specific --id tesla-motors --name "Some Company"

`full` lands all that has changed in the collections. `specific` lands single organisations with
their funding rounds, acquisitions and founders: by permalink or uuid (`--id`), or by a name that
is looked up first (`--name`). Both can be given more than once.
"""

import argparse
import sys
from collections.abc import Sequence

from ingestion.settings import Settings
from ingestion.sources.crunchbase import land, land_specific
from ingestion.sources.main import run
from ingestion.sources.report import LandingReport


def main(arguments: Sequence[str]) -> int:
    """Land what the command line asks for, and give the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m ingestion.sources.crunchbase", description="Land Crunchbase."
    )
    parser.add_argument("--mode", choices=("full", "specific"), default="full")
    parser.add_argument("--id", action="append", default=[], help="permalink or uuid")
    parser.add_argument("--name", action="append", default=[], help="name to look up")
    chosen = parser.parse_args(arguments)
    if (chosen.mode == "specific") != bool(chosen.id or chosen.name):
        parser.error("--id and --name go with --mode specific, and it needs one of them")

    def asked(settings: Settings) -> LandingReport:
        if chosen.mode == "full":
            return land(settings)
        return land_specific(settings, ids=chosen.id, names=chosen.name)

    return run(asked)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
