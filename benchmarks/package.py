"""A dlt package through the fence against a bare Iceberg append of the same rows."""

import statistics
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog

from benchmarks.figures import Figure
from benchmarks.files import write_files
from benchmarks.usage import Clock
from ingestion.contracts import load_contract
from ingestion.lake import Lake
from ingestion.lake.schema import raw_iceberg_schema, raw_partition_spec
from ingestion.landing import KeyStore, LandingContext, land_jsonl_file
from ingestion.settings import Settings
from ingestion.sources.pipeline import Claim, configure_dlt, open_pipeline


def run(folder: Path, *, smoke: bool) -> list[Figure]:
    """Measure; `folder` is scratch."""
    rounds = 2 if smoke else 7
    rows = _rows(folder, 4_000 if smoke else 200_000)
    settings = Settings(home=folder / "home")
    configure_dlt(settings)
    lake = Lake.open(settings)
    lake.ensure_tables()
    contract = load_contract("adserver", "impressions")
    catalog = SqlCatalog("peer", uri=f"sqlite:///{folder}/peer.db", warehouse=str(folder / "peer"))
    catalog.create_namespace("raw")
    catalog.create_table(
        ("raw", "impressions"),
        raw_iceberg_schema(contract),
        partition_spec=raw_partition_spec(contract),
    )
    ours, peer = [], []
    for number in range(rounds):
        clock = Clock()
        with open_pipeline(settings, lake, contract) as pipeline:
            pipeline.drain()
            pipeline.load(rows, lambda _, number=number: Claim(position={"round": number}))
        ours.append(clock.wall)
        clock = Clock()
        catalog.load_table(("raw", "impressions")).append(rows)
        peer.append(clock.wall)
    have = lake.head(contract).ingest_seq * rows.num_rows
    bare = catalog.load_table(("raw", "impressions")).scan().count()
    if not have == bare == rounds * rows.num_rows:
        raise RuntimeError(f"ours committed {have} rows, the bare append {bare}")
    # The first package of a process imports and compiles what later ones share.
    return [
        Figure.of(
            "package: commit",
            statistics.median(ours[1:]),
            statistics.median(peer[1:]),
            f"seconds for {rows.num_rows:,} rows",
            peer_name="a bare Iceberg append of the same Arrow table",
            at_most=2.0,
        )
    ]


def _rows(folder: Path, count: int) -> pa.Table:
    contract = load_contract("adserver", "impressions")
    write_files(folder / "files", count, folder / "keys")
    context = LandingContext(contract, 0, datetime.now(UTC), KeyStore(folder / "keys"), threads=2)
    return pa.concat_tables(
        table
        for path in sorted((folder / "files").iterdir())
        for table in land_jsonl_file(context, path, path.name)
    )
