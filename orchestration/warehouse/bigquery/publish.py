"""Makes a build of BigQuery the one that readers see: a set of marts, and views that show it.

A build that passed has a set of its own: the dataset `marts_<build>` with a clone of each mart
(metadata only; what it shares with the work table is stored once). Readers see views of the
datasets `core`, `analytics` and `finance`; publishing points them all to another set, in one script
that runs on the service and puts them back if one of its statements fails. The views may read the
sets, readers may not (authorized datasets).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ingestion.errors import AdxError
from ingestion.failpoints import failpoint
from ingestion.lake import Lake
from ingestion.settings import Settings
from orchestration.warehouse.bigquery.builds import Builds, History, Passed
from orchestration.warehouse.bigquery.service import LAYERS, MARTS, Service
from orchestration.warehouse.publish import (
    Publication,
    Rollback,
    already_back,
    begin_publish,
    decide,
    finish_publish,
    held,
    nothing_to_publish,
    of_one_rollback,
    published,
    record_publish,
    record_rollback,
)
from orchestration.warehouse.store import Store
from orchestration.warehouse.versions import Versions, Withdrawal

WORK = "work_"
"""What stands before the name of a mart's layer in the dataset that dbt builds it in."""
ROW_ACCESS = "row_access"
"""What a mart's YAML calls its row access policies, in `meta`."""
_SET = "marts_"


def set_of(build_id: str) -> str:
    """The dataset that holds the marts of a build."""
    return _SET + build_id.replace("-", "_")


@dataclass(frozen=True)
class Mart:
    """A mart that dbt built.

    Attributes:
        layer: `core`, `analytics` or `finance`.
        view: Its SELECT, if it is a view.
        row_access: Who may read which of its rows, each as `grantees` and `filter`; with none,
            all readers read all.
    """

    layer: str
    view: str | None
    row_access: Sequence[Mapping[str, Any]] = ()


def make_set(service: Service, build_id: str, marts: Mapping[str, Mart]) -> None:
    """Keep the marts of a build as they are now, before the next build changes the work tables.

    Args:
        service: Where.
        build_id: The build.
        marts: The marts by their names.

    Raises:
        AdxError: A mart that is a view reads what readers must not see.
    """
    dataset = set_of(build_id)
    definitions = {name: mart.view for name, mart in marts.items() if mart.view is not None}
    service.drop_dataset(dataset)
    for layer in MARTS:
        service.make_dataset(layer)
    service.make_dataset(dataset, readable_by_views_of=MARTS)
    service.run(
        ";\n".join(
            f"create table {service.table(dataset, name)}\n"
            f"clone {service.table(WORK + mart.layer, name)}"
            for name, mart in marts.items()
            if mart.view is None
        ),
        build_id,
    )
    # Only an emulator has an address in the settings, and it knows no access.
    if service.settings.bigquery_endpoint is None:
        for statement in row_access_policies(service, build_id, marts):
            service.run(statement, build_id)
    for name in in_order(
        {name: service.table(WORK + marts[name].layer, name) for name in definitions},
        definitions,
    ):
        service.run(view_of_set(service, dataset, name, definitions[name]), build_id)


def row_access_policies(
    service: Service, build_id: str, marts: Mapping[str, Mart]
) -> Iterator[str]:
    """Statements that let readers read only some rows of the marts of a build.

    The set has the policies and the work tables have none: a policy there would hide rows from the
    build, and no statement may change a table of which it does not see all rows.
    https://cloud.google.com/bigquery/docs/using-row-level-security-with-features

    Raises:
        AdxError: A mart that is a view has a policy: there is no such thing on BigQuery.
    """
    for name, mart in sorted(marts.items()):
        if mart.row_access and mart.view is not None:
            raise AdxError(
                f"The mart {name} is a view, and a view has no row access policies.",
                remedy=f"Put `{ROW_ACCESS}` on the marts that it reads.",
            )
        for number, policy in enumerate(mart.row_access, 1):
            names = ", ".join(f'"{grantee}"' for grantee in policy["grantees"])
            yield (
                f"create row access policy `{name}_{number}`\n"
                f"on {service.table(set_of(build_id), name)}\n"
                f"grant to ({names})\nfilter using ({policy['filter']})"
            )


