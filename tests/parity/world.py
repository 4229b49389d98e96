"""A small ad world, landed day by day without a broker, pinned after each day, built on DuckDB."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from ingestion.adworld import create_world, play
from ingestion.adworld.sinks import MemorySink
from ingestion.lake import Lake, Pin
from ingestion.settings import Settings
from orchestration.warehouse.bigquery.service import LAYERS, MARTS
from orchestration.warehouse.build import build
from orchestration.warehouse.duck import open_file
from orchestration.warehouse.pin import pin_lake
from orchestration.warehouse.publish import publish
from orchestration.warehouse.store import Store
from tests.integration.landings import land_played
from tests.parity.canonical import Table

BUILT_SCHEMAS = (*LAYERS, *MARTS)


@dataclass
class LandedWorld:
    """A home with an ad world in it.

    Attributes:
        settings: The home; its warehouse is DuckDB's.
        pins: One a day, in order.
    """

    settings: Settings
    pins: list[Pin] = field(default_factory=list)
    _sink: MemorySink = field(default_factory=MemorySink)
    _builds: dict[int, "DuckDbBuild"] = field(default_factory=dict)

    @classmethod
    def create(cls, home: Path, *, seed: int, scale: int, days: int) -> "LandedWorld":
        """A new world, of which nothing is played yet."""
        settings = Settings(home=home, drop_quiet_seconds=0)
        create_world(settings.world, seed, scale, days)
        Lake.open(settings).ensure_tables()
        return cls(settings)

    @property
    def lake(self) -> Lake:
        """Its lake."""
        return Lake.open(self.settings)

    def next_day(self) -> Pin:
        """Play and land one more day; the pin that has it."""
        play(self.settings, len(self.pins) + 1, sink=self._sink)
        land_played(self.settings, self._sink)
        self.pins.append(pin_lake(self.lake))
        return self.pins[-1]

    def window(self, pin: Pin, *, first: bool = False) -> str:
        """What dbt gets for a pin: what came since the pin before it, or everything."""
        number = self.pins.index(pin)
        previous = None if first or number == 0 else self.pins[number - 1]
        return self.lake.window(previous, pin).to_json()

    def build(self, pin: Pin, *, first: bool = False) -> "DuckDbBuild":
        """Build a pin on DuckDB with all tests, and publish it."""
        build(self.settings, pin=pin.number, full_refresh=first)
        publish(self.settings)
        # A link, since the warehouse keeps the newest builds only; the name is the database's.
        published = Store(self.settings.warehouse).published()
        kept = self.settings.home / "kept" / published.manifest.build_id / published.file.name
        kept.parent.mkdir(parents=True)
        kept.hardlink_to(published.file)
        self._builds[pin.number] = DuckDbBuild(kept, self.settings)
        return self._builds[pin.number]

    def built(self, pin: Pin) -> "DuckDbBuild":
        """The newest build of a pin."""
        return self._builds[pin.number]


@dataclass(frozen=True)
class DuckDbBuild:
    """The file of a build."""

    file: Path
    settings: Settings

    def tables(self) -> dict[str, Table]:
        """All that dbt built, by schema and name."""
        with open_file(self.file, self.settings, read_only=True) as connection:
            names = connection.execute(
                "select table_schema || '.' || table_name from information_schema.tables "
                f"where table_schema in {BUILT_SCHEMAS} order by all"
            ).fetchall()
            return {name: _table(connection, name) for (name,) in names}

    def sources(self) -> Iterator[tuple[str, pa.Table]]:
        """What the pin registers, by schema and name: raw tables and the platform's own."""
        with open_file(self.file, self.settings, read_only=True) as connection:
            names = connection.execute(
                "select table_schema || '.' || table_name from information_schema.tables "
                "where table_schema like 'raw\\_%' escape '\\' and table_schema <> 'raw_vault' "
                "or table_schema = 'ops' order by all"
            ).fetchall()
            for (name,) in names:
                yield name, connection.execute(f"from {name}").to_arrow_table()


def _table(connection: duckdb.DuckDBPyConnection, name: str) -> Table:
    found = connection.execute(f"from {name}")
    columns = [column[0] for column in found.description]
    lists = [column[0] for column in found.description if str(column[1]).endswith("[]")]
    rows = (dict(zip(columns, row, strict=True)) for row in found.fetchall())
    return Table.of(columns, rows, lists)
