from collections.abc import Callable
from subprocess import Popen
from typing import Any

import pytest

from ingestion.contracts import contract_for_topic
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

    ledger = Lake.open(topic.settings).read_ops("run_ledger").to_pylist()
    head = Lake.open(topic.settings).head(contract_for_topic("user-events"))
    assert sorted(row["ingest_seq"] for row in ledger) == list(range(1, head.ingest_seq + 1))
    assert sum(row["read"] for row in ledger) == 400
