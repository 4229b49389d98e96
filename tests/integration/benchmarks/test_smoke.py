"""The benchmarks run, and compare what they made before they compare what it cost."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks.figures import Figure
from benchmarks.usage import Clock
from ingestion.settings import PROJECT_ROOT

pytestmark = pytest.mark.slow

NAMES = ("world", "package", "files", "vault", "attribution", "reach", "producer")
"""The quick ones; the stream and the whole build are measured by `make bench` alone."""


def test_benchmarks_run_and_write_their_figures(tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *NAMES, "--smoke", "--output", output],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    figures = [Figure(**values) for values in json.loads(output.read_text(encoding="utf-8"))]
    assert Counter(figure.name.split(":")[0] for figure in figures) == {
        "world": 1,
        "package": 1,
        "files": 2,
        "vault": 3,
        "attribution": 2,
        "reach": 2,
        "producer": 6,
    }
    assert all(figure.ours > 0 and figure.peer > 0 for figure in figures)


def test_an_unknown_benchmark_is_named() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "stram"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "no benchmark is called stram; there are stream, files" in done.stderr


def test_a_figure_knows_whether_its_target_is_met() -> None:
    fast = Figure.of("speed", 20, 10, "MB/s", peer_name="peer", at_least=1.8)
    slow = Figure.of("time", 20, 10, "s", peer_name="peer", at_most=1.8)
    assert (fast.ratio, fast.met, slow.ratio, slow.met) == (2.0, True, 2.0, False)


def test_short_work_takes_some_processor_time() -> None:
    clock = Clock()
    assert sum(range(10_000)) > 0
    assert 0 < clock.cpu < 1
