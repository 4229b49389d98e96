"""What the platform itself sends to BigQuery: the pin before dbt builds, publishing after it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from ingestion.contracts import all_contracts, raw_schema
from ingestion.lake import TableWindow, Window
from ingestion.lake.ops import OPS_TABLES
from ingestion.settings import Settings
from orchestration.bigquery.dbt_runs import PROJECT
from orchestration.bigquery.googlesql import parse_type
from orchestration.bigquery.statements import Warehouse
from orchestration.warehouse.bigquery import publish, raw
from orchestration.warehouse.bigquery.builds import Builds, Passed, Work
from orchestration.warehouse.bigquery.service import MARTS, Service, sql_type
from orchestration.warehouse.build import new_rows
from orchestration.warehouse.store import Manifest
from orchestration.warehouse.versions import Withdrawal

_BUILD = Manifest(
    build_id="b000003-pin3",
    pin=3,
    previous_pin=2,
    code="0123456789abcdef",
    full_refresh=False,
    started_at="2026-03-30T12:00:00+00:00",
    finished_at="2026-03-30T12:10:00+00:00",
    models=1,
    tests=1,
    rows=1,
    hash_contract=1,
)


class PlatformRuns:
    """The pin and the publishing of an environment with external tables and readers.

    Attributes:
        service: That environment's, on the warehouse.
    """

    def __init__(self, warehouse: Warehouse, endpoint: str, folder: Path) -> None:
        self._warehouse = warehouse
        self.service = Service(
            Settings(
                environment="production",
                home=folder,
                warehouse_engine="bigquery",
                bigquery_project=PROJECT,
                bigquery_endpoint=endpoint,
                bigquery_connection=f"{PROJECT}.eu.lake",
                bigquery_readers="group:analysts@example.com",
                bigquery_job_retries=0,
            )
        )

    def pin(self, *, first: bool) -> None:
        """Register the lake as of a pin.

        Raises:
            AdxError: BigQuery would not take one of the statements.
        """
        service, contracts = self.service, all_contracts()
        self._warehouse.googlesql.connections.add(f"{PROJECT}.eu.lake")
        addresses = {contract.name: f"gs://lake/{contract.name}.json" for contract in contracts}
        ops = {name: f"gs://lake/ops.{name}.json" for name in OPS_TABLES}
        for contract in contracts:
            self._warehouse.files[addresses[contract.name]] = _columns(raw_schema(contract))
        for name, table in OPS_TABLES.items():
            self._warehouse.files[ops[name]] = _columns(table.schema)
        raw.make_datasets(service)
        for statement in raw.external_tables(service, addresses, ops):
            service.run(statement)
        ranges = {contract.name: (0 if first else 4, 9) for contract in contracts}
        for statement in raw.statements_over(service, ranges, {}):
            service.run(statement)

    def ask(self) -> None:
        """Ask what a build asks: what was built before, and how much is new.

        Raises:
            AdxError: BigQuery would not take one of the statements.
        """
        tables = {contract.name: TableWindow(4, 9, (), None) for contract in all_contracts()}
        Builds(self.service).history()
        loads = self.service.table("ops", "source_loads")
        self.service.run(new_rows(loads, Window(3, 2, tables)))

    def publish(self, meta: Mapping[str, Mapping[str, Any]]) -> None:
        """Make a set of marts, show it to readers, and let them read it.

        Args:
            meta: What the YAML of each mart says for programs, by its name.

        Raises:
            AdxError: BigQuery would not take one of the statements.
        """
        service, builds = self.service, Builds(self.service)
        marts = {
            key[2]: publish.Mart(
                key[1].removeprefix(publish.WORK),
                table.query,
                meta.get(key[2], {}).get(publish.ROW_ACCESS, ()),
            )
            for key, table in self._warehouse.tables.items()
            if key[1].startswith(publish.WORK) and key[1].removeprefix(publish.WORK) in MARTS
        }
        relations = {f"{mart.layer}.{name}": 1 for name, mart in marts.items()}
        builds.prepare()
        builds.begin(Work(_BUILD.build_id, 3, _BUILD.code, full_refresh=False, hash_contract=1))
        publish.make_set(service, _BUILD.build_id, marts)
        builds.accept(_BUILD, relations)
        policies = publish.row_access_policies(service, _BUILD.build_id, marts)
        for statement in (*policies, *publish.grants(service)):
            service.run(statement)
        service.run(publish.publish_script(service, Passed(_BUILD, relations), None))
        builds.withdraw([Withdrawal(_BUILD.build_id, "b000002-pin2", "wrong", "2026-03-30", "1")])


def _columns(schema: pa.Schema) -> dict[str, Any]:
    return {column.name: parse_type(sql_type(column.type)) for column in schema}
