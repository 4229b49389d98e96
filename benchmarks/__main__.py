"""`python -m benchmarks`: run the benchmarks, print the table, write the figures."""

import argparse
import importlib
import shutil
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from benchmarks.figures import Figure, show, write

NAMES = (
    "stream",
    "files",
    "package",
    "vault",
    "build",
    "attribution",
    "reach",
    "world",
    "producer",
)
LATEST = Path(__file__).with_name("latest.json")


def main() -> int:
    """Run what the command line names; exit code 1 where a target was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of: {', '.join(NAMES)}")
    parser.add_argument("--smoke", action="store_true", help="tiny sizes: does everything run?")
    parser.add_argument("--output", type=Path, default=None, help="where the figures go as JSON")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(NAMES))
    if unknown:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(NAMES)}")
    console = Console()
    figures: list[Figure] = []
    for name in arguments.names or NAMES:
        folder = Path(tempfile.mkdtemp(prefix=f"adx-bench-{name}-"))
        started = time.perf_counter()
        try:
            figures += importlib.import_module(f"benchmarks.{name}").run(
                folder, smoke=arguments.smoke
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        console.print(f"{name}: {time.perf_counter() - started:.0f} s")
    show(figures, console)
    whole = not arguments.names and not arguments.smoke
    output = arguments.output or (LATEST if whole else None)
    if output is not None:
        write(figures, output)
        console.print(f"written to {output}")
    missed = [figure.name for figure in figures if not figure.met]
    return 1 if missed and not arguments.smoke else 0


if __name__ == "__main__":
    sys.exit(main())
