"""Builds: on a copy, from a pin, tested before they count."""

import errno
import json

import pytest

from ingestion.errors import AdxError, ExitCode
from ingestion.settings import Settings
from orchestration.warehouse import dbt
from orchestration.warehouse.build import build, open_session
from orchestration.warehouse.dates import parse_dates
from orchestration.warehouse.publish import publish
from orchestration.warehouse.query import query
from orchestration.warehouse.store import Store

ACTIONS = "select event_date::varchar, event_name, action_count from core.fct_actions order by all"


def rows_of(settings: Settings, sql: str, build_id: str | None = None) -> list[tuple[object, ...]]:
    return query(settings, sql, limit=None, build=build_id).rows


@pytest.mark.slow
def test_increments_hold_what_a_full_refresh_holds(dbt_world, settings):
    dbt_world.land(dbt_world.action("view"), dbt_world.action("click"), b"nonsense", None)
    first = build(settings)
    publish(settings)
    dbt_world.land(dbt_world.action("view", day=29))
    second = build(settings)
    publish(settings)

    assert (first.status, first.full_refresh, first.pin) == ("built", True, 1)
    assert (second.status, second.full_refresh, second.previous_pin) == ("built", False, 1)
    assert second.changed == {"core.fct_actions": 1}
    expected = [("2026-03-28", "click", 1), ("2026-03-28", "view", 1), ("2026-03-29", "view", 1)]
    assert rows_of(settings, ACTIONS) == expected

    rebuilt = build(settings, full_refresh=True)
    sums = "from meta.table_checksums order by all"
    assert rebuilt.full_refresh
    assert rows_of(settings, sums, rebuilt.build_id) == rows_of(settings, sums)
    loads = "select ingest_seq, read_count, loaded_count, failed_count from ops.source_loads"
    assert sorted(rows_of(settings, loads, rebuilt.build_id)) == [(1, 4, 2, 2), (2, 1, 1, 0)]
    assert sorted(rows_of(settings, loads)) == [(1, 4, 2, 2), (2, 1, 1, 0)]


def test_a_build_again_does_nothing_and_leaves_no_trace(world, settings):
    world.land(world.action("view"))
    built = build(settings)
    ledger = world.lake.read_ops("run_ledger").num_rows
    for published in (False, True):
        if published:
            publish(settings)
            ledger += 1
        again = build(settings)
        assert (again.status, again.build_id, again.changed) == (
            "nothing to do",
            built.build_id,
            {},
        )
    assert world.lake.read_ops("run_ledger").num_rows == ledger
    assert len(world.lake.pins()) == 1
    assert publish(settings).status == "nothing to do"


def test_dates_are_built_again_though_nothing_is_new(world, settings, monkeypatch):
    world.land(world.action("view"))
    first = build(settings)
    publish(settings)
    windows = []
    run = dbt.run

    def listen(*arguments, **options):
        windows.append(json.loads(options["window"]))
        return run(*arguments, **options)

    monkeypatch.setattr(dbt, "run", listen)
    again = build(settings, dates=parse_dates("2026-03-27..2026-03-28"))

    assert (again.status, again.pin, again.previous_pin) == ("built", first.pin, first.pin)
    assert again.build_id != first.build_id
    assert "2026-03-27 to 2026-03-28 again" in again.reason
    (window,) = windows
    assert window["again"] == ["2026-03-27", "2026-03-28"]
    assert window["tables"]["user_events.events"]["touched_dates"] == []
    (row,) = (
        row
        for row in world.lake.read_ops("run_ledger").to_pylist()
        if row["subject"] == again.build_id
    )
    assert json.loads(row["details"])["again"] == ["2026-03-27", "2026-03-28"]


@pytest.mark.parametrize("text", ["yesterday", "2026-03-28..", "2026-03-28..2026-03-01", ".."])
def test_what_is_no_range_of_dates_is_refused(text):
    with pytest.raises(AdxError) as refused:
        parse_dates(text)
    assert refused.value.exit_code is ExitCode.USAGE
    assert text in refused.value.message


def test_changed_code_builds_from_nothing_unless_the_rows_are_kept(world, settings, monkeypatch):
    world.land(world.action("view"))
    build(settings)
    publish(settings)
    monkeypatch.setattr(dbt, "code_hash", lambda: "other code")
    kept = build(settings, keep_rows=True)
    assert (kept.full_refresh, kept.previous_pin) == (False, 1)

    monkeypatch.setattr(dbt, "code_hash", lambda: "third code")
    rebuilt = build(settings)
    assert rebuilt.full_refresh
    assert "code has changed" in rebuilt.reason


def test_unit_tests_judge_code_once(world, settings, monkeypatch):
    commands = []
    run = dbt.run

    def listen(settings, arguments, **options):
        commands.append(arguments)
        if len(commands) == 1:
            return dbt.Outcome(
                failures=[dbt.Failure("unit_test", "u", "other rows", "u.yml", None)]
            )
        return run(settings, arguments, **options)

    monkeypatch.setattr(dbt, "run", listen)
    world.land(world.action("view"))
    with pytest.raises(AdxError, match="unit_test u"):
        build(settings)
    build(settings, selection="fct_actions")
    build(settings)
    build(settings, full_refresh=True)
    left_out = ["--exclude-resource-type", "unit_test"]
    assert commands == [
        ["build", "--full-refresh"],
        ["build", "--full-refresh", "--select", "fct_actions"],
        ["build", "--full-refresh"],
        ["build", "--full-refresh", *left_out],
    ]


