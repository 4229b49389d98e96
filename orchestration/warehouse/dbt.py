"""Runs dbt in this process, with the pin's window and the file that is being built."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import yaml

from ingestion.errors import AdxError, ExitCode
from ingestion.settings import PROJECT_ROOT, Settings
from orchestration.warehouse.parsed import Code, ParsedProject, add_code, parsed_project

PROJECT_FOLDER = PROJECT_ROOT / "dbt_project"
_CODE_FOLDERS = ("macros", "seeds")
_TEST_FOLDER = "tests/dbt"

_QUIET = ("--log-level", "none", "--log-level-file", "info", "--no-print")


@dataclass(frozen=True)
class Failure:
    """A model or test that did not pass.

    Attributes:
        kind: `model`, `test`, `unit_test`, `seed`.
        name: Its name.
        message: First lines of what dbt or DuckDB said.
        source: Its file in the project.
        compiled: The SQL that was run, to run again by hand.
    """

    kind: str
    name: str
    message: str
    source: str
    compiled: str | None


@dataclass(frozen=True)
class Execution:
    """What became of one node.

    Attributes:
        status: dbt's word: `success`, `pass`, `warn`, `fail`, `error`, `skipped`.
        seconds: Its execution time.
        message: What dbt or the engine said.
        failed_rows: Rows that a test found.
        response: What the engine answered; BigQuery names the bytes it read.
    """

    status: str
    seconds: float
    message: str
    failed_rows: int | None
    response: dict[str, Any]


@dataclass
class Outcome:
    """What a dbt run did."""

    models: int = 0
    tests: int = 0
    failures: list[Failure] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    executions: dict[str, Execution] = field(default_factory=dict)
    """By dbt's unique id, in the order in which they ended."""


def code_hash() -> str:
    """Hash of everything that decides which rows a build makes: dbt code, seeds and the engine."""
    digest = hashlib.sha256(f"duckdb {duckdb.__version__}".encode())
    add_code(digest, PROJECT_FOLDER, *(PROJECT_ROOT / name for name in _CODE_FOLDERS))
    return digest.hexdigest()[:16]


def hash_contract() -> int:
    """Version of the hash contract that the project's vault keys follow."""
    text = (PROJECT_FOLDER / "dbt_project.yml").read_text(encoding="utf-8")
    variables = yaml.safe_load(text).get("vars") or {}
    return int(variables.get("hash_contract", 1))


@contextmanager
def environment(**values: str | None) -> Iterator[None]:
    """Environment variables for dbt while it runs; None removes one."""
    before = {name: os.environ.get(name) for name in values}
    try:
        _set(values)
        yield
    finally:
        _set(before)


