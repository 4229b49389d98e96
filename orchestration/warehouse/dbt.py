"""Runs dbt in this process, with the pin's window and the file that is being built."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
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

_QUIET = ("--log-level", "none", "--log-level-file", "none", "--no-print", "--no-use-colors")
_LOGGED = {"info", "warn", "error"}
_LOG_BYTES = 10 * 1024 * 1024


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
        kind: dbt's word for what the node is: `model`, `seed`, `test`, `unit_test`.
        schema: Where it was built.
        name: What it is called there.
        view: The SELECT of a model that is a view.
        meta: What its YAML says of it for programs.
    """

    status: str
    seconds: float
    message: str
    failed_rows: int | None
    response: dict[str, Any]
    kind: str = ""
    schema: str = ""
    name: str = ""
    view: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


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


def code_hash(engine: str = "duckdb") -> str:
    """Hash of everything that decides which rows a build makes: dbt code, seeds and the engine.

    Args:
        engine: The engine; the version of one that is a library counts, too.
    """
    version = f" {duckdb.__version__}" if engine == "duckdb" else ""
    digest = hashlib.sha256(f"{engine}{version}".encode())
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


def log_file(settings: Settings) -> Path:
    """Where dbt's messages are kept."""
    return settings.home / "dbt" / "logs" / "dbt.log"


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
        str(log_file(settings).parent),
    ]


def variables(
    settings: Settings, database: Path | None, window: str | None, build_id: str | None = None
) -> dict[str, str | None]:
    """The environment variables that the profile, the window macro and the query comment read."""
    if settings.warehouse_engine == "bigquery":
        engine: dict[str, str | None] = {**bigquery_variables(settings)}
    else:
        # The prefix is BigQuery's: a database file is one warehouse.
        engine = {"ADX_BIGQUERY_DATASET_PREFIX": None, "ADX_DUCKDB_PATH": str(database)}
    return {
        **engine,
        "ADX_BUILD_ID": build_id,
        "ADX_LAKE_URL": settings.lake_url,
        "ADX_CATALOG_WAREHOUSE": settings.catalog_warehouse,
        "ADX_WINDOW": window,
        "ADX_DUCKDB_THREADS": str(settings.duckdb_threads),
        "ADX_DUCKDB_MEMORY": settings.duckdb_memory,
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }


def bigquery_variables(settings: Settings) -> dict[str, str]:
    """The environment variables that the BigQuery outputs of the profile read."""
    values = {
        "PROJECT": settings.bigquery_project,
        "LOCATION": settings.bigquery_location,
        "DATASET_PREFIX": settings.bigquery_dataset_prefix,
        "ENDPOINT": settings.bigquery_endpoint,
        "THREADS": settings.bigquery_threads,
        "PRIORITY": settings.bigquery_priority,
        "MAXIMUM_BYTES_BILLED": settings.bigquery_maximum_bytes_billed,
        "JOB_SECONDS": settings.bigquery_job_seconds,
        "JOB_RETRIES": settings.bigquery_job_retries,
        "REQUEST_SECONDS": settings.bigquery_request_seconds,
    }
    return {f"ADX_BIGQUERY_{name}": "" if v is None else str(v) for name, v in values.items()}


