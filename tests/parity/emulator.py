"""The project built by `adx build` on the BigQuery emulator."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa

from ingestion.errors import AdxError
from ingestion.lake import Pin
from ingestion.settings import Settings
from orchestration.warehouse.bigquery.service import MARTS
from orchestration.warehouse.build import build
from orchestration.warehouse.publish import publish
from tests.emulated import client, emulator, read_table, table_names
from tests.parity.canonical import Table
from tests.parity.macro_judges import Verdict, judge_emulator
from tests.parity.world import BUILT_SCHEMAS, LandedWorld


@dataclass
class EmulatorBuild:
    """A warehouse on the emulator, over the lake of a world."""

    settings: Settings

    def build(self, pin: Pin, *, first: bool) -> list[str]:
        """Build a pin with all tests and publish it; what failed, in words."""
        try:
            build(self.settings, pin=pin.number, full_refresh=first)
            publish(self.settings)
        except AdxError as error:
            return [error.message]
        return []

    def tables(self) -> dict[str, Table]:
        """All that dbt built, by schema and name as on DuckDB."""
        found = {}
        for layer in BUILT_SCHEMAS:
            dataset = f"work_{layer}" if layer in MARTS else layer
            for name in table_names(self.settings, dataset):
                rows = read_table(self.settings, dataset, name)
                lists = [f.name for f in rows.schema if pa.types.is_list(f.type)]
                found[f"{layer}.{name}"] = Table.of(rows.column_names, rows.to_pylist(), lists)
        return dict(sorted(found.items()))

    def verdicts(self, expressions: Mapping[str, str]) -> list[Verdict]:
        """What the emulator says of the macros' cases."""
        with client(self.settings) as connected:
            return judge_emulator(expressions, connected)


@contextmanager
def on_emulator(world: LandedWorld) -> Iterator[EmulatorBuild]:
    """An emulator of the world's home; what an earlier one kept there is replaced by a rebuild."""
    with emulator(world.settings) as settings:
        yield EmulatorBuild(settings)
