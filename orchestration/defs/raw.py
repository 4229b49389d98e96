"""Raw tables: what lands in the lake, one asset a table, one step a carrier.

Source systems are external assets, so the graph begins where the data does.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from ingestion.contracts import Contract, all_contracts, contract_for_topic
from ingestion.settings import Settings
from orchestration.batch import BATCH_SOURCES, broken_files, land_source

TOPICS = ("ad-events", "user-events")
_SYSTEMS: Mapping[str, str] = {
    "ad_events": "Kafka topic ad-events: impressions, viewability, video events and clicks.",
    "user_events": "Kafka topic user-events: user actions on advertisers' sites and apps.",
    "adserver": "Hourly files of the ad server in the drop folder.",
    "exchange": "Hourly Avro files of the exchanges: bid requests, bids, wins, billing notices.",
    "campaigns": "SQL database that campaigns are managed in.",
    "fx": "REST API with daily exchange rates.",
}


def raw_key(contract: Contract) -> dg.AssetKey:
    """The key that dbt gives the source of the same table."""
    return dg.AssetKey([contract.namespace, contract.table])


def system_key(source: str) -> dg.AssetKey:
    """Key of a source system."""
    return dg.AssetKey(["source_systems", source])


def source_systems() -> list[dg.AssetSpec]:
    """The systems that send data, as external assets."""
    return [
        dg.AssetSpec(system_key(source), group_name="source_systems", description=description)
        for source, description in _SYSTEMS.items()
    ]


def _specs(contracts: Sequence[Contract], engine: str) -> list[dg.AssetSpec]:
    return [
        dg.AssetSpec(
            raw_key(contract),
            group_name=f"raw_{contract.source}",
            description=contract.description,
            kinds={"iceberg", engine},
            deps=[system_key(contract.source)],
        )
        for contract in contracts
    ]


def _of_source(source: str) -> list[Contract]:
    return [contract for contract in all_contracts() if contract.source == source]


def _materialized(
    contracts: Sequence[Contract], settings: Settings, reports: Mapping[str, Any]
) -> Iterator[dg.MaterializeResult[None]]:
    """One materialization a table: what this landing did, and where the table stands now."""
    from ingestion.lake import Lake

    lake = Lake.open(settings)
    for contract in contracts:
        report = reports.get(contract.name)
        head = lake.head(contract)
        yield dg.MaterializeResult(
            asset_key=raw_key(contract),
            metadata={
                "read": report.read if report else 0,
                "loaded": report.loaded if report else 0,
                "failed": report.failed if report else 0,
                "drift": report.drift if report else 0,
                "seconds": report.seconds if report else 0.0,
                "ingest_seq": head.ingest_seq,
                "metadata_file": head.metadata_location,
            },
        )


def stream_assets(settings: Settings) -> dg.AssetsDefinition:
    """Both Kafka topics, drained by one Spark session."""
    contracts = [contract_for_topic(topic) for topic in TOPICS]

    @dg.multi_asset(name="land_streams", specs=_specs(contracts, "spark"))
    def land_streams() -> Iterator[dg.MaterializeResult[None]]:
        from ingestion.streaming import run_stream

        topics = run_stream(settings, TOPICS, once=True, keep_spark=True)
        yield from _materialized(contracts, settings, {topic.table: topic for topic in topics})

    return land_streams


def batch_assets(settings: Settings, source: str) -> dg.AssetsDefinition:
    """All tables of one source that dlt lands."""
    contracts = _of_source(source)

    @dg.multi_asset(name=f"land_{source}", specs=_specs(contracts, "dlt"))
    def land(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        report = land_source(settings, source)
        for problem in broken_files(report):
            context.log.warning(f"to the error archive: {problem.message} {problem.remedy}")
        yield from _materialized(
            contracts, settings, {table.table: table for table in report.tables}
        )

    return land


def raw_assets(settings: Settings) -> list[dg.AssetsDefinition]:
    """Every raw table of the platform."""
    return [
        stream_assets(settings),
        *(batch_assets(settings, source) for source in BATCH_SOURCES),
    ]
