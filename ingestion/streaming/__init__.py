"""The stream: Kafka topics into the lake, exactly once, by Spark Structured Streaming.

The driver plans offset ranges from what the lake's table holds; tasks consume them, land the
records as Arrow and write data files; the driver commits the files together with the offsets.

    python -m ingestion.streaming --once
"""

from ingestion.streaming.query import TopicReport
from ingestion.streaming.service import run_stream

__all__ = ["TopicReport", "run_stream"]
