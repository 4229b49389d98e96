"""Our stream: Spark plans and recovers, tasks consume, land and write, one commit a batch."""

from typing import Any

from benchmarks.contender import contend
from benchmarks.messages import TOPIC
from benchmarks.usage import Clock
from ingestion.contracts import contract_for_topic
from ingestion.lake import Lake
from ingestion.settings import Settings
from ingestion.streaming import run_stream


def work(arguments: dict[str, Any]) -> dict[str, Any]:
    """Drain the topic into the lake."""
    settings = Settings.model_validate(arguments["settings"])
    clock = Clock()
    (report,) = run_stream(settings, (TOPIC,), once=True, keep_spark=True)
    head = Lake.open(settings).head(contract_for_topic(TOPIC))
    return {
        "cpu": clock.cpu,
        "wall": clock.wall,
        "rows": report.read,
        "metadata": head.metadata_location,
    }


if __name__ == "__main__":
    contend(work)
