"""What has been built and published, in the dataset `meta` beside the tables.

- `meta.work`: one row per build that was begun. The tables below the marts and the work tables of
  the marts are built in place, so the newest row says what they may hold.
- `meta.builds`: one row per build that passed its tests.
- `meta.build`: one row, the published build; the same columns as in a DuckDB file.
- `meta.publications`: one row per build that readers have seen, or that a rollback took back.
"""

import json
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from orchestration.warehouse.bigquery.service import MARTS, Service
from orchestration.warehouse.store import Manifest
from orchestration.warehouse.versions import Versions, Withdrawal

_DATASET: Final = "meta"
_TABLES: Final = {
    "work": """
    build_id string not null,
    pin int64 not null,
    code string not null,
    full_refresh bool not null,
    hash_contract int64 not null,
    begun_at timestamp not null
""",
    "builds": """
    build_id string not null,
    pin int64 not null,
    previous_pin int64,
    code string not null,
    full_refresh bool not null,
    started_at timestamp not null,
    finished_at timestamp not null,
    models int64 not null,
    tests int64 not null,
    row_count int64 not null,
    hash_contract int64 not null,
    relations string not null
""",
    "build": """
    build_id string not null,
    pin int64 not null,
    previous_pin int64,
    built_at timestamp not null,
    full_refresh bool not null,
    code string not null,
    hash_contract int64 not null
""",
    "publications": """
    build_id string not null,
    event string not null,
    returned_to string,
    reason string,
    happened_at string not null,
    run_id string
""",
}
_SEEN: Final = "published"
_TAKEN_BACK: Final = "withdrawn"

Relations = Mapping[str, int | None]
"""Rows of each relation of a build by `<layer>.<name>`; None for a view."""


@dataclass(frozen=True)
class Work:
    """A build that was begun."""

    build_id: str
    pin: int
    code: str
    full_refresh: bool
    hash_contract: int


@dataclass(frozen=True)
class Passed:
    """A build that passed its tests."""

    manifest: Manifest
    relations: Relations

    @property
    def marts(self) -> dict[str, str]:
        """The layer of each relation that readers see, by its name."""
        return {
            name: layer
            for relation in self.relations
            for layer, name in [relation.split(".")]
            if layer in MARTS
        }


@dataclass(frozen=True)
class History:
    """What the dataset `meta` said when it was asked.

    Attributes:
        passed: Builds that passed their tests, oldest first.
        published: The build that readers see; None before the first.
        begun: The build that was begun last.
        seen: Ids of builds that readers have seen.
        withdrawn: Builds that a rollback took back, by their ids.
    """

    passed: Sequence[Passed] = ()
    published: Passed | None = None
    begun: Work | None = None
    seen: frozenset[str] = frozenset()
    withdrawn: Mapping[str, Withdrawal] = field(default_factory=dict)

    def versions(self, kept: Container[str]) -> Versions:
        """What of it can still be shown.

        Args:
            kept: Ids of builds whose marts are there.
        """
        return Versions(
            [build.manifest for build in self.passed if build.manifest.build_id in kept],
            self.published.manifest if self.published is not None else None,
            self.seen,
            self.withdrawn,
        )

    def build(self, build_id: str) -> Passed:
        """A build that passed, by its id."""
        return next(build for build in self.passed if build.manifest.build_id == build_id)

    def next_id(self, pin: int) -> str:
        """The id of a build that starts now."""
        number = int(self.begun.build_id[1:7]) + 1 if self.begun is not None else 1
        return f"b{number:06d}-pin{pin}"


