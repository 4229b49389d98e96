"""A disk that crashes and a Kafka that a test steers, for producers."""

import errno
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaError

from ingestion.producers.disk import Disk
from ingestion.settings import Settings

PRODUCT = {"name": "Wireless Mouse", "SKU": "SKU-1001"}


def user_event(number: int = 0, **others: Any) -> dict[str, Any]:
    return {
        "timestamp": "2023-10-23T12:34:56Z",
        "event_name": f"view {number}",
        "user_identifiers": {"platform": "web", "id": f"user_{number % 7}"},
        "product_information": PRODUCT,
        **others,
    }


def impression(number: int = 0, **others: Any) -> dict[str, Any]:
    return {
        "event_type": "impression",
        "event_ts": "2026-03-28T10:00:00.123Z",
        "impression": {
            "impression_id": f"imp-{number}",
            "line_item_id": "li-1",
            "creative_id": "cr-1",
            "placement_id": "pl-1",
            "user_id": f"user_{number % 7}",
            "ip": "192.0.2.7",
            "user_agent": "Mozilla/5.0",
            "device_type": "mobile",
            "ad_format": "display",
            "channel": "display",
            "consent": {"gdpr_applies": False, "personal": True},
            **others,
        },
    }


def settings_of(home: Path, **others: Any) -> Settings:
    """Settings of a producer, also with sizes that a real one would not have."""
    made = Settings(home=home, producer_commit_seconds=0)
    return made.model_copy(update=others)


@dataclass
class CrashingDisk(Disk):
    """Knows what is durable, and can lose the rest, or be full.

    Attributes:
        room: Bytes that it still takes; None: as many as come.
        broken: Whether a sync fails.
    """

    room: int | None = None
    broken: bool = False
    _paths: dict[int, Path] = field(default_factory=dict)
    _durable: dict[Path, bytes] = field(default_factory=dict)

    def create(self, path: Path) -> int:
        if self.room == 0:
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        handle = super().create(path)
        self._paths[handle] = path
        self._durable[path] = b""
        return handle

    def open(self, path: Path) -> int:
        handle = super().open(path)
        self._paths[handle] = path
        return handle

    def write(self, handle: int, content: bytes, offset: int) -> None:
        if self.room is not None and len(content) > self.room:
            super().write(handle, content[: self.room], offset)
            self.room = 0
            raise OSError(errno.ENOSPC, "No space left on device")
        if self.room is not None:
            self.room -= len(content)
        super().write(handle, content, offset)

    def sync(self, handle: int) -> None:
        if self.broken:
            raise OSError(errno.EIO, "Input/output error")
        self._durable[self._paths[handle]] = self._paths[handle].read_bytes()

    def remove(self, path: Path) -> None:
        super().remove(path)
        self._durable.pop(path, None)

    def close(self, handle: int) -> None:
        super().close(handle)
        self._paths.pop(handle)

    def crash(self, choose: Callable[[int], int]) -> None:
        """Lose what is not durable: a part of it stays, in which blocks may be missing.

        Args:
            choose: Gives a number from 0 to its argument, both inclusive.
        """
        for path, kept in self._durable.items():
            found = path.read_bytes()
            assert found.startswith(kept), "what was durable was changed"
            tail = bytearray(found[len(kept) :])
            del tail[choose(len(tail)) :]
            hole = choose(len(tail))
            size = choose(min(64, len(tail) - hole))
            tail[hole : hole + size] = bytes(size)
            path.write_bytes(kept + bytes(tail))
        for handle in self._paths:
            os.close(handle)
        self._paths.clear()


@dataclass
class Broker:
    """Takes records, and acknowledges them when told to.

    Attributes:
        log: What it has: key, value and headers.
        away: Whether nobody is acknowledged.
    """

    log: list[tuple[bytes | None, bytes, Any]] = field(default_factory=list)
    away: bool = False
    clients: list["BrokerClient"] = field(default_factory=list)

    def connect(self) -> "BrokerClient":
        self.clients.append(BrokerClient(self))
        return self.clients[-1]


@dataclass
class BrokerClient:
    broker: Broker
    queue: list[tuple[tuple[bytes | None, bytes, Any], Callable[..., None]]] = field(
        default_factory=list
    )
    most: int = 50

    def produce(self, key: Any, value: bytes, headers: Any, delivered: Any) -> None:
        if len(self.queue) >= self.most:
            raise BufferError
        self.queue.append(((key, value, headers), delivered))

    def poll(self, seconds: float) -> None:
        if not self.broker.away:
            self.deliver(range(len(self.queue)))

    def deliver(self, places: Any, *, told: bool = True) -> None:
        """Take the records of some places; `told`: the client hears of it."""
        chosen = [self.queue[place] for place in places]
        self.queue = [each for place, each in enumerate(self.queue) if place not in set(places)]
        for record, delivered in chosen:
            self.broker.log.append(record)
            if told:
                delivered(None, None)

    def fail(self) -> None:
        """Tell the client that a record could not be delivered."""
        for _, delivered in self.queue[:1]:
            delivered(KafkaError(KafkaError._TRANSPORT), None)

    def abandon(self) -> None:
        self.queue.clear()


def headers_of(record: tuple[Any, bytes, Any]) -> Mapping[str, str]:
    return dict(record[2])