def _set(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def target_folder(settings: Settings) -> Path:
    """Where dbt writes what it compiled; kept, so that changed code is parsed in part only."""
    return settings.home / "dbt" / "target"


def _arguments(settings: Settings, arguments: Sequence[str]) -> list[str]:
    return [
        *arguments,
        "--project-dir",
        str(PROJECT_FOLDER),
        "--profiles-dir",
        str(PROJECT_ROOT),
        "--target",
        settings.environment,
        "--target-path",
        str(target_folder(settings)),
        "--log-path",
        str(settings.home / "dbt" / "logs"),
    ]


def variables(settings: Settings, database: Path, window: str | None) -> dict[str, str | None]:
    """The environment variables that the profile and the window macro read."""
    return {
        "ADX_DUCKDB_PATH": str(database),
        "ADX_LAKE_URL": settings.lake_url,
        "ADX_CATALOG_WAREHOUSE": settings.catalog_warehouse,
        "ADX_WINDOW": window,
        "ADX_DUCKDB_THREADS": str(settings.duckdb_threads),
        "ADX_DUCKDB_MEMORY": settings.duckdb_memory,
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }


def run(
    settings: Settings,
    arguments: Sequence[str],
    *,
    database: Path,
    window: str | None,
    quiet: bool = True,
    artifacts: bool = False,
    on_node: Callable[[str, str], None] | None = None,
) -> Outcome:
    """Run one dbt command in this process.

    Args:
        settings: Names the dbt target and the folders.
        arguments: The command and its options, such as `["build"]`.
        database: The DuckDB file to write.
        window: The pin's window as JSON; None takes everything.
        quiet: Leave the terminal to the caller (dbt's log file has everything).
        artifacts: Write `manifest.json`, `run_results.json` and the graph, too, for readers that
            have no part in the run; it takes seconds, and what came of the run is returned.
        on_node: Called with name and status after each model or test.

    Raises:
        AdxError: dbt could not start: a broken profile or project, or wrong arguments.
        KeyboardInterrupt: The person stopped it.
    """

    def listen(event: Any) -> None:
        if on_node is not None and event.info.name == "NodeFinished":
            info = event.data.node_info
            on_node(info.node_name, info.node_status)

    command = _arguments(settings, arguments)
    if quiet:
        command += _QUIET
    surroundings = variables(settings, database, window)
    if artifacts:
        answer = _invoke(command, surroundings, settings, callbacks=[listen])
    else:
        surroundings["DBT_WRITE_JSON"] = "false"
        manifest = parsed(settings, database).load()
        answer = _invoke(command, surroundings, settings, manifest=manifest, callbacks=[listen])
    return _outcome(getattr(answer.result, "results", None) or [])


def parsed(settings: Settings, database: Path) -> ParsedProject:
    """The project as it is now, parsed for the target of the settings.

    Args:
        settings: Names the dbt target and the folders.
        database: The DuckDB file that dbt is to write.

    Raises:
        AdxError: The project or the profile cannot be parsed.
    """

    def parse() -> Path:
        command = [*_arguments(settings, ["parse"]), *_QUIET]
        _invoke(command, variables(settings, database, None), settings)
        return target_folder(settings)

    others = tuple(PROJECT_ROOT / name for name in (*_CODE_FOLDERS, _TEST_FOLDER))
    code = Code(PROJECT_FOLDER, others, PROJECT_ROOT / "profiles.yml")
    return parsed_project(code, settings, database, parse)


def _invoke(
    command: Sequence[str],
    surroundings: Mapping[str, str | None],
    settings: Settings,
    **runner: Any,
) -> Any:
    """Let dbt do one command; its answer.

    Raises:
        AdxError: dbt could not start.
        KeyboardInterrupt: The person stopped it.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    with environment(**surroundings):
        try:
            answer = dbtRunner(**runner).invoke(list(command))
        finally:
            # dbt-duckdb keeps the file open for the life of the process otherwise.
            DuckDBConnectionManager.close_all_connections()
    if isinstance(answer.exception, KeyboardInterrupt):
        raise answer.exception
    if answer.exception is not None:
        raise _cannot_start(answer.exception, settings)
    return answer


def _cannot_start(exception: BaseException, settings: Settings) -> AdxError:
    kind = type(exception).__name__
    text = " ".join(str(exception).split())[:600]
    if "Profile" in kind or "profile" in text.lower():
        return AdxError(
            f"dbt cannot use the profile of environment {settings.environment}: {text}",
            remedy="Correct profiles.yml, or set ADX_ENVIRONMENT to a target that it has.",
            exit_code=ExitCode.CONFIGURATION,
        )
    if "Usage" in kind:
        return AdxError(
            f"dbt does not understand its arguments: {text}",
            remedy="See `dbt <command> --help`.",
            exit_code=ExitCode.USAGE,
        )
    return AdxError(
        f"dbt could not run the project: {text}",
        remedy=f"Correct it; the log is {settings.home / 'dbt' / 'logs' / 'dbt.log'}.",
    )


def _outcome(results: Sequence[Any]) -> Outcome:
    outcome = Outcome()
    for result in results:
        node = result.node
        kind = str(getattr(node.resource_type, "value", node.resource_type))
        status = str(getattr(result.status, "value", result.status))
        outcome.seconds[node.name] = result.execution_time
        outcome.executions[node.unique_id] = Execution(
            status=status,
            seconds=result.execution_time,
            message=_first_lines(result.message),
            failed_rows=result.failures if kind == "test" else None,
            response=dict(result.adapter_response or {}),
        )
        if status in {"success", "pass", "warn"}:
            if kind in {"test", "unit_test"}:
                outcome.tests += 1
            else:
                outcome.models += 1
        elif status == "skipped":
            outcome.skipped.append(node.name)
        else:
            compiled = getattr(node, "compiled_path", None)
            outcome.failures.append(
                Failure(
                    kind=kind,
                    name=node.name,
                    message=_first_lines(result.message),
                    source=node.original_file_path,
                    compiled=str(PROJECT_FOLDER / compiled) if compiled else None,
                )
            )
    return outcome


def _first_lines(message: object) -> str:
    lines = [line.strip() for line in str(message or "no message").splitlines() if line.strip()]
    return " ".join(lines[:4])[:400]
