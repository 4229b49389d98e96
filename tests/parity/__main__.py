"""Proves that BigQuery gives the rows that DuckDB gives: `make parity`.

    python -m tests.parity [--seed N] [--scale EVENTS] [--judges executor,emulator]

An ad world is played for three days and pinned after each; with the second and the third day come
late events, changed dimensions and resends. Each judge builds the three pins one after another
with dbt, as DuckDB does, and the last pin once more from nothing. After each build every table of
every layer is compared with DuckDB's, row by row in canonical form, and the increments with the
build from nothing. The literal cases of the cross-engine macros go to every judge as well.

Closes with `N passed, N failed`: a table of a judge that holds rows is one, and so is a case.
"""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.parity.judging import JUDGES, judge_all


def main() -> int:
    """Run it; 0 if nothing differs."""
    parser = argparse.ArgumentParser(prog="make parity", description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--scale", type=int, default=250, help="events of all sources")
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--judges", default=",".join(JUDGES), help="some of: %(default)s")
    options = parser.parse_args()
    judges = options.judges.split(",")
    if unknown := sorted(set(judges) - set(JUDGES)):
        parser.error(f"no judge {', '.join(unknown)}: there are {', '.join(JUDGES)}")
    with TemporaryDirectory(prefix="adx-parity-") as folder:
        report = judge_all(
            Path(folder),
            seed=options.seed,
            scale=options.scale,
            days=options.days,
            judges=judges,
        )
    print(report.last_line)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
