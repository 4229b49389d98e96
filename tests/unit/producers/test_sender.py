"""What the sender makes of acknowledgements in any order."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion.producers import sender
from ingestion.producers.producer import Producer
from tests.unit.producers.stand_ins import Broker, headers_of, settings_of, user_event

WINDOW = 8


@pytest.fixture
def broker() -> Broker:
    return Broker(away=True)  # it takes what a test says


@pytest.fixture
def producer(tmp_path: Path, broker: Broker, monkeypatch: pytest.MonkeyPatch) -> Iterator[Producer]:
    monkeypatch.setattr(sender, "_WINDOW", WINDOW)
    made = Producer(settings_of(tmp_path), "user-events", connect=broker.connect)
    yield made
    made.close()


def journal(producer: Producer, count: int) -> None:
    producer.submit(producer.check([user_event(n) for n in range(count)]))
    producer.commit()


def test_the_position_is_the_first_record_that_is_not_acknowledged(
    producer: Producer, broker: Broker
) -> None:
    journal(producer, 200)
    rng = random.Random(7)
    taken: set[int] = set()
    while producer.sender.position < 200:
        producer.sender.step()
        client = broker.clients[-1]
        places = [place for place in range(len(client.queue)) if rng.random() < 0.4]
        taken.update(int(headers_of(client.queue[place][0])["seq"]) for place in places)
        client.deliver(places)
        assert producer.sender.position == min(set(range(201)) - taken)
    assert sorted(taken) == list(range(200))
    assert len(broker.log) == 200


def test_no_more_is_under_way_than_can_be_remembered(producer: Producer, broker: Broker) -> None:
    journal(producer, 30)
    for _ in range(3):
        producer.sender.step()
    client = broker.clients[-1]
    assert len(client.queue) == WINDOW
    client.deliver(range(1, WINDOW))  # the first one is not acknowledged
    assert not producer.sender.step()
    assert (len(client.queue), producer.sender.position) == (1, 0)
    client.deliver([0])
    assert producer.sender.position == WINDOW
    assert producer.sender.step()
    assert len(client.queue) == WINDOW