def run(
    settings: Settings,
    arguments: Sequence[str],
    *,
    database: Path | None,
    window: str | None,
    build_id: str | None = None,
    quiet: bool = True,
    artifacts: bool = False,
    on_node: Callable[[str, str], None] | None = None,
) -> Outcome:
    """Run one dbt command in this process.

    Args:
        settings: Names the dbt target and the folders.
        arguments: The command and its options, such as `["build"]`.
        database: The DuckDB file to write; None where the engine is another one.
        window: The pin's window as JSON; None takes everything.
        build_id: The build that it is for; BigQuery's jobs are labelled with it.
        quiet: Leave the terminal to the caller (the log file has what dbt says).
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

    surroundings = variables(settings, database, window, build_id)
    manifest = None
    if not artifacts:
        surroundings["DBT_WRITE_JSON"] = "false"
        manifest = parsed(settings, database).load()
    answer = _invoke(settings, arguments, surroundings, listen, manifest=manifest, quiet=quiet)
    return _outcome(getattr(answer.result, "results", None) or [])


def parsed(settings: Settings, database: Path | None) -> ParsedProject:
    """The project as it is now, parsed for the target of the settings.

    Args:
        settings: Names the dbt target and the folders.
        database: The DuckDB file that dbt is to write; None where the engine is another one.

    Raises:
        AdxError: The project or the profile cannot be parsed.
    """
    surroundings = variables(settings, database, None)

    def parse() -> Path:
        _invoke(settings, ["parse"], surroundings)
        return target_folder(settings)

    others = tuple(PROJECT_ROOT / name for name in (*_CODE_FOLDERS, _TEST_FOLDER))
    code = Code(PROJECT_FOLDER, others, PROJECT_ROOT / "profiles.yml")
    name = settings.bigquery_project if database is None else database.stem
    return parsed_project(code, settings, {**surroundings, "database": name}, parse)


def _invoke(
    settings: Settings,
    arguments: Sequence[str],
    surroundings: Mapping[str, str | None],
    listen: Callable[[Any], None] | None = None,
    *,
    manifest: Any = None,
    quiet: bool = True,
) -> Any:
    """Let dbt do one command; its answer.

    Raises:
        AdxError: dbt could not start.
        KeyboardInterrupt: The person stopped it.
    """
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    command = [*_arguments(settings, arguments), *(_QUIET if quiet else ())]
    if settings.warehouse_engine == "bigquery":
        _bound_retries(settings)
    with environment(**surroundings), _log(settings, quiet=quiet) as write:
        callbacks = [callback for callback in (listen, write) if callback is not None]
        try:
            answer = dbtRunner(manifest=manifest, callbacks=callbacks).invoke(command)
        finally:
            # dbt-duckdb keeps the file open for the life of the process otherwise.
            DuckDBConnectionManager.close_all_connections()
    if isinstance(answer.exception, KeyboardInterrupt):
        raise answer.exception
    if answer.exception is not None:
        raise _cannot_start(answer.exception, settings)
    return answer


@contextmanager
def _log(settings: Settings, *, quiet: bool) -> Iterator[Callable[[Any], None] | None]:
    """Keep what a quiet dbt says in its log file; otherwise dbt writes it itself.

    dbt formats each of its 9,000 debug messages for a file that wants none of them: 8 % of a build.
    """
    if not quiet:
        yield None
        return
    path = log_file(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    with path.open("a", encoding="utf-8") as stream:

        def write(event: Any) -> None:
            if event.info.level in _LOGGED:
                stream.write(
                    f"{datetime.now(UTC):%H:%M:%S} [{event.info.level}] {event.info.msg}\n"
                )

        stream.write(f"{'=' * 30} {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC {'=' * 30}\n")
        yield write


def _bound_retries(settings: Settings) -> None:
    """Let Google's client give up on a service that fails.

    dbt-bigquery leaves the retries of many requests (of metadata, of seeds) to the client's own
    default, which goes on for ten minutes a request, and takes no setting for it.
    """
    from google.cloud.bigquery import retry

    seconds = float(settings.bigquery_request_seconds if settings.bigquery_job_retries else 0.1)
    for default in (retry.DEFAULT_RETRY, retry.DEFAULT_JOB_RETRY):
        default._timeout = seconds


def _cannot_start(exception: BaseException, settings: Settings) -> AdxError:
    kind = type(exception).__name__
    text = " ".join(str(exception).split())[:600]
    if settings.warehouse_engine == "bigquery":
        from orchestration.warehouse.bigquery.problems import explain_text

        known = explain_text(text, settings)
        if known is not None:
            return known
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
        remedy=f"Correct it; the log is {log_file(settings)}.",
    )


def _outcome(results: Sequence[Any]) -> Outcome:
    outcome = Outcome()
    for result in results:
        node = result.node
        kind = str(getattr(node.resource_type, "value", node.resource_type))
        if kind == "exposure":  # listed with status no-op: there is nothing to run
            continue
        status = str(getattr(result.status, "value", result.status))
        outcome.seconds[node.name] = result.execution_time
        outcome.executions[node.unique_id] = Execution(
            status=status,
            seconds=result.execution_time,
            message=_first_lines(result.message),
            failed_rows=result.failures if kind == "test" else None,
            response=dict(result.adapter_response or {}),
            kind=kind,
            schema=getattr(node, "schema", ""),
            # A unit test is never built.
            name=getattr(node, "alias", node.name),
            view=_view(node),
            meta=dict(getattr(node.config, "meta", None) or {}),
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


def _view(node: Any) -> str | None:
    is_view = getattr(node.config, "materialized", None) == "view"
    return str(node.compiled_code) if is_view else None


def _first_lines(message: object) -> str:
    lines = [line.strip() for line in str(message or "no message").splitlines() if line.strip()]
    return " ".join(lines[:4])[:400]