def in_order(names: Mapping[str, str], definitions: Mapping[str, str]) -> Iterator[str]:
    """Views in an order in which each comes after those that it reads.

    Args:
        names: What statements call each view.
        definitions: The SELECT of each view.
    """
    waiting = set(definitions)
    while waiting:
        ready = {
            view
            for view in waiting
            if not any(names[other] in definitions[view] for other in waiting - {view})
        }
        yield from sorted(ready or waiting)
        waiting -= ready or waiting


def view_of_set(service: Service, dataset: str, name: str, definition: str) -> str:
    """The statement that makes a mart that is a view read its set instead of the work tables.

    Raises:
        AdxError: It reads another layer than the marts: readers would see what is not published.
    """
    for layer in MARTS:
        definition = definition.replace(
            f"{service.quoted(WORK + layer)}.", f"{service.quoted(dataset)}."
        )
    for layer in LAYERS:
        if f"{service.quoted(layer)}." in definition:
            raise AdxError(
                f"The view {name} of the marts reads the layer {layer}, which is built in place.",
                remedy="Let it read marts only, or materialize it as a table.",
            )
    return f"create view {service.table(dataset, name)} as\n{definition}"


def publish_script(service: Service, build: Passed, replaced: Passed | None) -> str:
    """The script that shows readers a build, or leaves them what they see.

    Args:
        service: Where.
        build: The build that readers shall see.
        replaced: The one that they see.
    """
    builds = Builds(service)
    before = {} if replaced is None else replaced.marts
    old = None if replaced is None else replaced.manifest
    old_set = "" if old is None else set_of(old.build_id)
    forth = [
        *_views(service, set_of(build.manifest.build_id), build.marts),
        *_drops(service, before, build.marts),
        builds.publish_statement(build.manifest),
        # last: that a build is taken back no longer is not undone
        *builds.seen_statements(build.manifest.build_id),
    ]
    back = [
        *_views(service, old_set, before),
        *_drops(service, build.marts, before),
        builds.publish_statement(old),
    ]
    return (
        "begin\n"
        + "".join(f"{statement};\n" for statement in forth)
        + "exception when error then\n"
        + "".join(f"{statement};\n" for statement in back)
        + "raise;\nend;"
    )


def _views(service: Service, dataset: str, marts: Mapping[str, str]) -> list[str]:
    return [
        f"create or replace view {service.table(layer, name)} as\n"
        f"select * from {service.table(dataset, name)}"
        for name, layer in sorted(marts.items())
    ]


