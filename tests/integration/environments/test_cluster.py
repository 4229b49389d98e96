"""The stream on a cluster: nothing but settings differs, and so does no row."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ingestion.settings import Settings
from tests.integration.environments.cluster import Cluster, outer_environment

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("environments")]

ADX = Path(sys.executable).with_name("adx")
TOPIC = "user-events"


def action(number: int) -> bytes:
    """A user action; every seventh breaks the contract."""
    when = f"2026-03-{1 + number % 3:02d}T10:00:00Z" if number % 7 else "yesterday"
    person = {"platform": "web", "id": f"user {number % 11}"}
    return json.dumps(
        {"timestamp": when, "event_name": "view", "user_identifiers": person}
    ).encode()


def drain_in_a_process(settings: Settings, **environment: str) -> list[dict[str, Any]]:
    """`adx stream run --once`, and what it reports."""
    done = subprocess.run(
        [ADX, "stream", "run", "--once", "--topic", TOPIC, "--json"],
        env={
            **outer_environment(),
            "ADX_HOME": str(settings.home),
            "ADX_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
            "ADX_KAFKA_TOPIC_PREFIX": settings.kafka_topic_prefix,
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    reports: list[dict[str, Any]] = json.loads(done.stdout)
    return reports


def test_two_workers_land_the_rows_that_one_process_lands(  # noqa: PLR0917 - fixtures
    make_stream_settings: Callable[..., Settings],
    make_topics: Callable[..., list[str]],
    send: Callable[..., None],
    raw_rows: Callable[[Settings, str], list[dict[str, Any]]],
    drain: Callable[..., Any],
    cluster: Cluster,
    tmp_path: Path,
) -> None:
    here = make_stream_settings()
    there = here.model_copy(update={"home": tmp_path / "there"})
    make_topics(here)
    for partition in (0, 1):
        values = [action(number) for number in range(partition, 300, 2)]
        send(here, TOPIC, values, partition=partition)
    # one key folder, as a cluster has it: the pseudonyms are the same
    here.keys.mkdir(parents=True)
    there.home.mkdir()
    (there.home / "keys").symlink_to(here.keys)
    before = set(cluster.executors())
    (local,) = drain(here, topics=[TOPIC])
    (spread,) = drain_in_a_process(there, **cluster.environment())
    assert (spread["read"], spread["loaded"], spread["failed"]) == (
        local.read,
        local.loaded,
        local.failed,
    )

    def without_time(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{name: row[name] for name in row if name != "_loaded_at"} for row in rows]

    found = without_time(raw_rows(there, TOPIC))
    assert found == without_time(raw_rows(here, TOPIC))
    assert len(found) == 300
    (used,) = [used for name, used in cluster.executors().items() if name not in before]
    assert len(used) == 2, "tasks on both workers"
