"""Raw tables: what lands in the lake, one asset a table, one step a carrier.

Source systems are external assets, so the graph begins where the data does.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from ingestion.contracts import Contract, all_contracts, contract_for_topic, raw_schema
from ingestion.contracts.model import Field
from ingestion.kafka import TOPICS
from ingestion.settings import Settings
from orchestration.batch import BATCH_SOURCES, broken_files, land_source
from orchestration.lib.retries import retried
from orchestration.lib.translator import PLATFORM_TEAM

_SYSTEMS: Mapping[str, str] = {
    "ad_events": "Kafka topic ad-events: impressions, viewability, video events and clicks.",
    "user_events": "Kafka topic user-events: user actions on advertisers' sites and apps.",
    "adserver": "Hourly files of the ad server in the drop folder.",
    "exchange": "Hourly Avro files of the exchanges: bid requests, bids, wins, billing notices.",
    "campaigns": "SQL database that campaigns are managed in.",
    "fx": "REST API with daily exchange rates.",
    "crunchbase": "REST API of Crunchbase: organizations behind advertisers, on demand.",
}
_OWNERS: Mapping[str, str] = {"campaigns": "team:ad-operations", "fx": "team:finance"}
_SYSTEM_OWNER = "team:ad-tech"

_CARRIER_KINDS: Mapping[str, str] = {
    "kafka": "kafka",
    "csv": "csv",
    "jsonl": "json",
    "avro": "avro",
    "sql": "sql",
    "rest": "api",
}

STREAM_FRESHNESS = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=2), warn_window=timedelta(hours=1)
)
BATCH_FRESHNESS = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(hours=26), warn_window=timedelta(hours=12)
)
"""A table counts as fresh when something looked for news of it, whether there were any or not."""


def raw_key(contract: Contract) -> dg.AssetKey:
    """The key that dbt gives the source of the same table."""
    return dg.AssetKey([contract.namespace, contract.table])


def system_key(source: str) -> dg.AssetKey:
    """Key of a source system."""
    return dg.AssetKey(["source_systems", source])


def sources() -> list[str]:
    """Every source that a contract names, in alphabetical order."""
    return sorted({contract.source for contract in all_contracts()})


def source_systems() -> list[dg.AssetSpec]:
    """The systems that send data, as external assets."""
    return [
        dg.AssetSpec(
            system_key(source),
            group_name="source_systems",
            description=_SYSTEMS.get(source, f"The system that sends {source}."),
            kinds={_carrier_kind(contract) for contract in of_source(source)},
            owners=[_OWNERS.get(source, _SYSTEM_OWNER)],
        )
        for source in sources()
    ]


def of_source(source: str) -> list[Contract]:
    """The contracts of one source."""
    return [contract for contract in all_contracts() if contract.source == source]


def _carrier_kind(contract: Contract) -> str:
    return _CARRIER_KINDS.get(contract.carrier, contract.carrier)


def _specs(contracts: Sequence[Contract], engine: str) -> list[dg.AssetSpec]:
    return [
        dg.AssetSpec(
            raw_key(contract),
            group_name=f"raw_{contract.source}",
            description=contract.description,
            kinds={"iceberg", engine},
            owners=[PLATFORM_TEAM],
            tags={"layer": "raw", "carrier": contract.carrier},
            deps=[system_key(contract.source)],
            metadata={
                "dagster/column_schema": _column_schema(contract),
                "dagster/table_name": f"{contract.namespace}.{contract.table}",
            },
            freshness_policy=STREAM_FRESHNESS if contract.carrier == "kafka" else BATCH_FRESHNESS,
        )
        for contract in contracts
    ]


_LINEAGE: Mapping[str, str] = {
    "event_date": "UTC date of the event; the partition.",
    "_load_date": "UTC date of the load; the partition.",
    "_extras": "Fields that the contract does not declare, as JSON, encrypted.",
    "_error": "Why the record failed, and the record itself, encrypted; null for good rows.",
    "_kafka_topic": "Topic on the cluster.",
    "_kafka_topic_id": "UUID of the topic, which tells a recreated topic from the one before.",
    "_kafka_partition": "Partition of the topic.",
    "_kafka_offset": "Offset in the partition.",
    "_source_file": "File, or answer of the source, that the record came in.",
    "_source_line": "Line or record number in it, from 1.",
    "_is_deleted": "The source has this key no more.",
    "_contract_version": "Version of the contract that the record was checked with.",
    "_loaded_at": "When the commit was made.",
    "_ingest_seq": "Number of the commit in this table, from 1.",
}
"""What every raw table says of where a row came from."""


def _column_schema(contract: Contract) -> dg.TableSchema:
    """The columns of a raw table, with the contract's words about them."""
    meanings = {**_LINEAGE, **dict(_meanings(contract.fields))}
    return dg.TableSchema(
        [
            dg.TableColumn(column.name, str(column.type), description=meanings.get(column.name))
            for column in raw_schema(contract)
        ]
    )


