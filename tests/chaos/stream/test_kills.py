from collections.abc import Callable
from subprocess import Popen
from typing import Any

import pytest

from ingestion.lake import Lake

pytestmark = pytest.mark.slow

POINTS = {
    "stream.before_files": False,
    "stream.after_files": False,
    "stream.before_commit": False,
    "stream.after_commit": True,
    "stream.before_checkpoint": True,
}
"""Whether the batch that is killed at this point is in the lake."""


@pytest.mark.timeout(600)
def test_a_driver_that_is_killed_anywhere_loses_nothing_and_lands_nothing_twice(
    topic: Any, start_stream: Callable[..., Popen[str]]
) -> None:
    """Each run recovers from the kill before it, lands a batch of 30, and dies in the next."""
    landed = 0
    for point, is_in in POINTS.items():
        topic.send(40)
        process = start_stream(topic.settings, "--once", failpoint=f"{point}:2")
        output, _ = process.communicate(timeout=120)
        assert process.returncode == -9, output
        found = topic.landed()
        landed += 60 if is_in else 30
        assert len(found) == len(set(found)) == landed
    process = start_stream(topic.settings, "--once")
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert topic.landed() == topic.sent()
    assert len(topic.sent()) == 400


def test_measures_of_a_killed_run_reach_the_ledger(
    topic: Any, start_stream: Callable[..., Popen[str]], drain: Callable[..., Any]
) -> None:
    topic.send(15)
    process = start_stream(topic.settings, "--once", failpoint="stream.before_checkpoint")
    process.communicate(timeout=120)
    assert process.returncode == -9
    assert Lake.open(topic.settings).read_ops("run_ledger").num_rows == 0
    drain(topic.settings, topics=["user-events"])
    (row,) = Lake.open(topic.settings).read_ops("run_ledger").to_pylist()
    assert (row["read"], row["loaded"], row["ingest_seq"]) == (30, 30, 1)