@pytest.mark.slow
def test_a_failing_test_names_itself_and_never_reaches_readers(dbt_world, settings):
    dbt_world.land(dbt_world.action("view"))
    good = build(settings)
    publish(settings)
    dbt_world.land(dbt_world.action(None))

    with pytest.raises(AdxError) as caught:
        build(settings)
    assert caught.value.exit_code is ExitCode.FAILED
    assert "not_null_fct_actions_event_name" in caught.value.message
    assert "b000002-pin2" in caught.value.remedy
    assert publish(settings).build_id == good.build_id
    assert rows_of(settings, ACTIONS) == [("2026-03-28", "view", 1)]
    # The build that failed is still there to look at.
    assert rows_of(settings, ACTIONS, "b000002-pin2") == [
        ("2026-03-28", None, 1),
        ("2026-03-28", "view", 1),
    ]


@pytest.mark.slow
def test_a_failed_pin_is_part_of_the_next_window(dbt_world, settings, tiny_project, monkeypatch):
    dbt_world.land(dbt_world.action("view"))
    build(settings)
    publish(settings)
    dbt_world.land(dbt_world.action("click"))
    model = tiny_project / "models" / "fct_actions.sql"
    working = model.read_text()
    model.write_text("select * from no_such_table")
    try:
        with pytest.raises(AdxError, match="model fct_actions"):
            build(settings)
    finally:
        model.write_text(working)
    dbt_world.land(dbt_world.action("purchase"))
    with open_session(settings) as session:
        window = json.loads(session.window.to_json())
    table = window["tables"]["user_events.events"]
    assert (window["previous_pin"], window["pin"]) == (1, 3)
    assert (table["from_seq"], table["to_seq"]) == (1, 3)
    assert table["touched_dates"] == ["2026-03-28"]


def test_a_session_that_is_left_is_set_aside(world, settings):
    world.land(world.action("view"))
    with pytest.raises(KeyError), open_session(settings) as session:
        raise KeyError(session.build_id)
    store = Store(settings.warehouse)
    assert store.passed() == []
    assert [folder.name for folder in store.failed.iterdir()] == ["b000001-pin1"]


def test_a_selection_stays_in_the_scratch_folder(world, settings):
    world.land(world.action("view"))
    result = build(settings, selection="fct_actions")
    assert result.status == "partial"
    assert rows_of(settings, ACTIONS, "scratch") == [("2026-03-28", "view", 1)]
    with pytest.raises(AdxError, match="no build to publish"):
        publish(settings)


def test_a_published_file_that_was_written_to_is_not_continued(world, settings):
    world.land(world.action("view"))
    good = build(settings)
    publish(settings)
    Store(settings.warehouse).published().log.write_bytes(b"changes")
    world.land(world.action("click"))
    rebuilt = build(settings)
    assert rebuilt.full_refresh
    assert f"{good.build_id} was written to" in rebuilt.reason


def test_a_file_system_that_cannot_clone_is_copied_plainly(world, settings, monkeypatch):
    world.land(world.action("view"))
    build(settings)
    publish(settings)
    world.land(world.action("click"))

    def refuse(*_: object) -> int:
        raise OSError(errno.EOPNOTSUPP, "not supported")

    monkeypatch.setattr("os.copy_file_range", refuse)
    assert build(settings).full_refresh is False


def test_two_builds_at_once_one_is_told_to_wait(world, settings):
    world.land(world.action("view"))
    with open_session(settings), pytest.raises(AdxError) as caught:
        build(settings)
    assert caught.value.exit_code is ExitCode.BUSY
    assert "adx build" in caught.value.message


def test_an_empty_lake_has_nothing_to_build(world, settings):
    with pytest.raises(AdxError, match="lake is empty"):
        build(settings)


def test_an_unknown_pin_is_named(world, settings):
    world.land(world.action("view"))
    with pytest.raises(AdxError, match="no pin 7"):
        build(settings, pin=7)


def test_a_full_disk_leaves_the_published_build(world, settings, monkeypatch):
    world.land(world.action("view"))
    good = build(settings)
    publish(settings)
    world.land(world.action("click"))
    usage = type("Usage", (), {"free": 1024})
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage)
    with pytest.raises(OSError, match="No space left"):
        build(settings)
    current = Store(settings.warehouse).published()
    assert current.manifest.build_id == good.build_id


def test_dbt_that_meets_a_full_disk_says_so(world, settings):
    world.land(world.action("view"))
    failure = dbt.Failure("model", "fct_actions", "No space left on device", "m.sql", None)
    with open_session(settings) as session:
        error = session.fail(dbt.Outcome(failures=[failure]))
    assert error.exit_code is ExitCode.UNAVAILABLE
    assert not Store(settings.warehouse).failed.exists()
