"""Runs one contender in a process of its own, so that none profits from another's warm caches."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ingestion.settings import PROJECT_ROOT


def run_contender(module: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Run `benchmarks.contenders.<module>` and give what it reports.

    Raises:
        RuntimeError: It failed; the message ends with what it wrote.
    """
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.contenders.{module}", json.dumps(arguments)],
        capture_output=True,
        text=True,
        cwd=PROJECT_ROOT,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{module} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def contend(work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Entry point of a contender: work with the arguments of the command line, report as JSON."""
    report = work(json.loads(sys.argv[1]))
    sys.stdout.write(json.dumps(report, default=_text) + "\n")


def _text(value: Any) -> str:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{value!r} cannot be reported")
