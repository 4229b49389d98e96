"""What Dagster runs of the warehouse: publishing, dates that are built again, upkeep."""

import json

import dagster as dg
import duckdb
import pytest

from orchestration.definitions import definitions_of
from orchestration.defs.dates import EVENT_DATES, event_dates_asset
from orchestration.defs.jobs import WAREHOUSE_JOB
from orchestration.defs.upkeep import OLD_BUILDS, upkeep_assets
from orchestration.defs.warehouse import (
    PUBLISHED,
    RECONCILED,
    WRITER_POOL,
    publish_asset,
    verified_asset,
    warehouse_checks,
)
from orchestration.lib.dagster_home import run_job
from orchestration.warehouse import dbt, reconcile
from orchestration.warehouse.build import build, open_session
from orchestration.warehouse.publish import publish, rollback
from orchestration.warehouse.store import Store
from orchestration.warehouse.verdict import Verdict


@dg.asset(key=["core", "fct_actions"])
def fct_actions() -> None:
    pass


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def dates_of(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    """Rows by partition of what was materialized for dates."""
    return {
        event.partition: event.materialization.metadata["rows"].value
        for event in result.get_asset_materialization_events()
        if event.asset_key == EVENT_DATES
    }


def published(result: dg.ExecuteInProcessResult) -> dict[str, object]:
    (event,) = (
        event for event in result.get_asset_materialization_events() if event.asset_key == PUBLISHED
    )
    return {name: value.value for name, value in event.materialization.metadata.items()}


def test_publishing_says_which_dates_have_changed(world, settings, instance):
    asset = publish_asset(settings, fct_actions)
    world.land(world.action("view"), world.action("view", day=29), world.action("click", day=29))
    build(settings)
    first = dg.materialize([asset], instance=instance)
    assert dates_of(first) == {"2026-03-28": 1, "2026-03-29": 2}

    world.land(world.action("click", day=28))
    build(settings)
    second = dg.materialize([asset], instance=instance)
    assert dates_of(second) == {"2026-03-28": 2}
    facts = published(second)
    assert (facts["pin"], facts["rows"], facts["dates_changed"]) == (2, 4, 1)
    assert facts["file_bytes"] == Store(settings.warehouse).published().file.stat().st_size
    assert facts["pin_age_seconds"] >= 0

    again = dg.materialize([asset], instance=instance)
    assert published(again)["status"] == "nothing to do"
    assert dates_of(again) == {}


def test_a_build_that_was_gone_back_to_is_there_until_the_next_is_compared_with_it(
    world, settings, instance
):
    asset = publish_asset(settings, fct_actions)
    built = []
    for name in ("view", "click", "purchase"):
        world.land(world.action(name))
        built.append(build(settings).build_id)
        publish(settings)
    rollback(settings, built[0], reason="wrong")
    world.land(world.action("view", day=29))
    build(settings)
    assert publish(settings).replaced == built[0]
    assert Store(settings.warehouse).read(built[0]), "the way back to what readers saw before"
    world.land(world.action("click", day=29))
    build(settings)
    result = dg.materialize([asset], instance=instance)
    assert dates_of(result) == {"2026-03-29": 2}


def test_a_backfill_after_a_rollback_says_that_it_is_not_published(world, settings, instance):
    for name in ("view", "click"):
        world.land(world.action(name))
        build(settings)
        publish(settings)
    rollback(settings, reason="wrong")
    with pytest.raises(dg.Failure, match="passed its tests and is not published"):
        backfill(settings, instance, "2026-03-28", "2026-03-28")
    assert instance.get_materialized_partitions(EVENT_DATES) == set()


@pytest.mark.slow
def test_a_build_that_a_killed_run_left_is_published_with_its_dates(dbt_world, settings):
    dbt_world.land(dbt_world.action("view"), dbt_world.action("view", day=29))
    left = build(settings)
    definitions = definitions_of(settings)
    result = run_job(settings, definitions, WAREHOUSE_JOB)
    facts = published(result)
    assert (facts["status"], facts["build"]) == ("published", left.build_id)
    assert dates_of(result) == {"2026-03-28": 1, "2026-03-29": 1}

    again = run_job(settings, definitions, WAREHOUSE_JOB)
    assert again.get_asset_materialization_events() != []
    assert not {PUBLISHED, EVENT_DATES} & {
        event.asset_key for event in again.get_asset_materialization_events()
    }


def backfill(settings, instance, first: str, last: str) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [event_dates_asset(settings, [], WRITER_POOL)],
        instance=instance,
        tags=dates(first, last),
    )


def dates(first: str, last: str) -> dict[str, str]:
    """Tags of a run that builds these dates."""
    return {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }


