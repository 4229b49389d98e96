"""The project's own models at size, as dbt compiles them for a first build."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.contender import run_contender
from benchmarks.figures import Figure
from ingestion.settings import Settings
from orchestration.warehouse import dbt
from orchestration.warehouse.store import FILE_NAME

_GIB = 1 << 30
_MEMORY_BOUND_GIB = 24.0


def run_models(
    folder: Path,
    models: Sequence[str],
    inputs: Path,
    variables: Mapping[str, object],
    totals: str,
) -> dict[str, Any]:
    """Make the tables of models, one after the other, in a process of its own.

    Args:
        folder: Scratch.
        models: In the order of their references, each with the folder of its schema.
        inputs: Statements that make what the models read.
        variables: SQL values of what the statements ask for.
        totals: SELECT of one row of counts, to judge what was made.

    Returns:
        `wall` seconds, `seconds` by relation, `peak_bytes` of the process, `totals`.

    Raises:
        RuntimeError: dbt cannot compile the models.
    """
    file = folder / FILE_NAME
    with duckdb.connect(str(file), config={"threads": 2, "memory_limit": "8GB"}) as connection:
        for name, value in variables.items():
            connection.execute(f"set variable {name} = {value}")
        connection.execute(inputs.read_text("utf-8"))
    arguments = {
        "file": str(file),
        "scratch": str(folder / "spill"),
        "statements": _compiled(Settings(home=folder / "home"), file, models),
        "totals": totals,
    }
    return run_contender("models", arguments)


def figures(
    what: str, found: Mapping[str, Any], time_bound: float, bound_name: str
) -> list[Figure]:
    """Memory and time beside what is allowed."""
    return [
        Figure.of(
            f"{what}, memory",
            found["peak_bytes"] / _GIB,
            _MEMORY_BOUND_GIB,
            "GiB at most",
            peer_name="the memory that is allowed",
            at_most=1.0,
        ),
        Figure.of(
            f"{what}, time",
            found["wall"],
            time_bound,
            "seconds on two cores",
            peer_name=bound_name,
            at_most=1.0,
        ),
    ]


def _compiled(settings: Settings, file: Path, models: Sequence[str]) -> list[tuple[str, str]]:
    """Relation and SELECT of every model, as a first build has them."""
    names = [model.rpartition("/")[2] for model in models]
    outcome = dbt.run(
        settings, ["compile", "--select", *names], database=file, window=None, artifacts=True
    )
    if outcome.failures:
        raise RuntimeError(f"dbt compile failed: {outcome.failures[0]}")
    compiled = dbt.target_folder(settings) / "compiled" / "advertisex" / "models"
    return [
        (
            f"{model.split('/')[-2]}.{model.rpartition('/')[2]}",
            (compiled / f"{model}.sql").read_text("utf-8"),
        )
        for model in models
    ]
