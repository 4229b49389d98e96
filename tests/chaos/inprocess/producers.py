"""A producer with its journal on disk; Kafka stands in memory."""

import os
import random
from pathlib import Path
from typing import Any

import orjson

from ingestion.producers.producer import Producer
from ingestion.settings import Settings
from tests.chaos.books import Difference, Entry
from tests.chaos.inprocess.driver import Scenario, in_process
from tests.unit.producers.stand_ins import Broker, user_event

TOPIC = "user-events"


class ProducerScenario(Scenario):
    """Callers hand events over, and count those whose receipt they got.

    An event without a receipt may be there or not; its caller would offer it again as another one.
    """

    def __init__(self, folder: Path, rng: random.Random) -> None:
        super().__init__(folder, rng)
        settings = Settings(home=folder / "home", producer_commit_seconds=0)
        # a segment takes a few events, so that one follows another
        self.settings = settings.model_copy(update={"producer_journal_bytes": 6 * 1024})
        self.broker = Broker()
        self.offered: list[str] = []
        self.known: dict[str, int] = {}
        self._number = 0

    def send(self) -> None:
        for _ in range(self.rng.randrange(3, 7)):
            self._number += 1
            self.offered.append(f"{self._number}-{self.rng.randrange(10**9)}")

    def run(self) -> None:
        producer = Producer(self.settings, TOPIC, connect=self.broker.connect)
        try:
            while self.offered:
                name = self.offered.pop(0)
                event = {**user_event(), "event_name": name}
                self.known[name] = 0
                future = producer.submit(producer.check([event]))
                producer.commit()
                receipt = future.result()
                amount = int(name.partition("-")[2])
                self.known[name] = amount
                self.books.send(TOPIC, (receipt.first_seq,), Entry(receipt.event_ids[0], amount))
            while producer.sender.position < producer.journal.end:
                producer.sender.step()
                producer.sender.save()
            producer.sender.close()
            producer.journal.close()
        except BaseException:
            os.close(producer.journal._lock)  # what the kernel does for a dead process
            raise

    def check(self) -> Difference:
        rows: dict[tuple[int], Any] = {}
        difference = Difference()
        for _, value, headers in self.broker.log:
            seq = int(dict(headers)["seq"])
            if rows.setdefault((seq,), value) != value:
                difference.add("duplicated", 1, f"seq {seq} is two events")
        found = []
        for position, value in rows.items():
            event = orjson.loads(value)
            name = event["event_name"]
            if name not in self.known:
                difference.add("phantom", 1, name)
            if position in self.books.tables.get(TOPIC, {}):
                found.append((position, event["event_id"], int(name.partition("-")[2]), None))
        compared = self.books.compare({TOPIC: found})
        names = [orjson.loads(value)["event_name"] for value in rows.values()]
        if len(names) != len(set(names)):
            difference.add("duplicated", len(names) - len(set(names)), "one event, two numbers")
        if sorted(rows) != [(seq,) for seq in range(len(rows))]:
            difference.add("lost", 1, "numbers have a gap")
        difference += compared
        return difference


in_process("producer", smoke=56, rounds=3, doubles=3)(ProducerScenario)
