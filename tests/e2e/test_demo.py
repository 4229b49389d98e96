"""The demo as a newcomer runs it: real broker, Spark, dlt, dbt and Dagster, in its own home."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from ingestion.kafka import free_port

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("e2e")]

ADX = Path(sys.executable).with_name("adx")
DEMO = ("demo", "--seed", "5", "--scale", "8000", "--days", "3")


class Home:
    """A home of the platform, and `adx` in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ADX_")},
            "ADX_HOME": str(folder),
            "ADX_KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}",
        }

    def adx(self, *arguments: str) -> str:
        """Run one command; it must end well."""
        done = subprocess.run(
            [ADX, *arguments], env=self._environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout + done.stderr

    def checksums(self) -> set[tuple[object, ...]]:
        """Rows and order-independent checksum of every table and date that is published."""
        file = self.folder / "warehouse" / "current" / "advertisex.duckdb"
        with duckdb.connect(str(file), read_only=True) as connection:
            return set(connection.execute("from meta.table_checksums").fetchall())


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, str]]:
    home = Home(tmp_path_factory.mktemp("demo"))
    output = home.adx(*DEMO)
    yield home, output
    home.adx("clean", "--yes")


def test_the_demo_proves_its_numbers(played: tuple[Home, str]) -> None:
    _, output = played
    verdicts = re.findall(r"^(\d+) passed, (\d+) failed$", output, re.MULTILINE)
    assert verdicts, output[-2000:]
    passed, failed = map(int, verdicts[-1])
    assert (passed >= 400, failed) == (True, 0)


def test_each_day_was_built_from_a_pin_of_its_own(played: tuple[Home, str]) -> None:
    _, output = played
    assert re.findall(r"built pin (\d+) \((full refresh|increment)\)", output) == [
        ("1", "full refresh"),
        ("2", "increment"),
        ("3", "increment"),
    ]


def test_again_changes_no_row(played: tuple[Home, str]) -> None:
    home, _ = played
    before = home.checksums()
    assert "0 rows changed" in home.adx(*DEMO)
    assert "nothing to do" in home.adx("build")
    assert home.checksums() == before


def test_the_chain_from_lake_to_marts_holds(played: tuple[Home, str]) -> None:
    home, _ = played
    assert home.adx("reconcile").rstrip().endswith(" passed, 0 failed")


def test_increments_equal_a_full_refresh_in_every_table(played: tuple[Home, str]) -> None:
    home, _ = played
    before = home.checksums()
    home.adx("build", "--full-refresh")
    home.adx("publish")
    after = home.checksums()
    assert before
    assert {row[:3] for row in before ^ after} == set()