def _meanings(fields: Sequence[Field]) -> Iterator[tuple[str, str]]:
    for field in fields:
        yield field.column, field.description
        if field.flatten:
            yield from _meanings(field.fields)


def _materialized(
    contracts: Sequence[Contract], settings: Settings, reports: Mapping[str, Any]
) -> Iterator[dg.MaterializeResult[None]]:
    """One materialization a table: what this landing did, and where the table stands now.

    Every number is one that Dagster plots over time, so each is there every time.
    """
    from ingestion.lake import Lake

    lake = Lake.open(settings)
    for contract in contracts:
        report = reports.get(contract.name)
        head = lake.head(contract)
        metadata: dict[str, Any] = {
            "read": report.read if report else 0,
            "loaded": report.loaded if report else 0,
            "failed": report.failed if report else 0,
            "drift": report.drift if report else 0,
            "bytes": report.bytes if report else 0,
            "seconds": round(report.seconds, 3) if report else 0.0,
            "ingest_seq": head.ingest_seq,
            "dagster/row_count": head.rows,
            "table_bytes": head.bytes,
            "metadata_file": head.metadata_location,
        }
        if contract.carrier == "kafka":
            metadata |= _lag(report)
        yield dg.MaterializeResult(asset_key=raw_key(contract), metadata=metadata)


def _lag(report: Any) -> dict[str, float]:
    """Records that were left when the last batch was in, and the time they take at this pace."""
    if report is None or not report.read:
        return {"lag_records": 0, "lag_seconds": 0.0}
    return {
        "lag_records": report.lag,
        "lag_seconds": round(report.lag * report.seconds / report.read, 3),
    }


def stream_assets(settings: Settings) -> dg.AssetsDefinition:
    """Both Kafka topics, drained by one Spark session."""
    contracts = [contract_for_topic(topic) for topic in TOPICS]

    @dg.multi_asset(name="land_streams", specs=_specs(contracts, "spark"), pool="land_streams")
    def land_streams(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        from ingestion.streaming import run_stream

        with retried(settings, context):
            topics = run_stream(settings, TOPICS, once=True, keep_spark=True)
        yield from _materialized(contracts, settings, {topic.table: topic for topic in topics})

    return land_streams


def batch_assets(settings: Settings, source: str) -> dg.AssetsDefinition:
    """All tables of one source that dlt lands."""
    contracts = of_source(source)

    @dg.multi_asset(name=f"land_{source}", specs=_specs(contracts, "dlt"), pool=f"land_{source}")
    def land(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        with retried(settings, context):
            report = land_source(settings, source)
            problems = broken_files(report)
        for problem in problems:
            context.log.warning(f"to the error archive: {problem.message} {problem.remedy}")
        yield from _materialized(
            contracts, settings, {table.table: table for table in report.tables}
        )

    return land


def raw_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """Every raw table that this platform lands."""
    return [
        stream_assets(settings),
        *(batch_assets(settings, source) for source in BATCH_SOURCES if of_source(source)),
    ]


def unlanded_tables() -> list[dg.AssetSpec]:
    """Raw tables that are declared and that nothing here lands: known to the graph all the same."""
    landed = {*BATCH_SOURCES, *(contract_for_topic(topic).source for topic in TOPICS)}
    contracts = [contract for contract in all_contracts() if contract.source not in landed]
    return _specs(contracts, "dlt")
