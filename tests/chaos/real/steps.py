"""Steps of the platform on an ad world that is played, each in a process that may be killed.

    python -m tests.chaos.real.steps stream|upkeep

The stream plans, lands, notes and commits as it does behind Spark; Spark and Kafka stand in memory,
and what was sent is in a file.
"""

import pickle
import sys
from pathlib import Path
from typing import Final

from ingestion.adworld.sinks import MemorySink
from ingestion.settings import Settings, load_settings
from ingestion.streaming import consume
from orchestration import lake_upkeep
from tests.chaos.inprocess.streams import MemoryKafka, run_stream


class SentTopics(MemoryKafka):
    """The topics of an ad world."""

    def __init__(self, sink: MemorySink) -> None:
        super().__init__()
        self._id = sink.topic_id
        for topic, partitions in sink.kept.items():
            self.earliest[topic] = dict.fromkeys(range(len(partitions)), 0)
            self.values[topic] = [
                [(message[3], consume._event_id(message[4])) for message in kept]
                for kept in partitions
            ]

    def id_of(self, topic: str) -> str:
        """A world has one id for all of its topics."""
        del topic
        return self._id


def _sent(settings: Settings) -> Path:
    return settings.home / "sent.pickle"


def keep_sent(settings: Settings, sink: MemorySink) -> None:
    """Let processes know what was sent."""
    _sent(settings).write_bytes(pickle.dumps(sink))


def land_sent(settings: Settings) -> None:
    """Land what was sent and is not landed."""
    sink = pickle.loads(_sent(settings).read_bytes())  # noqa: S301 - the test wrote it
    run_stream(settings, SentTopics(sink))


def upkeep(settings: Settings) -> None:
    """Compact what is published, forget what nobody reads, remove what nothing reaches."""
    lake_upkeep.compact(settings, min_files=2)
    lake_upkeep.expire(settings, keep=1, hours=0)
    lake_upkeep.orphans(settings, hours=0, delete=True)
    lake_upkeep.back_up(settings)


_STEPS: Final = {"stream": land_sent, "upkeep": upkeep}

if __name__ == "__main__":
    _STEPS[sys.argv[1]](load_settings())
