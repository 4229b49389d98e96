"""A warehouse over raw tables made by hand: the shapes of the lake without the lake.

`Warehouse` holds a DuckDB file whose `raw_<source>` tables have exactly the columns that the
contracts make. Rows are loaded in commits, commits are pinned, and dbt builds a pin's window as
`adx build` would.
"""

import json
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from ingestion.contracts import Contract, all_contracts, load_contract, raw_schema
from ingestion.settings import Settings
from orchestration.warehouse import dbt

Row = dict[str, Any]

BUILT_SCHEMAS = ("raw_vault", "business_vault", "core", "analytics", "finance", "utilities")
FIRST_COMMIT = datetime(2026, 6, 1, tzinfo=UTC)
TOPIC_ID = "topic-1"

OPS_TABLES = """
create schema ops;
create table ops.pins (
    row_key varchar, pin bigint, pinned_at timestamptz, source varchar, table_name varchar,
    metadata_location varchar, snapshot_id bigint, from_seq bigint, to_seq bigint
);
create table ops.billing_periods (
    row_key varchar, period varchar, status varchar, close_id varchar, build_id varchar, pin bigint,
    closed_at timestamptz, line_count bigint, adjustment_count bigint
);
create table ops.frozen_lines (
    row_key varchar, close_id varchar, line_number bigint, period varchar, kind varchar,
    line_item_id varchar, campaign_id varchar, advertiser_id varchar, advertiser_date date,
    currency_code varchar, base_currency_code varchar, billed_amount decimal(38, 9),
    billed_base_amount decimal(38, 9), media_cost_amount decimal(38, 9),
    media_cost_base_amount decimal(38, 9)
);
create table ops.source_loads (
    source varchar, table_name varchar, ingest_seq bigint, loaded_at timestamp,
    read_count bigint, loaded_count bigint, failed_count bigint, drift_count bigint
);
"""


