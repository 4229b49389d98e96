"""The stream: Kafka topics into the lake, exactly once, by Spark Structured Streaming.

The driver plans offset ranges from what the lake's table holds; tasks consume them, land the
records as Arrow and write data files; the driver commits the files together with the offsets.

    python -m ingestion.streaming --once
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingestion.streaming.query import TopicReport
    from ingestion.streaming.service import run_stream

__all__ = ["TopicReport", "run_stream"]


def __getattr__(name: str) -> Any:
    """Import the driver's part when it is asked for.

    Spark starts eight small Python processes a run, and each imports this package to find the
    data source. Loading the lake into all of them cost 35 s on two cores.
    """
    if name == "run_stream":
        from ingestion.streaming.service import run_stream  # noqa: PLC0415

        return run_stream
    if name == "TopicReport":
        from ingestion.streaming.query import TopicReport  # noqa: PLC0415

        return TopicReport
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
