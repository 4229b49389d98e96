"""Going back: readers see the build before, and what comes after it has every row once."""

import json
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pytest

from ingestion.errors import AdxError, ExitCode
from ingestion.lake import Lake
from ingestion.settings import Settings
from orchestration.defs.warehouse import PUBLISHED, publish_asset
from orchestration.warehouse import dbt
from orchestration.warehouse.build import build
from orchestration.warehouse.duck import open_file
from orchestration.warehouse.publish import publish, rollback
from orchestration.warehouse.query import query
from orchestration.warehouse.store import Store
from tests.integration.warehouse.conftest import World
from tests.integration.warehouse.test_commands import adx, document
from tests.integration.warehouse.test_dagster import fct_actions, instance  # noqa: F401

TABLE = "user_events.events"


def _append_window(
    settings: Settings, arguments: Sequence[str], *, database: Path, window: str, **_: object
) -> dbt.Outcome:
    """What an incremental model does: it adds the rows of the window to those of the base."""
    asked = json.loads(window)["tables"][TABLE]
    with open_file(database, settings, read_only=False) as connection:
        connection.execute("create schema if not exists core")
        if "--full-refresh" in arguments:
            connection.execute("drop table if exists core.fct_actions")
        connection.execute(
            "create table if not exists core.fct_actions (event_name varchar, seq bigint)"
        )
        connection.execute(
            "insert into core.fct_actions select event_name, _ingest_seq "
            "from raw_user_events.events where _ingest_seq > ? and _ingest_seq <= ?",
            [asked["from_seq"], asked["to_seq"]],
        )
    return dbt.Outcome(models=1, tests=1)


@pytest.fixture
def grown(world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> World:
    """Three builds, each with one action more, all published."""
    monkeypatch.setattr(dbt, "run", _append_window)
    for name in ("first", "second", "third"):
        more(world, name)
        assert publish(settings, by_itself=True).status == "published"
    return world


def more(world: World, name: str) -> str:
    """Land an action and build it."""
    world.land(world.action(name))
    return build(world.settings).build_id


def seen(settings: Settings) -> list[str]:
    """The actions that readers see."""
    sql = "select event_name from core.fct_actions order by all"
    return [name for (name,) in query(settings, sql, limit=None).rows]


def built(settings: Settings) -> list[str]:
    return [kept.manifest.build_id for kept in Store(settings.warehouse).passed()]


def test_readers_see_the_build_before_and_the_next_one_has_every_row_once(grown, settings):
    second, third = built(settings)[1:]
    done = rollback(settings, reason="the third was wrong")
    assert (done.status, done.build_id, done.withdrawn) == ("rolled back", second, [third])
    assert seen(settings) == ["first", "second"]

    again = build(settings)
    assert (again.status, again.build_id) == ("nothing to do", third)
    assert "was withdrawn (the third was wrong)" in again.reason
    assert publish(settings).status == "nothing to do", "what was withdrawn is not chosen"

    grown.land(grown.action("fourth"))
    fourth = build(settings)
    assert fourth.previous_pin == 2, "the window begins at what readers see"
    assert publish(settings).build_id == fourth.build_id
    assert seen(settings) == ["first", "fourth", "second", "third"]
    build(settings, full_refresh=True)
    publish(settings)
    assert seen(settings) == ["first", "fourth", "second", "third"]


def test_nothing_is_published_by_itself_until_somebody_publishes(grown, settings):
    second, third = built(settings)[1:]
    rollback(settings, reason="wrong")
    held = publish(settings, by_itself=True)
    assert (held.status, held.build_id) == ("held", second)
    assert f"went back from {third} to {second} (wrong)" in held.why
    for name in ("fourth", "fifth", "sixth", "seventh"):
        newest = more(grown, name)
        assert publish(settings, by_itself=True).status == "held"
    assert seen(settings) == ["first", "second"]
    assert second in built(settings)
    assert len(built(settings)) <= 2 * settings.kept_builds, "they do not pile up"

    assert publish(settings).build_id == newest
    assert len(seen(settings)) == 7
    more(grown, "eighth")
    assert publish(settings, by_itself=True).status == "published"
    assert len(seen(settings)) == 8


def test_dagster_leaves_readers_where_a_rollback_brought_them(grown, settings, instance):  # noqa: F811
    asset = publish_asset(settings, fct_actions)
    rollback(settings, reason="wrong")
    more(grown, "fourth")
    result = dg.materialize([asset], instance=instance)
    assert result.success
    assert PUBLISHED not in {
        event.asset_key for event in result.get_asset_materialization_events()
    }, "what is held does not count as fresh"
    assert seen(settings) == ["first", "second"]
    publish(settings)
    more(grown, "fifth")
    result = dg.materialize([asset], instance=instance)
    assert PUBLISHED in {event.asset_key for event in result.get_asset_materialization_events()}
    assert len(seen(settings)) == 5


def test_who_wants_to_go_further_back_names_the_build(grown, settings):
    first, second, third = built(settings)
    rollback(settings, reason="wrong")
    assert rollback(settings, reason="wrong").status == "nothing to do"
    assert rollback(settings, second, reason="wrong").status == "nothing to do"
    done = rollback(settings, first, reason="wrong since the second")
    assert (done.build_id, done.withdrawn) == (first, [second])
    assert seen(settings) == ["first"]
    rows = Lake.open(settings).read_ops("run_ledger").to_pylist()
    decided = [json.loads(row["details"]) for row in rows if row["kind"] == "rollback"]
    assert [(row["withdrawn"], row["reason"], row["pin"]) for row in decided] == [
        ([third], "wrong", 2),
        ([second], "wrong since the second", 1),
    ]


def test_a_withdrawn_build_can_be_published_by_its_name(grown, settings):
    third = built(settings)[2]
    rollback(settings, reason="wrong")
    assert publish(settings, third).build_id == third
    assert len(seen(settings)) == 3
    more(grown, "fourth")
    assert publish(settings, by_itself=True).status == "published"


def test_a_build_that_was_written_to_is_nothing_to_go_back_to(grown, settings):
    second, third = built(settings)[1:]
    (Store(settings.warehouse).read(second).log).write_bytes(b"log")
    with pytest.raises(AdxError, match="not checkpointed"):
        rollback(settings, reason="wrong")
    versions = Store(settings.warehouse).versions()
    assert (versions.current.build_id, versions.withdrawn) == (third, {})


def test_the_command_says_what_it_did_and_what_is_kept(grown, settings):
    first, second, third = built(settings)
    without = adx(settings, "rollback")
    assert isinstance(without.exception, AdxError)
    assert without.exception.exit_code is ExitCode.USAGE
    done = document(settings, "rollback", "--reason", "a rate was wrong")
    assert (done["status"], done["build_id"], done["withdrawn"]) == ("rolled back", second, [third])
    listed = document(settings, "rollback", "--list")
    assert [(row["build"], row["state"], row["why"]) for row in listed] == [
        (third, "withdrawn", "a rate was wrong"),
        (second, "current", None),
        (first, "published before", None),
    ]
    assert "a rate was wrong" in adx(settings, "rollback", "--list").stdout
    assert "nothing to do" in adx(settings, "rollback", "--reason", "again").stdout