def _drops(service: Service, old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    return [
        f"drop view if exists {service.table(layer, name)}"
        for name, layer in sorted(old.items())
        if new.get(name) != layer
    ]


def grants(service: Service) -> list[str]:
    """Statements that let the readers of the settings read what is published, and nothing else."""
    readers = service.settings.bigquery_readers.split()
    if not readers:
        return []
    names = ", ".join(f'"{reader}"' for reader in readers)
    return [
        f"grant `roles/bigquery.dataViewer`\non schema {service.quoted(layer)}\nto {names}"
        for layer in MARTS
    ]


def publish(
    settings: Settings, build_id: str | None = None, *, by_itself: bool = False
) -> Publication:
    """Publish the newest build that passed and was not withdrawn, or the named one.

    Args:
        settings: The environment.
        build_id: The build; one that was withdrawn is so no longer.
        by_itself: Nobody asked for it: after a rollback nothing is published.

    Raises:
        AdxError: There is nothing to publish, or the service fails; readers then see what they saw.
    """
    started_at = datetime.now(UTC)
    service = Service(settings)
    service.check()
    store = Store(settings.warehouse)
    with store.lock("publish"):
        history = finish_killed(service, Builds(service).history())
        versions = history.versions(_kept(service, history))
        current = history.published
        if by_itself and current is not None and (hold := versions.held_by) is not None:
            return held(current.manifest, hold, _tidy(service, versions))
        build = history.build(versions.to_publish(build_id).build_id)
        manifest = build.manifest
        # One that is named is shown again, whatever a service that failed twice has left.
        if build_id is None and current is not None and current.manifest == manifest:
            return nothing_to_publish(manifest)
        _check(service, build)
        for statement in grants(service):
            service.run(statement)
        replaced = current.manifest if current is not None else None
        row = begin_publish(store, manifest, replaced, started_at)
        _show(service, build, current)
        before = [] if current is None else [current.manifest.build_id]
        removed = _tidy(service, versions_of(service), *before)
        record_publish(Lake.open(settings), store, row)
    return published(manifest, replaced, removed)


def rollback(settings: Settings, build_id: str | None = None, *, reason: str) -> Rollback:
    """Let readers go back to the build that they saw before, or to the named one.

    Raises:
        AdxError: There is no such build, no older one, or the service fails.
    """
    service = Service(settings)
    service.check()
    with Store(settings.warehouse).lock("rollback"):
        builds = Builds(service)
        history = finish_killed(service, builds.history())
        versions = history.versions(_kept(service, history))
        if (done := already_back(versions, build_id)) is not None:
            return done
        target = versions.to_go_back_to(build_id)
        _check(service, history.build(target.build_id))
        withdrawals = decide(versions, target, reason)
        builds.prepare()
        builds.withdraw(withdrawals)
        failpoint("rollback.after_decision")
        return _go_back(service, history, withdrawals)


def versions_of(service: Service) -> Versions:
    """Which builds are kept, and what became of them."""
    history = Builds(service).history()
    return history.versions(_kept(service, history))


def finish_killed(service: Service, history: History) -> History:
    """End what a killed process has begun: the note of a publish, a rollback; needs the lock.

    Args:
        service: Where.
        history: What was built and published.

    Returns:
        The history, as it is then.
    """
    settings, current = service.settings, history.published
    seen = None if current is None else current.manifest.build_id
    finish_publish(settings, Store(settings.warehouse), seen)
    if seen is None or seen not in history.withdrawn:
        return history
    versions = history.versions(_kept(service, history))
    if versions.unfinished is None:
        return history
    _go_back(service, history, of_one_rollback(versions, versions.unfinished))
    return Builds(service).history()


def _go_back(service: Service, history: History, withdrawals: Sequence[Withdrawal]) -> Rollback:
    target = history.build(withdrawals[0].returned_to)
    done = record_rollback(Lake.open(service.settings), target.manifest, withdrawals)
    _show(service, target, history.published)
    return done


def _show(service: Service, build: Passed, current: Passed | None) -> None:
    """Let readers see a build instead of another one."""
    Builds(service).prepare()
    failpoint("publish.before_swap")
    service.run(publish_script(service, build, current), build.manifest.build_id)
    failpoint("publish.after_swap")


def _kept(service: Service, history: History) -> set[str]:
    """Builds whose marts are there."""
    there = set(service.datasets())
    ids = {build.manifest.build_id for build in history.passed}
    return {build_id for build_id in ids if set_of(build_id) in there}


def _check(service: Service, build: Passed) -> None:
    """The set of the build must be there, whole."""
    dataset = set_of(build.manifest.build_id)
    missing = sorted(build.marts.keys() - service.tables(dataset).keys())
    if missing:
        raise AdxError(
            f"The marts of build {build.manifest.build_id} are not all in {dataset}: "
            f"{missing[0]} is missing.",
            remedy="Publish a newer build, or run `adx build --full-refresh`.",
        )


def _tidy(service: Service, versions: Versions, *others: str) -> list[str]:
    """Remove the sets of all but the newest builds and those to go back to.

    Args:
        service: Where.
        versions: What is kept.
        others: Further builds that stay.
    """
    keep = versions.to_keep(service.settings.kept_builds, *others)
    old = [manifest.build_id for manifest in versions.kept if manifest.build_id not in keep]
    for build_id in old:
        service.drop_dataset(set_of(build_id))
    return old
