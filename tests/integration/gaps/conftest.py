"""A lake of the two stream tables, and a topic that loses records without a broker."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestion.contracts import contract_for_topic
from ingestion.errors import AdxError
from ingestion.gaps import Gap, known_gaps, offsets, settle_offsets
from ingestion.kafka import Topic
from ingestion.lake import Lake
from ingestion.lake.duckdb import connect
from ingestion.settings import Settings
from ingestion.streaming.offsets import current_id
from orchestration.warehouse import reconcile
from tests.integration.landings import land_messages

TOPIC = "user-events"


@pytest.fixture
def settings(tmp_path: Path, contract_folders: Any) -> Settings:
    contract_folders.use(contract_folders.first("user_events.events", "ad_events.events"))
    settings = Settings(home=tmp_path / "home")
    Lake.open(settings).ensure_tables()
    return settings


class FrailTopic:
    """The topic user-events of a cluster that loses records, and the stream that lands it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lake = Lake.open(settings)
        self.contract = contract_for_topic(TOPIC)
        self.topic_id = "first"
        self.earliest = {0: 0, 1: 0}
        self.end = {0: 0, 1: 0}

    def describe(self, *_: object) -> list[Topic]:
        return [Topic(TOPIC, self.topic_id, dict(self.earliest), dict(self.end))]

    def send(self, **counts: int) -> None:
        """So many records more, by partition (`p0`, `p1`)."""
        for name, count in counts.items():
            self.end[int(name[1:])] += count

    def settle(self) -> dict[int, int]:
        """What the stream does before it reads; where it goes on."""
        topic, committed = settle_offsets(self.lake, self.contract, lambda: self.describe()[0])
        return dict(committed.get(current_id(topic.topic_id, committed), {}))

    def land(self) -> None:
        """Land all there is."""
        start = self.settle()
        topic_id = current_id(self.topic_id, self.lake.stream_position(self.contract))
        values = {
            partition: [(action(), None)] * (end - start.get(partition, 0))
            for partition, end in self.end.items()
        }
        land_messages(self.settings, TOPIC, values, topic_id)

    def halted(self) -> AdxError:
        with pytest.raises(AdxError) as caught:
            self.settle()
        return caught.value

    def gaps(self) -> list[Gap]:
        return known_gaps(self.lake, self.contract)

    def only_gap(self) -> Gap:
        (gap,) = self.gaps()
        return gap

    def accept(self, reason: str = "the senders have no copy", **more: Any) -> bool:
        """Accept all open gaps; whether each was accepted by this."""
        still = [gap.gap_id for gap in self.gaps() if gap.status == "open"]
        return all(offsets.accept_gap(self.settings, one, reason, **more)[1] for one in still)

    def positions(self) -> list[tuple[str, int, int]]:
        """Topic, partition and offset of every row."""
        with connect(self.settings) as connection:
            location = self.lake.head(self.contract).metadata_location
            relation = self.lake.duckdb_relation_sql(self.contract, location)
            return connection.execute(
                "select _kafka_topic_id, _kafka_partition, _kafka_offset "
                f"from ({relation}) order by all"
            ).fetchall()


@pytest.fixture
def topic(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> FrailTopic:
    topic = FrailTopic(settings)
    monkeypatch.setattr(offsets, "describe_topics", topic.describe)
    return topic


@pytest.fixture
def reconciled(settings: Settings) -> Callable[[], list[str]]:
    """What the lake's own balances say is wrong."""

    def look() -> list[str]:
        lake = Lake.open(settings)
        decided: dict[str, dict[str, Any]] = {"user_events.events": {}, "ad_events.events": {}}
        with connect(settings) as connection:
            checks = [*reconcile._gaps(lake), *reconcile._positions(lake, connection, decided)]
        return [str(check.failure) for check in checks if check.failure is not None]

    return look


def action() -> bytes:
    return json.dumps({"timestamp": "2026-03-28T09:00:00Z", "event_name": "view"}).encode()
