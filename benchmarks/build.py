"""What a full build costs beyond its SQL: dbt's part, and Dagster's part beyond dbt."""

import json
import math
import shutil
import time
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from rich.console import Console

from benchmarks.figures import Figure
from ingestion.contracts import all_contracts
from ingestion.kafka import free_port
from ingestion.settings import Settings
from orchestration.definitions import PLATFORM_JOB, definitions_of
from orchestration.defs.raw import raw_key
from orchestration.demo import run_demo
from orchestration.lib.dagster_home import ensure_dagster_home
from orchestration.warehouse import build, dbt
from orchestration.warehouse.duck import open_file
from orchestration.warehouse.publish import publish
from orchestration.warehouse.reconcile import reconcile
from orchestration.warehouse.store import FILE_NAME, Store
from orchestration.warehouse.verify import verify

_MODEL_BOUND_MS = 25.0
_DAGSTER_BOUND = 6.0


def run(folder: Path, *, smoke: bool) -> list[Figure]:
    """Measure on a lake that the demo has filled; `folder` is scratch."""
    settings = Settings(home=folder / "home", kafka_bootstrap=f"127.0.0.1:{free_port()}")
    scale = 20_000 if smoke else 200_000
    with redirect_stdout(StringIO()):
        run_demo(settings, seed=1, scale=scale, days=1, console=Console(file=StringIO()))
    models, beyond_sql = _dbt_beyond_sql(settings)
    plain, by_dagster = _plain_and_dagster(settings, rounds=1 if smoke else 3)
    return [
        Figure.of(
            "build: dbt beyond its SQL",
            beyond_sql / models * 1000,
            _MODEL_BOUND_MS,
            "ms a model",
            peer_name="the cost that is allowed",
            at_most=1.0,
        ),
        Figure.of(
            "build: Dagster beyond dbt",
            by_dagster - plain,
            _DAGSTER_BOUND,
            "seconds a run",
            peer_name="the cost that is allowed",
            at_most=1.0,
        ),
    ]


def _dbt_beyond_sql(settings: Settings) -> tuple[int, float]:
    """Number of models, and seconds that `dbt run` takes beyond the statements it sends."""
    published = Store(settings.warehouse).published()
    file = settings.home / "bench" / FILE_NAME
    file.parent.mkdir()
    shutil.copy(published.file, file)
    arguments = ["run", "--full-refresh", "--threads", "1"]
    window = None
    # Parses for this path, once, and keeps the statements.
    dbt.run(settings, arguments, database=file, window=window, artifacts=True)
    started = time.perf_counter()
    outcome = dbt.run(settings, arguments, database=file, window=window)
    by_dbt = time.perf_counter() - started
    if outcome.failures:
        raise RuntimeError(f"dbt run failed: {outcome.failures[0]}")
    statements = _statements(settings)
    with open_file(file, settings, read_only=False) as connection:
        expected = _counts(connection, statements)
        started = time.perf_counter()
        for relation, kind, sql in statements:
            connection.execute(f"create or replace {kind} {relation} as ({sql})")
        connection.execute("checkpoint")
        by_hand = time.perf_counter() - started
        found = _counts(connection, statements)
    if found != expected:
        raise RuntimeError("the statements alone made other rows than dbt")
    return len(statements), by_dbt - by_hand


def _statements(settings: Settings) -> list[tuple[str, str, str]]:
    """Relation, kind and SELECT of every model, in the order in which dbt ran them."""
    target = dbt.target_folder(settings)
    results = json.loads((target / "run_results.json").read_text("utf-8"))["results"]
    nodes = json.loads((target / "manifest.json").read_text("utf-8"))["nodes"]
    return [
        (result["relation_name"], _kind(nodes[result["unique_id"]]), result["compiled_code"])
        for result in results
        if result["unique_id"].startswith("model.")
    ]


def _kind(node: dict[str, Any]) -> str:
    return "view" if node["config"]["materialized"] == "view" else "table"


def _counts(
    connection: duckdb.DuckDBPyConnection, statements: list[tuple[str, str, str]]
) -> dict[str, int]:
    counts = {}
    for relation, _, _ in statements:
        row = connection.execute(f"select count(*) from {relation}").fetchone()
        counts[relation] = int(row[0]) if row else 0
    return counts


def _plain_and_dagster(settings: Settings, *, rounds: int) -> tuple[float, float]:
    """Seconds of a full build and publish, by our functions and by Dagster's assets.

    The project is parsed for the file that both build before either starts; of some rounds each
    the fastest counts, because either takes many times what lies between them.
    """
    job = definitions_of(settings).resolve_job_def(PLATFORM_JOB)
    landed = {raw_key(contract) for contract in all_contracts()}
    warehouse = set(job.asset_layer.executable_asset_keys) - landed
    file = Store(settings.warehouse).building / FILE_NAME
    dbt.run(settings, ["parse"], database=file, window=None)
    seconds = {"plain": math.inf, "dagster": math.inf}
    for way in ("plain", "dagster") * rounds:
        shutil.rmtree(settings.warehouse)
        started = time.perf_counter()
        if way == "plain":
            build.build(settings)
            publish(settings)
            _prove(settings)
        else:
            home = ensure_dagster_home(settings)
            with dg.DagsterInstance.from_config(str(home)) as instance:
                job.get_subset(asset_selection=warehouse).execute_in_process(
                    instance=instance,
                    run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
                )
        seconds[way] = min(seconds[way], time.perf_counter() - started)
    return seconds["plain"], seconds["dagster"]


def _prove(settings: Settings) -> None:
    """What Dagster's graph does behind the build, so that both sides do the same work."""
    for verdict in (verify(settings), reconcile(settings)):
        if verdict.failed:
            raise RuntimeError("the build is not right, so its speed means nothing")