def at(text: str) -> datetime:
    """A UTC time from `2026-03-01 22:30[:05]`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _event_time_column(contract: Contract) -> str:
    return next(
        field.column
        for field in contract.column_fields()
        if contract.event_time in (field.name, field.column)
    )


@dataclass
class Warehouse:
    """A DuckDB file with raw tables, and what has been committed and pinned in it."""

    settings: Settings
    file: Path
    heads: dict[str, int] = field(default_factory=dict)
    pinned: dict[str, int] = field(default_factory=dict)
    offset: int = 0
    pin_number: int = 0

    def connect(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(str(self.file))
        connection.execute("set TimeZone = 'UTC'")
        return connection

    def create(self) -> None:
        """Make the raw tables, empty, and the ops tables that models read."""
        with self.connect() as connection:
            connection.execute(OPS_TABLES)
            for contract in all_contracts():
                empty = raw_schema(contract).empty_table()
                connection.register("empty", empty)
                connection.execute(f"create schema if not exists {contract.namespace}")
                connection.execute(
                    f"create table {contract.namespace}.{contract.table} as from empty"
                )
                self.heads[contract.name] = 0
                self.pinned[contract.name] = 0

    def load(self, name: str, rows: Iterable[Row]) -> None:
        """Commit rows to a raw table: stamps lineage, the commit's number and its time."""
        contract = load_contract(*name.split("."))
        self.heads[name] += 1
        seq = self.heads[name]
        loaded_at = FIRST_COMMIT + timedelta(minutes=seq)
        complete = [self._complete(contract, row, seq, loaded_at, n) for n, row in enumerate(rows)]
        table = pa.Table.from_pylist(complete, schema=raw_schema(contract))
        with self.connect() as connection:
            connection.register("incoming", table)
            connection.execute(
                f"insert into {contract.namespace}.{contract.table} by name from incoming"
            )
            connection.execute(
                "insert into ops.source_loads values (?, ?, ?, ?, ?, ?, 0, 0)",
                [
                    contract.source,
                    contract.table,
                    seq,
                    loaded_at.replace(tzinfo=None),
                    len(complete),
                    len(complete),
                ],
            )

    def _complete(
        self, contract: Contract, row: Row, seq: int, loaded_at: datetime, number: int
    ) -> Row:
        lineage: Row
        if contract.carrier == "kafka":
            self.offset += 1
            lineage = {
                "_kafka_topic": contract.source.replace("_", "-"),
                "_kafka_topic_id": TOPIC_ID,
                "_kafka_partition": 0,
                "_kafka_offset": self.offset,
            }
        else:
            lineage = {"_source_file": f"{contract.table}-{seq:04d}", "_source_line": number + 1}
        if contract.carrier == "sql":
            lineage["_is_deleted"] = False
        if contract.is_event:
            lineage["event_date"] = row[_event_time_column(contract)].date()
        else:
            lineage["_load_date"] = loaded_at.date()
        return {
            **lineage,
            "_contract_version": 1,
            "_loaded_at": loaded_at,
            "_ingest_seq": seq,
            **row,
        }

    def pin(self) -> int:
        """Log a pin of everything that is committed."""
        self.pin_number += 1
        with self.connect() as connection:
            for name, head in self.heads.items():
                source, table = name.split(".")
                connection.execute(
                    "insert into ops.pins values (?, ?, ?, ?, ?, 'file', 1, ?, ?)",
                    [
                        f"{self.pin_number}|{name}",
                        self.pin_number,
                        FIRST_COMMIT,
                        source,
                        table,
                        self.pinned[name],
                        head,
                    ],
                )
        self.pinned = dict(self.heads)
        return self.pin_number

    def window(self, previous: int | None, current: int) -> str:
        """The window between two pins, as dbt gets it."""
        tables: dict[str, Row] = {}
        with self.connect() as connection:
            for contract in all_contracts():
                bounds = connection.execute(
                    "select coalesce(max(to_seq) filter (where pin <= ?), 0), "
                    "max(to_seq) filter (where pin <= ?) from ops.pins "
                    "where source = ? and table_name = ?",
                    [previous or 0, current, contract.source, contract.table],
                ).fetchone()
                assert bounds is not None
                tables[contract.name] = self._table_window(connection, contract, *bounds)
        return json.dumps({"pin": current, "previous_pin": previous, "tables": tables})

    @staticmethod
    def _table_window(
        connection: duckdb.DuckDBPyConnection, contract: Contract, from_seq: int, to_seq: int
    ) -> Row:
        effective = {"campaigns": "updated_at", "fx": "rate_date"}.get(contract.source)
        value = "event_date" if contract.is_event else f"cast({effective or 'null'} as date)"
        dates: list[date] = [
            found
            for (found,) in connection.execute(
                f"select distinct {value} from {contract.namespace}.{contract.table} "
                f"where _ingest_seq > {from_seq} and _ingest_seq <= {to_seq} order by 1"
            ).fetchall()
            if found is not None
        ]
        return {
            "from_seq": from_seq,
            "to_seq": to_seq,
            "touched_dates": [str(day) for day in dates] if contract.is_event else [],
            "min_effective_date": str(dates[0]) if dates and not contract.is_event else None,
        }

    def invoke(self, *arguments: str, window: str | None) -> dbt.Outcome:
        """Run a dbt command, whatever comes of it."""
        return dbt.run(self.settings, arguments, database=self.file, window=window)

    def build(self, window: str | None, *, tests: bool = True, full_refresh: bool = False) -> None:
        """Build seeds and models, with data tests or without; fail with what dbt said."""
        left_out = ["unit_test"] if tests else ["unit_test", "test"]
        refresh = ["--full-refresh"] if full_refresh else []
        self._all_well(
            self.invoke("build", "--exclude-resource-types", *left_out, *refresh, window=window)
        )

    @staticmethod
    def _all_well(outcome: dbt.Outcome) -> None:
        assert not outcome.failures, "\n".join(
            f"{failure.kind} {failure.name}: {failure.message}" for failure in outcome.failures
        )
        assert not outcome.skipped
        assert outcome.models

    def without_models(self, folder: Path) -> "Warehouse":
        """A copy that has the same raw tables and pins, and nothing that dbt built."""
        file = folder / self.file.name
        shutil.copy(self.file, file)
        copy = replace(self, file=file, heads=dict(self.heads), pinned=dict(self.pinned))
        with copy.connect() as connection:
            for schema in (*BUILT_SCHEMAS, "staging"):
                connection.execute(f"drop schema if exists {schema} cascade")
        return copy

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with self.connect() as connection:
            return connection.execute(sql).fetchall()

    def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        """All rows of every table and view that dbt built, less the windows in staging.

        They are in an order that depends on their content alone.
        """
        with self.connect() as connection:
            names = connection.execute(
                "select table_schema || '.' || table_name from information_schema.tables "
                f"where table_schema in {BUILT_SCHEMAS} order by all"
            ).fetchall()
            return {
                name: connection.execute(f"from {name} order by all").fetchall()
                for (name,) in names
            }