class Builds:
    """The dataset `meta`.

    Args:
        service: Where it is.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    def prepare(self) -> None:
        """Make the dataset and its tables, unless they are there."""
        self._service.make_dataset(_DATASET)
        for name, columns in _TABLES.items():
            self._service.run(f"create table if not exists {self._name(name)} ({columns})")

    def begin(self, work: Work) -> None:
        """Say what the tables are going to hold, before anything is written to them."""
        values = (
            f"{_text(work.build_id)}, {work.pin}, {_text(work.code)}, {work.full_refresh}, "
            f"{work.hash_contract}, {_time(datetime.now(UTC).isoformat())}"
        )
        self._service.run(f"insert into {self._name('work')} values ({values})", work.build_id)

    def history(self) -> History:
        """All that was built: a query for each table, so ask once."""
        passed = self.passed()
        return History(passed, self._published(passed), self.begun(), *self._publications())

    def begun(self) -> Work | None:
        """The build that was begun last."""
        rows = self._rows("work", "build_id, pin, code, full_refresh, hash_contract")
        return max((Work(*row) for row in rows), key=lambda work: work.build_id, default=None)

    def accept(self, manifest: Manifest, relations: Relations) -> None:
        """Write down a build that passed."""
        values = ", ".join(
            [
                _text(manifest.build_id),
                str(manifest.pin),
                _number(manifest.previous_pin),
                _text(manifest.code),
                str(manifest.full_refresh),
                _time(manifest.started_at),
                _time(manifest.finished_at),
                str(manifest.models),
                str(manifest.tests),
                str(manifest.rows),
                str(manifest.hash_contract),
                _text(json.dumps(relations, sort_keys=True)),
            ]
        )
        self._service.run(
            f"insert into {self._name('builds')} values ({values})", manifest.build_id
        )

    def passed(self) -> list[Passed]:
        """Builds that passed their tests, oldest first."""
        rows = self._rows(
            "builds",
            "build_id, pin, previous_pin, code, full_refresh, started_at, finished_at, models, "
            "tests, row_count, hash_contract, relations",
        )
        found = []
        for row in rows:
            build_id, pin, previous_pin, code, full_refresh, started_at, finished_at = row[:7]
            models, tests, row_count, hash_contract, relations = row[7:]
            manifest = Manifest(
                build_id=build_id,
                pin=pin,
                previous_pin=previous_pin,
                code=code,
                full_refresh=full_refresh,
                started_at=started_at.isoformat(),
                finished_at=finished_at.isoformat(),
                models=models,
                tests=tests,
                rows=row_count,
                hash_contract=hash_contract,
            )
            found.append(Passed(manifest, json.loads(relations)))
        return sorted(found, key=lambda build: build.manifest.build_id)

    def published(self) -> Passed | None:
        """The build that readers see; None before the first."""
        return self._published(self.passed())

    def _published(self, passed: Iterable[Passed]) -> Passed | None:
        ids = [build_id for (build_id,) in self._rows("build", "build_id")]
        return next((build for build in passed if build.manifest.build_id in ids), None)

    def _publications(self) -> tuple[frozenset[str], dict[str, Withdrawal]]:
        rows = self._rows(
            "publications", "build_id, event, returned_to, reason, happened_at, run_id"
        )
        seen = frozenset(build_id for build_id, event, *_ in rows if event == _SEEN)
        withdrawn = {
            build_id: Withdrawal(build_id, *others)
            for build_id, event, *others in rows
            if event == _TAKEN_BACK
        }
        return seen, withdrawn

    def withdraw(self, withdrawals: Iterable[Withdrawal]) -> None:
        """Write down, in one statement, that builds were taken back."""
        rows = ",\n".join(
            f"({_text(each.build_id)}, {_text(_TAKEN_BACK)}, {_text(each.returned_to)}, "
            f"{_text(each.reason)}, {_text(each.withdrawn_at)}, {_text(each.run_id)})"
            for each in withdrawals
        )
        self._service.run(f"insert into {self._name('publications')} values\n{rows}")

    def seen_statements(self, build_id: str) -> list[str]:
        """Statements that write down that readers see a build, also one that was taken back.

        Where only the first one is carried out, what was taken back still is.
        """
        name = self._name("publications")
        now = _text(datetime.now(UTC).isoformat())
        row = f"{_text(build_id)}, {_text(_SEEN)}, null, null, {now}, null"
        return [
            f"insert into {name} values ({row})",
            f"delete from {name} where build_id = {_text(build_id)} and happened_at != {now}",
        ]

    def publish_statement(self, manifest: Manifest | None) -> str:
        """The statement that writes down which build readers see; None for no build at all."""
        if manifest is None:
            return f"drop table if exists {self._name('build')}"
        return f"""create or replace table {self._name("build")} as
select
    {_text(manifest.build_id)} as build_id,
    {manifest.pin} as pin,
    cast({_number(manifest.previous_pin)} as int64) as previous_pin,
    {_time(manifest.finished_at)} as built_at,
    {manifest.full_refresh} as full_refresh,
    {_text(manifest.code)} as code,
    {manifest.hash_contract} as hash_contract"""

    def _rows(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        """All rows of a table; none where nothing was ever built."""
        if table not in self._service.tables(_DATASET):
            return []
        return self._service.run(f"select {columns} from {self._name(table)}")

    def _name(self, table: str) -> str:
        return self._service.table(_DATASET, table)


def _text(value: str) -> str:
    return json.dumps(value)


def _number(value: int | None) -> str:
    return "null" if value is None else str(value)


def _time(iso: str) -> str:
    return f"timestamp {_text(iso)}"