def test_a_backfill_builds_its_dates_again_in_one_run(world, settings, instance, monkeypatch):
    world.land(world.action("view"), world.action("view", day=29))
    build(settings)
    dg.materialize([publish_asset(settings, fct_actions)], instance=instance)
    before = Store(settings.warehouse).published().manifest.build_id
    windows = []
    run = dbt.run

    def listen(*arguments, **options):
        windows.append(json.loads(options["window"]))
        return run(*arguments, **options)

    monkeypatch.setattr(dbt, "run", listen)
    result = backfill(settings, instance, "2026-03-28", "2026-03-30")
    assert [window["again"] for window in windows] == [["2026-03-28", "2026-03-30"]]
    assert Store(settings.warehouse).published().manifest.build_id > before
    partitions = instance.get_materialized_partitions(EVENT_DATES)
    assert partitions == {"2026-03-28", "2026-03-29", "2026-03-30"}
    assert result.success


def test_what_a_run_has_published_is_reconciled_before_it_ends(
    world, settings, instance, monkeypatch
):
    monkeypatch.setattr(reconcile, "CHAIN", ())  # the tiny project has no vault
    checks = warehouse_checks(settings)
    world.land(world.action("view"), world.action("view", day=29))
    build(settings)
    first = dg.materialize([publish_asset(settings, fct_actions), *checks], instance=instance)
    (checked,) = first.get_asset_check_evaluations()
    assert (checked.asset_key, checked.check_name, checked.passed) == (PUBLISHED, RECONCILED, True)
    assert checked.metadata["passed"].value > 10

    world.land(world.action("click"))
    again = dg.materialize(
        [event_dates_asset(settings, [], WRITER_POOL), *checks],
        instance=instance,
        tags=dates("2026-03-28", "2026-03-29"),
    )
    (checked,) = again.get_asset_check_evaluations()
    assert (checked.asset_key, checked.passed) == (EVENT_DATES, True)

    with duckdb.connect(str(Store(settings.warehouse).current_file)) as connection:
        connection.execute("update core.fct_actions set action_count = action_count + 1")
    wrong = dg.materialize([publish_asset(settings, fct_actions), *checks], instance=instance)
    (checked,) = wrong.get_asset_check_evaluations()
    assert not checked.passed
    assert "rows of core.fct_actions" in str(checked.description)


def test_a_backfill_that_brings_news_of_other_dates_says_so(world, settings, instance):
    world.land(world.action("view"), world.action("view", day=29))
    build(settings)
    publish(settings)
    world.land(world.action("click", day=27), world.action("click", day=28))
    backfill(settings, instance, "2026-03-28", "2026-03-28")
    assert instance.get_materialized_partitions(EVENT_DATES) == {"2026-03-27", "2026-03-28"}


def test_a_backfill_waits_for_another_process(world, settings, instance, monkeypatch):
    settings = settings.model_copy(update={"retry_seconds": 0})
    world.land(world.action("view"))
    tries = []

    def busy_once(*arguments, **options):
        tries.append(options["dates"])
        if len(tries) > 1:
            return build(*arguments, **options)
        with open_session(settings):
            return build(*arguments, **options)

    monkeypatch.setattr("orchestration.warehouse.build.build", busy_once)
    assert backfill(settings, instance, "2026-03-28", "2026-03-28").success
    assert len(tries) == 2


def test_where_no_world_was_played_nothing_is_verified_and_nothing_fails(settings, instance):
    result = dg.materialize([verified_asset(settings)], instance=instance)
    assert result.success
    assert result.get_asset_materialization_events() == result.get_asset_check_evaluations() == []


def test_figures_are_proven_as_a_check_and_as_an_asset(settings, instance, monkeypatch):
    (settings.world / "key").mkdir(parents=True)
    monkeypatch.setattr(
        "orchestration.warehouse.verify.verify", lambda _: Verdict(passed=7, failures=[])
    )
    asset = verified_asset(settings)
    whole = dg.materialize([asset], instance=instance)
    assert [found.passed for found in whole.get_asset_check_evaluations()] == [True]
    assert len(whole.get_asset_materialization_events()) == 1
    checks = dg.AssetSelection.checks(*asset.check_keys)
    alone = dg.materialize([asset], instance=instance, selection=checks)
    assert [found.passed for found in alone.get_asset_check_evaluations()] == [True]
    assert alone.get_asset_materialization_events() == []


def test_upkeep_measures_what_is_kept(world, settings, instance):
    for name in "ab":
        world.land(world.action(name))
        build(settings)
        dg.materialize([publish_asset(settings, fct_actions)], instance=instance)
    assets = upkeep_assets(settings)
    result = dg.materialize(assets, instance=instance)
    sizes = {
        event.asset_key: {
            name: value.value for name, value in event.materialization.metadata.items()
        }
        for event in result.get_asset_materialization_events()
    }
    assert sizes[OLD_BUILDS]["kept"] == 2
    assert sizes[OLD_BUILDS]["bytes"] > 0
    (lake_size,) = (facts for key, facts in sizes.items() if key != OLD_BUILDS)
    assert lake_size["rows"] == 2
    assert lake_size["snapshots"] >= 2
