"""A stream that runs while the lake is upgraded: it stops, and nothing is lost or doubled."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from ingestion.errors import AdxError
from ingestion.settings import Settings
from ingestion.streaming import run_stream
from tests.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("spark")]

TOPIC = "user-events"
DEADLINE_SECONDS = 120


def richer(node: dict[str, Any]) -> None:
    node["properties"]["campaign"] = {"type": ["string", "null"], "description": "x"}


def actions(count: int, **more: str) -> list[bytes]:
    record = {"timestamp": "2026-03-28T09:00:00Z", "event_name": "view", **more}
    return [json.dumps(record).encode()] * count


@pytest.fixture
def settings(
    make_stream_settings: Callable[..., Settings], make_topics: Callable[..., list[str]]
) -> Settings:
    made = make_stream_settings(stream_interval_seconds=0.2)
    make_topics(made, [TOPIC])
    return made


def test_a_running_stream_stops_at_an_upgrade_and_new_code_goes_on(
    settings: Settings,
    send: Callable[..., None],
    drain: Callable[..., Any],
    raw_rows: Callable[..., list[dict[str, Any]]],
    contract_folders: Any,
) -> None:
    before = contract_folders.first("user_events.events")
    after = contract_folders.newer(before, "user_events.events", richer)
    contract_folders.use(before)
    send(settings, TOPIC, actions(3))
    drain(settings, topics=[TOPIC])

    stop, ended = threading.Event(), []

    def serve() -> None:
        try:
            run_stream(settings, [TOPIC], stop=stop, keep_spark=True)
        except AdxError as error:
            ended.append(error)

    service = threading.Thread(target=serve)
    service.start()
    send(settings, TOPIC, actions(4, campaign="early"))
    wait_for("7 rows", lambda: len(raw_rows(settings, TOPIC)) == 7)
    _adx(settings, after, "upgrade")
    send(settings, TOPIC, actions(5, campaign="late"))
    service.join(DEADLINE_SECONDS)
    stop.set()
    assert not service.is_alive()
    assert "this code knows 1" in ended[0].message
    assert len(raw_rows(settings, TOPIC)) == 7

    contract_folders.use(after)
    (report,) = drain(settings, topics=[TOPIC])
    assert (report.read, report.failed) == (5, 0)
    rows = raw_rows(settings, TOPIC)
    assert len({(row["_kafka_partition"], row["_kafka_offset"]) for row in rows}) == 12
    found = [(row["_contract_version"], row["campaign"], row["_extras"] is None) for row in rows]
    # What came too early for its column is kept as an unknown field, encrypted.
    assert sorted(found, key=str) == [
        *[(1, None, False)] * 4,
        *[(1, None, True)] * 3,
        *[(2, "late", True)] * 5,
    ]


def _adx(settings: Settings, contracts: Any, *arguments: str) -> None:
    """Run `adx` as somebody else would: in a process of its own, with newer contracts."""
    subprocess.run(
        [sys.executable, "-m", "orchestration.cli.main", *arguments],
        env={**os.environ, "ADX_HOME": str(settings.home), "ADX_CONTRACTS": str(contracts)},
        check=True,
        timeout=DEADLINE_SECONDS,
    )
