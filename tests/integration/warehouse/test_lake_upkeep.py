"""Upkeep of a lake that builds and readers stand on."""

import json
import shutil

import dagster as dg
import pytest

from ingestion.errors import AdxError, ExitCode
from ingestion.lake import Lake
from orchestration import lake_upkeep
from orchestration.defs.lake_upkeep import (
    BACKUP,
    COMPACTED,
    EXPIRED,
    ORPHANS,
    lake_upkeep_assets,
)
from orchestration.warehouse.build import build, open_session
from orchestration.warehouse.duck import open_file
from orchestration.warehouse.publish import publish
from orchestration.warehouse.reconcile import reconcile
from orchestration.warehouse.store import Store
from tests.integration.warehouse.test_commands import adx

pytestmark = pytest.mark.slow

TABLE = "user_events.events"
COMMITS = 5


@pytest.fixture
def built(world, settings):
    """A published build of some commits, one of which was landed after it."""
    for number in range(COMMITS):
        world.land(world.action(f"action {number}"))
    build(settings)
    publish(settings)
    world.land(world.action("later"))
    return world


def all_of_it(settings):
    done = {item.table: item for item in lake_upkeep.compact(settings)}
    lake_upkeep.expire(settings, keep=1, hours=0)
    lake_upkeep.orphans(settings, hours=0, delete=True)
    return done


def rows_of(settings, build_of_it):
    with open_file(build_of_it.file, settings, read_only=True) as connection:
        return [
            connection.execute(f"select * from {name} order by all").fetchall()
            for name in ("core.fct_actions", "raw_user_events.events", "ops.pins", "ops.run_ledger")
        ]


def test_readers_of_kept_builds_read_the_same_after_upkeep(built, settings):
    store = Store(settings.warehouse)
    first = store.published()
    before = rows_of(settings, first)
    build(settings)
    publish(settings)
    second = rows_of(settings, store.published())
    done = all_of_it(settings)
    assert done[TABLE].is_done
    assert rows_of(settings, first) == before
    assert rows_of(settings, store.published()) == second


def test_a_build_after_upkeep_is_what_it_would_have_been(built, settings):
    build(settings)
    publish(settings)
    rows = rows_of(settings, Store(settings.warehouse).published())[:2]
    all_of_it(settings)
    assert build(settings).status == "nothing to do"
    again = build(settings, full_refresh=True)
    assert rows_of(settings, Store(settings.warehouse).read(again.build_id))[:2] == rows


def test_before_the_first_publish_nothing_is_compacted(world, settings):
    for number in range(COMMITS):
        world.land(world.action(f"action {number}"))
    done = {item.table: item for item in lake_upkeep.compact(settings)}
    assert not done[TABLE].is_done


def test_the_views_of_a_build_say_what_it_reads_and_upkeep_waits_for_a_build(built, settings):
    held = lake_upkeep.readers(settings)
    assert held.pins == {1}
    pin = Lake.open(settings).pins()[0]
    assert pin.tables[TABLE].metadata_location in held.metadata_files
    assert any("/ops/run_ledger/" in file for file in held.metadata_files)
    with open_session(settings):
        for work in (lake_upkeep.expire, lake_upkeep.orphans):
            with pytest.raises(AdxError, match="is being written by `adx build`") as caught:
                work(settings)
            assert caught.value.exit_code == ExitCode.BUSY


def test_commands_say_what_they_do(built, settings):
    def document(*arguments):
        result = adx(settings, "lake", *arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    assert "1 of" in adx(settings, "lake", "compact", "--check").stdout
    (done,) = (item for item in document("compact") if item["is_done"])
    assert (done["table"], done["files_after"]) == (TABLE, 2)
    (status,) = (item for item in document("status")["tables"] if item["table"] == TABLE)
    assert (status["files"], status["rows"]) == (2, COMMITS + 1)
    assert sum(item["removed"] for item in document("expire", "--keep", "1", "--hours", "0"))
    found = document("orphans", "--hours", "0")
    removed = document("orphans", "--hours", "0", "--delete")
    assert [item["files"] for item in removed] == [item["files"] for item in found]
    assert "0 orphans" in adx(settings, "lake", "orphans", "--hours", "0").stdout
    for command in ("status", "compact", "expire"):
        assert adx(settings, "lake", command).exit_code == 0
    assert document("backup")["is_new"]
    assert "the newest says the same" in adx(settings, "lake", "backup").stdout
    for command in ("restore", "rebuild"):
        result = adx(settings, "lake", command)
        assert isinstance(result.exception, AdxError)
        assert "has a catalog" in str(result.exception)
    for file in settings.lake.glob("catalog.db*"):
        file.unlink()
    assert {item["table"] for item in document("rebuild")} >= {"raw_user_events.events", "ops.pins"}
    for file in settings.lake.glob("catalog.db*"):
        file.unlink()
    assert "ops.pins" in adx(settings, "lake", "restore").stdout
    assert build(settings).status != "nothing to do", "of the commit that was not built yet"


def test_dagster_draws_what_upkeep_did(built, settings):
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize(lake_upkeep_assets(settings), instance=instance)
    facts = {
        event.asset_key: {
            name: value.value for name, value in event.materialization.metadata.items()
        }
        for event in result.get_asset_materialization_events()
    }
    compacted = facts[COMPACTED]
    assert compacted["files_before"] - compacted["files_after"] == COMMITS - 1
    assert compacted["rows_rewritten"] == COMMITS
    assert compacted["bytes_after"] < compacted["bytes_before"]
    assert facts[EXPIRED]["snapshots_removed"] == 0, "all are young"
    assert (facts[ORPHANS]["orphans"], facts[ORPHANS]["removed"]) == (0, 0)
    assert facts[BACKUP]["is_new"] is True


def test_dagster_removes_orphans_only_where_it_is_told_to(settings, monkeypatch):
    asked = []
    monkeypatch.setattr(lake_upkeep, "orphans", lambda *_, delete, **__: asked.append(delete) or [])
    ask = {"ops": {"upkeep__orphans": {"config": {"delete": True}}}}
    told = settings.model_copy(update={"delete_orphans": True})
    with dg.DagsterInstance.ephemeral() as instance:
        for known, config in ((settings, None), (settings, ask), (told, None)):
            assets = lake_upkeep_assets(known)
            dg.materialize(assets, instance=instance, selection=[ORPHANS], run_config=config)
    assert asked == [False, True, True]


@pytest.fixture
def restored(proven, tmp_path):
    """The proven home, put back afterwards: other tests count the files of its lake."""
    shutil.copytree(proven.lake, tmp_path / "lake", symlinks=True)
    yield proven
    shutil.rmtree(proven.lake)
    shutil.copytree(tmp_path / "lake", proven.lake, symlinks=True)


@pytest.mark.xdist_group("proven")
def test_the_chain_is_whole_after_upkeep(restored):
    done = lake_upkeep.compact(restored, min_files=2)
    assert any(item.is_done for item in done)
    lake_upkeep.expire(restored, keep=1, hours=0)
    lake_upkeep.orphans(restored, hours=0, delete=True)
    assert reconcile(restored).failures == []
    assert build(restored).status == "nothing to do"
