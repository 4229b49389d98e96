"""The demo: play the ad world day by day through the whole platform, then prove every number.

    for each day:  play, then one run of Dagster's job:
                   land streams, files, SQL, REST  ->  pin  ->  build  ->  publish  ->  verify
    at the end:    key figures, where to look next, verify

Everything in it can be run again: what was played is not sent again, what was landed is not landed
again, and an unchanged lake leaves the warehouse as it is.
"""

import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console

from ingestion.adworld import create_world, describe, play
from ingestion.errors import AdxError
from ingestion.kafka import broker_status, create_topics, free_port, start_broker, stop_broker
from ingestion.servers import stop_bigquery_emulator, stop_postgres, stop_s3
from ingestion.settings import Settings
from orchestration.checkup import checkup
from orchestration.pipeline import Platform


def run_demo(
    settings: Settings,
    *,
    seed: int,
    scale: int,
    days: int,
    console: Console,
) -> None:
    """Play and build all days; run again, it finds everything done.

    Args:
        settings: The home that the demo lives in.
        seed: Seed of the world.
        scale: Events of all sources over all days.
        days: Days to play.
        console: Where progress goes.

    Raises:
        AdxError: Something is missing on this machine, another world lives in this home, or a
            step failed; run again, it goes on where it stopped.
    """
    check_machine(settings)
    new = create_world(settings.world, seed, scale, days, partitions=settings.kafka_partitions)
    facts = describe(settings.world)
    console.print(
        f"[bold]AdvertiseX[/] in {settings.home}: world {seed}, {scale:,} events, {days} days, "
        + ("new" if new else f"{facts['last_played']} played before")
    )
    with running_broker(settings, console):
        platform = Platform(settings)
        played = int(facts["last_played"])
        if played:
            # A day that was played must be landed before the next one is: a poll that comes late
            # would never see the versions of that day.
            console.rule(f"what was played before (day {played})", align="left")
            platform.run(console)
        for day in range(played + 1, days + 1):
            console.rule(f"day {day} of {days}: {date_of(facts, day)}", align="left")
            with console.status("playing the day"):
                report = play(settings, day)
            console.print(
                f"played: {report.messages:,} messages, {report.files} files, "
                f"{report.rows} changed rows"
            )
            platform.run(console)


def date_of(facts: dict[str, Any], day: int) -> date:
    """The date of a day of the world."""
    first = date.fromisoformat(facts["start"])
    return date.fromordinal(first.toordinal() + day - 1)


def check_machine(settings: Settings) -> None:
    """Stop before anything is done if something is missing.

    Raises:
        AdxError: The first thing that is.
    """
    for finding in checkup(settings):
        if not finding.ok and finding.subject != "Kafka":
            raise AdxError(
                f"{finding.subject}: {finding.found}.",
                remedy=finding.remedy,
                exit_code=finding.exit_code,
            )


@contextmanager
def running_broker(settings: Settings, console: Console) -> Iterator[None]:
    """The broker of this home, with its topics; stopped afterwards if it was started here.

    If another program holds the port of the settings, a free one is taken: what the broker holds
    does not depend on its port.

    Raises:
        AdxError: The broker cannot be started.
    """
    before = broker_status(settings)
    if not before.running and _is_taken(settings.kafka_bootstrap):
        settings.kafka_bootstrap = f"127.0.0.1:{free_port()}"
        console.print(f"{before.bootstrap} is taken; the broker uses {settings.kafka_bootstrap}")
    try:
        with console.status("starting the Kafka broker"):
            status = start_broker(settings)
            create_topics(settings)
        console.print(f"Kafka broker at {status.bootstrap}")
        yield
    finally:
        if not before.running:
            with console.status("stopping the Kafka broker"):
                stop_broker(settings)


def _is_taken(bootstrap: str) -> bool:
    host, _, port = bootstrap.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=1):
            return True
    except OSError:
        return False


def clean_home(settings: Settings) -> list[str]:
    """Stop the servers of a home and remove what the platform keeps there, and nothing else.

    A lake in a bucket, or a catalog, of another machine stays as it is.

    Returns:
        The folders that were removed.
    """
    stop_broker(settings)
    stop_s3(settings)
    stop_postgres(settings)
    stop_bigquery_emulator(settings)
    folders = [folder for folder in _folders(settings) if folder.exists()]
    for folder in folders:
        shutil.rmtree(folder)
    return [folder.name for folder in folders]


def _folders(settings: Settings) -> list[Path]:
    return [
        settings.lake,
        settings.s3,
        settings.postgres,
        settings.bigquery_emulator,
        settings.keys,
        settings.kafka,
        settings.producers,
        settings.checkpoints,
        settings.dlt,
        settings.drop,
        settings.warehouse,
        settings.world,
        settings.dagster,
        settings.home / "dbt",
        settings.home / "duckdb",
    ]
