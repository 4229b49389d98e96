"""Builds the warehouse in the datasets of BigQuery, with dbt, from a pin.

Tables are built in place, since none of them is what readers see: those read a set of marts that
was kept when its build passed (`publish.py`). So a build that failed or was killed leaves tables
that hold more than the published pin, and the next build takes the same window again: the vault
only inserts what is not there, and the marts replace whole dates.

The rules of `orchestration.warehouse.build` hold, and these, because there is no copy:

- A build from nothing that was not finished is followed by another one: tables of two makings must
  not stand side by side.
- So is a build of other code than the one whose rows the tables hold, and one of an older pin.
- So is one that finds a part of what is published gone: a table, a view, a whole dataset.
- A selection, or `adx dbt`, works on clones in datasets of their own (`scratch_…`).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from ingestion.contracts import all_contracts
from ingestion.errors import AdxError
from ingestion.failpoints import failpoint
from ingestion.lake import Lake, Pin
from ingestion.settings import Settings
from orchestration.warehouse import dbt, ledger
from orchestration.warehouse.bigquery import raw
from orchestration.warehouse.bigquery.builds import Builds, History, Relations, Work
from orchestration.warehouse.bigquery.problems import explain_text
from orchestration.warehouse.bigquery.publish import (
    ROW_ACCESS,
    WORK,
    Mart,
    finish_killed,
    make_set,
    set_of,
)
from orchestration.warehouse.bigquery.service import LAYERS, MARTS, Service
from orchestration.warehouse.build import (
    Plan,
    Result,
    changed_code,
    ledger_row,
    logged_after,
    new_rows,
    nothing_new,
    what_is_new,
)
from orchestration.warehouse.dates import DateRange
from orchestration.warehouse.parsed import ParsedProject
from orchestration.warehouse.pin import find_pin, pin_lake, registration
from orchestration.warehouse.store import Manifest, Store

_CODE = "bigquery"
_SCRATCH = "scratch_"
_BUILT = (*LAYERS, *(WORK + layer for layer in MARTS))
"""Datasets that dbt builds in."""
_COUNTED = ("raw_vault", "business_vault", *MARTS)


class BigQuerySession:
    """A build in progress; made by `open_session`."""

    def __init__(self, service: Service, lake: Lake, plan: Plan, history: History) -> None:
        self.settings = service.settings
        self.plan = plan
        self.window = replace(lake.window(plan.previous, plan.pin), again=plan.dates)
        self.build_id = history.next_id(plan.pin.number)
        self._service = service
        self._lake = lake
        self._published = history.published
        self._started_at = datetime.now(UTC)
        self._marts: dict[str, Mart] = {}
        self._code: ParsedProject | None = None

    def arguments(self, selection: str | None = None) -> list[str]:
        """Arguments of the dbt command that builds and tests; see `Plan.arguments`."""
        self._code = dbt.parsed(self.settings, None)
        return self.plan.arguments(self._code, selection)

    def begin(self) -> None:
        """Say what is going to be built, and make the pinned lake readable."""
        builds = Builds(self._service)
        builds.prepare()
        builds.begin(
            Work(
                self.build_id,
                self.plan.pin.number,
                self.plan.code,
                self.plan.previous is None,
                self.plan.hash_contract,
            )
        )
        failpoint("build.after_copy")
        self.register()

    def register(self) -> None:
        """Make the pinned lake readable."""
        files, ops = registration(self._lake, self.plan.pin)
        raw.register(self._service, files, ops, self.window.ranges)

    def run(
        self,
        arguments: Sequence[str],
        *,
        quiet: bool = True,
        artifacts: bool = False,
        on_node: Callable[[str, str], None] | None = None,
    ) -> dbt.Outcome:
        """Run one dbt command on the datasets that are being built; see `dbt.run`."""
        outcome = dbt.run(
            self.settings,
            arguments,
            database=None,
            window=self.window.to_json(),
            build_id=self.build_id,
            quiet=quiet,
            artifacts=artifacts,
            on_node=on_node,
        )
        self._marts = marts_of(self._service, outcome)
        return outcome

    def finish(self, models: int, tests: int, **details: object) -> Result:
        """Keep the marts of a build whose tests passed, and write it down.

        Args:
            models: Models built.
            tests: Tests passed.
            details: More for the ledger row.
        """
        failpoint("build.after_dbt")
        if self._code is not None:
            self._code.keep_judged()
        make_set(self._service, self.build_id, self._marts)
        relations = {
            name: count
            for name, count in count_rows(self._service).items()
            # A mart whose model is gone still stands where dbt built it.
            for layer, table in [name.split(".")]
            if layer not in MARTS or table in self._marts
        }
        manifest = self._manifest(models, tests, relations)
        failpoint("build.before_accept")
        Builds(self._service).accept(manifest, relations)
        failpoint("build.after_accept")
        before = self._published.relations if self._published and self.plan.previous else {}
        changed = _changes(before, relations)
        row = ledger_row(manifest, self.plan, read=self._new_rows(), changed=changed, **details)
        ledger.write(self._lake, row)
        return self._result("built", manifest, changed)

    def keep_partial(self, models: int, tests: int) -> Result:
        """Leave a build of a selection in the scratch datasets."""
        manifest = self._manifest(models, tests, count_rows(self._service))
        return self._result("partial", manifest, {})

    def fail(self, outcome: dbt.Outcome) -> AdxError:
        """Say which models or tests failed; what they wrote stays in the work tables."""
        first = outcome.failures[0]
        known = explain_text(first.message, self.settings)
        others = len(outcome.failures) - 1
        also = f" and {others} more" if others else ""
        compiled = f" Its SQL is {first.compiled}." if first.compiled else ""
        what = f"Build {self.build_id} failed: {first.kind} {first.name}{also} ({first.source})"
        if known is not None:
            return AdxError(
                f"{what}: {known.message}", remedy=known.remedy, exit_code=known.exit_code
            )
        return AdxError(
            f"{what}: {first.message}",
            remedy=f"Look at it in the datasets {self._service.prefix}…;{compiled} "
            "What is published is untouched, and the next build takes this window again.",
        )

    def _new_rows(self) -> int:
        """Rows of the raw tables in the window."""
        loads = self._service.table("ops", "source_loads")
        rows = self._service.run(new_rows(loads, self.window), self.build_id)
        return int(rows[0][0])

    def _manifest(self, models: int, tests: int, relations: Relations) -> Manifest:
        rows = sum(count or 0 for count in relations.values())
        return self.plan.manifest(
            self.build_id, self._started_at, models=models, tests=tests, rows=rows
        )

    def _result(self, status: str, manifest: Manifest, changed: dict[str, int]) -> Result:
        return self.plan.result(status, manifest, _place(self._service), changed)


@contextmanager
def open_session(
    settings: Settings,
    *,
    pin: int | None = None,
    full_refresh: bool = False,
    keep_rows: bool = False,
    dates: DateRange | None = None,
    scratch: bool = False,
) -> Iterator[BigQuerySession | Result]:
    """Hold the writer's lock, pin, plan and register; or say that there is nothing to do.

    Args:
        settings: The environment.
        pin: Number of a logged pin; by default the lake is pinned now.
        full_refresh: Build everything from nothing.
        keep_rows: The code has changed, but not the rows it makes: build an increment.
        dates: Event dates to build again, though nothing of them is new.
        scratch: Work on clones, in datasets of their own.

    Raises:
        AdxError: Another build is running, the lake is empty or has no such pin, or the service
            cannot be used.
    """
    service = Service(settings)
    service.check()
    lake = Lake.open(settings)
    # A courtesy between commands of one machine; Dagster has a pool of one writer.
    with Store(settings.warehouse).lock("build"):
        history = finish_killed(service, Builds(service).history())
        pinned = pin_lake(lake) if pin is None else find_pin(lake, pin)
        gone = what_is_gone(service, history)
        plan = plan_build(
            lake,
            history,
            pinned,
            full_refresh=full_refresh,
            keep_rows=keep_rows,
            dates=dates,
            gone=gone,
        )
        if scratch:
            yield _open_scratch(service, lake, plan)
            return
        newest = next(reversed(history.passed), None)
        asked = full_refresh or dates or gone
        if newest is not None and plan.is_done_by(newest.manifest) and not asked:
            withdrawn = history.withdrawn.get(newest.manifest.build_id)
            yield nothing_new(newest.manifest, _place(service), withdrawn)
            return
        session = BigQuerySession(service, lake, plan, history)
        session.begin()
        yield session


def plan_build(
    lake: Lake,
    history: History,
    pin: Pin,
    *,
    full_refresh: bool = False,
    keep_rows: bool = False,
    dates: DateRange | None = None,
    gone: str = "",
) -> Plan:
    """Decide between an increment on the published build and a build from nothing.

    Args:
        lake: Where pins are logged.
        history: What was built.
        pin: The pin to build.
        full_refresh: As in `open_session`.
        keep_rows: As in `open_session`.
        dates: As in `open_session`.
        gone: What `what_is_gone` says.

    Raises:
        AdxError: Rows are to be kept whose vault keys follow another version of the hash contract.
    """
    code, hashes = dbt.code_hash(_CODE), dbt.hash_contract()
    published = history.published
    if full_refresh or published is None:
        reason = "asked for" if full_refresh else "nothing is published yet"
        return Plan(pin, None, None, code, hashes, reason)
    manifest = published.manifest
    reason = gone or changed_code(manifest, code, keep_rows=keep_rows)
    reason = reason or _tables_differ(history, pin, code, keep_rows=keep_rows)
    if reason:
        return Plan(pin, None, None, code, hashes, reason)
    previous = find_pin(lake, manifest.pin)
    if reason := logged_after(previous, manifest):
        return Plan(pin, None, None, code, hashes, reason)
    return Plan(pin, previous, None, code, hashes, what_is_new(previous, dates), dates)


def what_is_gone(service: Service, history: History) -> str:
    """Which part of what is published somebody has deleted; empty if all of it is there."""
    published = history.published
    if published is None:
        return ""
    expected = {("ops", "source_loads")}
    for relation in published.relations:
        layer, name = relation.split(".")
        if layer in MARTS:
            shown = {(layer, name), (set_of(published.manifest.build_id), name)}
            expected |= {(WORK + layer, name)} | shown
        else:
            expected.add((layer, name))
    there = {dataset: service.tables(dataset) for dataset in {dataset for dataset, _ in expected}}
    gone = sorted(f"{dataset}.{name}" for dataset, name in expected if name not in there[dataset])
    if not gone:
        return ""
    others = f" and {len(gone) - 1} more" if len(gone) > 1 else ""
    return f"{gone[0]}{others} of build {published.manifest.build_id} is gone"


def _tables_differ(history: History, pin: Pin, code: str, *, keep_rows: bool) -> str:
    """Why no increment can be built on what the tables hold; empty if one can."""
    work = history.begun
    if work is None:
        return ""
    passed = any(build.manifest.build_id == work.build_id for build in history.passed)
    if work.full_refresh and not passed:
        return f"build {work.build_id}, which made everything from nothing, was not finished"
    if work.pin > pin.number:
        return f"the tables hold pin {work.pin} already, of build {work.build_id}"
    if work.code != code and not keep_rows:
        return f"the tables hold rows of the code of build {work.build_id}"
    return ""


def _place(service: Service) -> str:
    return f"{service.project}.{service.prefix}…"


def _open_scratch(service: Service, lake: Lake, plan: Plan) -> BigQuerySession:
    """A session on clones of everything that was built, in datasets with a prefix of their own."""
    apart = service.settings.model_copy(
        update={"bigquery_dataset_prefix": service.prefix + _SCRATCH}
    )
    copy = Service(apart)
    built = _BUILT if plan.previous is not None else ()
    loaded = () if apart.bigquery_connection else sorted({c.namespace for c in all_contracts()})
    for dataset in (*_BUILT, *loaded):
        copy.drop_dataset(dataset)
    for dataset in (*built, *loaded):
        _clone_tables(service, copy, dataset)
    session = BigQuerySession(copy, lake, plan, History())
    session.register()
    if built:
        # No clone of a view: dbt writes them over the clones. One whose model is new has to wait.
        session.run(["run", "--select", "config.materialized:view"])
    return session


def _clone_tables(service: Service, copy: Service, dataset: str) -> None:
    tables = [name for name, kind in service.tables(dataset).items() if kind != "VIEW"]
    if tables:
        copy.make_dataset(dataset)
        copy.run(
            ";\n".join(
                f"create table {copy.table(dataset, name)}\nclone {service.table(dataset, name)}"
                for name in tables
            )
        )


def marts_of(service: Service, outcome: dbt.Outcome) -> dict[str, Mart]:
    """The marts that dbt built, by their names."""
    layers = {f"{service.prefix}{WORK}{layer}": layer for layer in MARTS}
    return {
        execution.name: Mart(
            layers[execution.schema], execution.view, execution.meta.get(ROW_ACCESS, ())
        )
        for execution in outcome.executions.values()
        if execution.schema in layers and execution.kind == "model"
    }


def count_rows(service: Service) -> dict[str, int | None]:
    """Rows of each table of the vault and the marts; None for a view. BigQuery bills nothing."""
    relations: dict[str, int | None] = {}
    selects = []
    for layer in _COUNTED:
        dataset = WORK + layer if layer in MARTS else layer
        for name, kind in service.tables(dataset).items():
            relations[f"{layer}.{name}"] = None
            if kind != "VIEW":
                table = service.table(dataset, name)
                selects.append(
                    f"select '{layer}.{name}' as relation, count(*) as row_count from {table}"
                )
    if selects:
        counted = service.run("\nunion all\n".join(selects))
        relations |= {str(name): int(count) for name, count in counted}
    return relations


def _changes(before: Relations, after: Relations) -> dict[str, int]:
    differences = {name: (count or 0) - (before.get(name) or 0) for name, count in after.items()}
    return {name: difference for name, difference in differences.items() if difference}
