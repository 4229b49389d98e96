"""A topic of many events that follow a formula, so that millions can be compared in SQL.

The event at an offset of a partition is known from the two numbers alone: its id, its amount in
micro-units, its date (some 30 days late, some 400), whether it breaks the contract, whether it has
a field that no contract knows. DuckDB computes the same from numbers and compares both ways.
"""

from collections.abc import Iterable

from confluent_kafka import Producer

from ingestion.contracts import contract_for_topic
from ingestion.kafka import client_config, create_topics, describe_topics
from ingestion.lake import Lake
from ingestion.lake.duckdb import connect
from ingestion.settings import Settings
from tests.chaos.books import KINDS, Difference

TOPIC = "user-events"
PARTITIONS = 2
_BROKEN, _DRIFTED, _LATE, _VERY_LATE = 50, 31, 97, 101


def amount(partition: int, offset: int) -> int:
    """The amount of an event, in micro-units."""
    return (offset * 7919 + partition * 104729) % 1_000_000_007


def event(partition: int, offset: int) -> bytes:
    """The event at a place."""
    if offset % _BROKEN == 7:
        return b'{"timestamp": "2026-03-28T10:00:00Z", "event_id": "%d' % offset
    day = b"2026-03-28"
    if offset % _LATE == 5:
        day = b"2026-02-26"
    elif offset % _VERY_LATE == 5:
        day = b"2025-02-21"
    more = b',"of_tomorrow":{"n":%d}' % offset if offset % _DRIFTED == 3 else b""
    return (
        b'{"timestamp":"%sT10:00:00Z","event_name":"%d","event_id":"%d-%d",'
        b'"user_identifiers":{"platform":"web","id":"user_%d"}%s}'
        % (day, amount(partition, offset), partition, offset, offset % 1000, more)
    )


COMPARE = f"""
-- how many were lost, duplicated, phantom, misrouted, wrong
with sent as (
    select part, place, part || '-' || place as id,
        (place * 7919 + part * 104729) % 1000000007 as amount,
        place % {_BROKEN} = 7 as broken
    from (
        select part::int as part, unnest(range(ends[part + 1])) as place
        from (select $ends::bigint[] as ends), range({PARTITIONS}) parts (part)
    )
),
found as (
    select _kafka_partition as part, _kafka_offset as place, any_value(_event_id) as id,
        any_value(try_cast(event_name as bigint)) as amount,
        any_value(_error.reason) as reason, count(*) as times
    from ({{relation}})
    group by all
)
select
    count(*) filter (found.times is null),
    coalesce(sum(found.times - 1) filter (sent.part is not null), 0),
    coalesce(sum(found.times) filter (sent.part is null), 0),
    count(*) filter (sent.part is not null and found.part is not null and (
        broken <> (reason is not null) or (not broken and found.id is distinct from sent.id))),
    count(*) filter (sent.part is not null and found.part is not null and not broken
        and reason is null and found.amount is distinct from sent.amount)
from sent full join found using (part, place)
"""


def produce(settings: Settings, topic: str, partition: int, values: Iterable[bytes]) -> None:
    """Send records to a partition; they are with the broker when this returns."""
    producer = Producer(
        {
            **client_config(settings),
            "enable.idempotence": True,
            "linger.ms": 20,
            "compression.type": "lz4",
        }
    )
    for value in values:
        while True:
            try:
                producer.produce(settings.topic(topic), value, partition=partition)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(60) == 0


class EventTopic:
    """The topic user-events of a lake, and how much was sent to it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.ends = [0] * PARTITIONS
        create_topics(settings, [TOPIC])
        self.lake = Lake.open(settings)
        self.lake.ensure_tables()
        self.contract = contract_for_topic(TOPIC)
        (topic,) = describe_topics(settings, [TOPIC])
        self._id = topic.topic_id

    def send(self, count: int) -> int:
        """Send so many events to each partition; they are with the broker when this returns."""
        for partition, first in enumerate(self.ends):
            offsets = range(first, first + count)
            produce(
                self.settings, TOPIC, partition, (event(partition, offset) for offset in offsets)
            )
            self.ends[partition] = first + count
        return count * PARTITIONS

    def behind(self) -> int:
        """Events that were sent and are not committed."""
        committed = self.lake.stream_position(self.contract).get(self._id, {})
        return sum(end - committed.get(part, 0) for part, end in enumerate(self.ends))

    def compare(self) -> Difference:
        """Compare every row with what was sent, both ways."""
        lake = Lake.open(self.settings)
        head = lake.head(self.contract)
        relation = lake.duckdb_relation_sql(self.contract, head.metadata_location)
        with connect(self.settings) as connection:
            connection.execute("set threads = 2")
            row = connection.execute(
                COMPARE.format(relation=relation), {"ends": self.ends}
            ).fetchone()
        assert row is not None
        difference = Difference()
        for kind, count in zip(KINDS, row, strict=True):
            if count:
                difference.add(kind, int(count), f"{count} of {sum(self.ends)} events")
        return difference