@pytest.fixture(scope="session")
def dbt_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for what dbt writes beside the warehouses of this run."""
    return tmp_path_factory.mktemp("dbt-home")


@pytest.fixture(scope="session")
def new_warehouse(
    dbt_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Warehouse]:
    """Make a warehouse with empty raw tables."""

    def make() -> Warehouse:
        settings = Settings(home=dbt_home)
        file = tmp_path_factory.mktemp("warehouse") / "advertisex.duckdb"
        warehouse = Warehouse(settings, file)
        warehouse.create()
        return warehouse

    return make


class Records:
    """Rows as the contracts want them; a test states only what it is about."""

    @staticmethod
    def at(text: str) -> datetime:
        return at(text)

    @staticmethod
    def impression_fields(impression_id: str, line_item: str, **fields: Any) -> Row:
        return {
            "impression_id": impression_id,
            "line_item_id": line_item,
            "creative_id": "CR1",
            "placement_id": "P1",
            "user_id": None,
            "ip": "ip-pseudonym",
            "ip_prefix": "192.0.2.0/24",
            "user_agent": "Mozilla/5.0",
            "country": "DE",
            "device_type": "desktop",
            "ad_format": "display",
            "width": 300,
            "height": 250,
            "clearing_price_micros": 2_000_000,
            "currency": "EUR",
            "channel": "display",
            "consent": {"gdpr_applies": True, "personal": True},
            **fields,
        }

    @classmethod
    def stream(cls, event_type: str, event_ts: datetime, payload: Row) -> Row:
        return {
            "event_id": f"{event_type}-{'-'.join(str(value) for value in payload.values())}"[:60],
            "event_type": event_type,
            "event_ts": event_ts,
            "producer_id": "producer-1",
            "seq": 1,
            "schema_version": 1,
            event_type: payload,
        }

    @classmethod
    def impression(cls, impression_id: str, time: str, line_item: str, **fields: Any) -> Row:
        payload = cls.impression_fields(impression_id, line_item, **fields)
        return cls.stream("impression", at(time), payload)

    @classmethod
    def file_impression(cls, impression_id: str, time: str, line_item: str, **fields: Any) -> Row:
        return {
            "event_id": f"file-{impression_id}",
            "event_ts": at(time),
            **cls.impression_fields(impression_id, line_item, **fields),
        }

    @staticmethod
    def click_fields(click_id: str, impression_id: str, **fields: Any) -> Row:
        return {
            "click_id": click_id,
            "impression_id": impression_id,
            "ip": "ip-pseudonym",
            "ip_prefix": "192.0.2.0/24",
            "user_agent": "Mozilla/5.0",
            **fields,
        }

    @classmethod
    def click(cls, click_id: str, time: str, impression_id: str, **fields: Any) -> Row:
        return cls.stream("click", at(time), cls.click_fields(click_id, impression_id, **fields))

    @classmethod
    def file_click(cls, click_id: str, time: str, impression_id: str, **fields: Any) -> Row:
        return {"event_ts": at(time), **cls.click_fields(click_id, impression_id, **fields)}

    @classmethod
    def interval(
        cls, impression_id: str, time: str, sequence: int, span: tuple[int, int], fraction: str
    ) -> Row:
        payload = {
            "impression_id": impression_id,
            "sequence": sequence,
            "start_ms": span[0],
            "end_ms": span[1],
            "in_view_fraction": Decimal(fraction),
            "measurable": True,
        }
        return cls.stream("viewability", at(time), payload)

    @classmethod
    def video(cls, impression_id: str, time: str, video_event: str) -> Row:
        payload = {"impression_id": impression_id, "video_event": video_event, "position_ms": 0}
        return cls.stream("video", at(time), payload)

    @staticmethod
    def conversion(conversion_id: str, time: str, advertiser_id: str, **fields: Any) -> Row:
        return {
            "conversion_id": conversion_id,
            "event_ts": at(time),
            "advertiser_id": advertiser_id,
            "conversion_type": "purchase",
            **fields,
        }

    @staticmethod
    def user_action(time: str, event_name: str | None, **fields: Any) -> Row:
        return {"event_datetime": at(time), "event_name": event_name, **fields}

    @staticmethod
    def bid_request(auction_id: str, time: str, **fields: Any) -> Row:
        """One slot, `1`, on exchange X, in Germany; `imps` lists others, `user` is its user."""
        slots = fields.pop("imps", [{}])
        user = fields.pop("user", None)
        geo = fields.pop("geo", {"country": "DE", "region": "BE"})
        return {
            "exchange": "X",
            "id": auction_id,
            "received_ts": at(time),
            "imp": [
                {
                    "id": str(number + 1),
                    "tagid": "P1",
                    "ad_format": "display",
                    "w": 300,
                    "h": 250,
                    "bidfloor": Decimal("0.5"),
                    "bidfloorcur": "EUR",
                    "deals": [],
                    **slot,
                }
                for number, slot in enumerate(slots)
            ],
            "site": {"id": "s1", "domain": "s1.example", "cat": ["IAB1"], "publisher_id": "pub"},
            "device": {
                "ua": "Mozilla/5.0",
                "ip": "ip-pseudonym",
                "ip_prefix": "192.0.2.0/24",
                "device_type": "desktop",
                "geo": geo,
            },
            "user": user,
            "regs": {"gdpr": True, "coppa": False},
            "schain": [{"asi": "seller.example", "sid": "1"}],
            "at": 1,
            "cur": ["EUR", "USD"],
            "tmax": 100,
            **fields,
        }

    @staticmethod
    def bid(bid_id: str, time: str, auction_id: str, line_item: str, **fields: Any) -> Row:
        return {
            "bid_id": bid_id,
            "exchange": "X",
            "auction_id": auction_id,
            "imp_id": "1",
            "line_item_id": line_item,
            "creative_id": "CR1",
            "bid_price_micros": 4_000_000,
            "currency": "EUR",
            "bid_ts": at(time),
            **fields,
        }

    @staticmethod
    def win(bid_id: str, time: str, price_micros: int = 2_000_000, currency: str = "EUR") -> Row:
        return {
            "bid_id": bid_id,
            "clearing_price_micros": price_micros,
            "currency": currency,
            "win_ts": at(time),
        }

    @staticmethod
    def billing_notice(bid_id: str, time: str) -> Row:
        return {"bid_id": bid_id, "billed_ts": at(time)}

    @staticmethod
    def deletion(updated_at: str, **key: Any) -> Row:
        return {**key, "updated_at": at(updated_at), "_is_deleted": True}

    @staticmethod
    def advertiser(advertiser_id: str, updated_at: str, **fields: Any) -> Row:
        return {
            "advertiser_id": advertiser_id,
            "name": f"Advertiser {advertiser_id}",
            "time_zone": "Europe/Berlin",
            "currency": "EUR",
            "industry": "retail",
            "website_domain": "example.com",
            "updated_at": at(updated_at),
            **fields,
        }

    @staticmethod
    def campaign(campaign_id: str, advertiser_id: str, updated_at: str, **fields: Any) -> Row:
        return {
            "campaign_id": campaign_id,
            "advertiser_id": advertiser_id,
            "name": f"Campaign {campaign_id}",
            "objective": "sales",
            "budget_micros": 1_000_000_000,
            "currency": "EUR",
            "start_at": at("2026-01-01 00:00"),
            "end_at": at("2026-12-31 00:00"),
            "status": "active",
            "updated_at": at(updated_at),
            **fields,
        }

    @staticmethod
    def line_item(line_item_id: str, campaign_id: str, updated_at: str, **fields: Any) -> Row:
        return {
            "line_item_id": line_item_id,
            "campaign_id": campaign_id,
            "name": f"Line item {line_item_id}",
            "pricing_model": "CPM",
            "rate_micros": 4_000_000,
            "currency": "EUR",
            "budget_micros": 1_000_000_000,
            "flight_start_at": at("2026-01-01 00:00"),
            "flight_end_at": at("2026-12-31 00:00"),
            "pacing": "even",
            "channel": "display",
            "attribution_model": "last",
            "view_window_hours": 24,
            "click_window_days": 30,
            "status": "active",
            "updated_at": at(updated_at),
            **fields,
        }

    @staticmethod
    def creative(creative_id: str, advertiser_id: str, updated_at: str, **fields: Any) -> Row:
        return {
            "creative_id": creative_id,
            "advertiser_id": advertiser_id,
            "name": f"Creative {creative_id}",
            "ad_format": "display",
            "width": 300,
            "height": 250,
            "landing_domain": "example.com",
            "updated_at": at(updated_at),
            **fields,
        }

    @staticmethod
    def line_item_creative(line_item: str, creative: str, updated_at: str, **fields: Any) -> Row:
        return {
            "line_item_id": line_item,
            "creative_id": creative,
            "weight": 1,
            "start_at": at("2026-01-01 00:00"),
            "updated_at": at(updated_at),
            **fields,
        }

    @staticmethod
    def publisher(publisher_id: str, updated_at: str, **fields: Any) -> Row:
        return {
            "publisher_id": publisher_id,
            "name": f"Publisher {publisher_id}",
            "updated_at": at(updated_at),
            **fields,
        }

    @staticmethod
    def site(site_id: str, publisher_id: str, updated_at: str, **fields: Any) -> Row:
        return {
            "site_id": site_id,
            "publisher_id": publisher_id,
            "kind": "site",
            "domain_or_bundle": f"{site_id}.example",
            "updated_at": at(updated_at),
            **fields,
        }

    @staticmethod
    def placement(placement_id: str, site_id: str, updated_at: str, **fields: Any) -> Row:
        return {
            "placement_id": placement_id,
            "site_id": site_id,
            "name": f"Placement {placement_id}",
            "ad_format": "display",
            "floor_micros": 100_000,
            "currency": "EUR",
            "updated_at": at(updated_at),
            **fields,
        }

    @staticmethod
    def credit_note(
        credit_id: str, line_item_id: str, for_month: str, amount_micros: int, updated_at: str
    ) -> Row:
        return {
            "credit_id": credit_id,
            "exchange": "X",
            "line_item_id": line_item_id,
            "for_month": date.fromisoformat(for_month),
            "amount_micros": amount_micros,
            "currency": "EUR",
            "updated_at": at(updated_at),
        }

    @staticmethod
    def rate(rate_date: str, base: str, quote: str, rate: str) -> Row:
        return {
            "rate_date": date.fromisoformat(rate_date),
            "base": base,
            "quote": quote,
            "rate": Decimal(rate),
        }

    @staticmethod
    def organization(number: int, updated_at: str, **fields: Any) -> Row:
        return {
            "uuid": f"organization-{number}",
            "identifier": {"uuid": f"organization-{number}", "permalink": f"org-{number}"},
            "name": f"Organization {number}",
            "funding_total": {"value": Decimal("1234567.89"), "currency": "EUR"},
            "updated_at": at(updated_at),
            **fields,
        }

    @staticmethod
    def funding_round(number: int, organization: int, updated_at: str, amount: str) -> Row:
        return {
            "uuid": f"round-{number}",
            "identifier": {"uuid": f"round-{number}"},
            "funded_organization_identifier": {"uuid": f"organization-{organization}"},
            "investment_type": "seed",
            "money_raised": {"value": Decimal(amount), "currency": "JPY"},
            "updated_at": at(updated_at),
        }

    @staticmethod
    def acquisition(number: int, acquirer: int, acquiree: int, updated_at: str) -> Row:
        return {
            "uuid": f"acquisition-{number}",
            "identifier": {"uuid": f"acquisition-{number}"},
            "acquirer_identifier": {"uuid": f"organization-{acquirer}"},
            "acquiree_identifier": {"uuid": f"organization-{acquiree}"},
            "updated_at": at(updated_at),
        }

    @staticmethod
    def person(number: int, updated_at: str, organization: int | None = None) -> Row:
        employer = None if organization is None else {"uuid": f"organization-{organization}"}
        return {
            "uuid": f"person-{number}",
            "identifier": {"uuid": f"person-{number}", "value": "name-pseudonym"},
            "primary_organization": employer,
            "updated_at": at(updated_at),
        }

    @staticmethod
    def deleted_entity(kind: str, uuid: str, deleted_at: str) -> Row:
        return {"uuid": uuid, "entity_def_id": kind, "deleted_at": at(deleted_at)}


@pytest.fixture(scope="session")
def records() -> type[Records]:
    """Makers of raw rows."""
    return Records
