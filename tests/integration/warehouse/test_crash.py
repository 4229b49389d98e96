"""kill -9 at every point of a rollback: readers are before it or behind it.

Builds and publishes are killed in `tests/chaos`.
"""

import json
import signal

import pytest

from ingestion.lake import Lake
from orchestration.warehouse.build import build
from orchestration.warehouse.publish import publish
from orchestration.warehouse.query import query
from orchestration.warehouse.store import Store

COUNT = "select sum(action_count)::int from core.fct_actions"

KILLED_ROLLBACKS = (
    ("rollback.after_decision", "publish"),
    ("rollback.after_decision", "build"),
    ("rollback.after_decision", "rollback"),
    ("publish.before_swap", "publish"),
    ("publish.after_swap", "rollback"),
)


@pytest.mark.slow
@pytest.mark.parametrize(("point", "following"), KILLED_ROLLBACKS)
def test_a_killed_rollback_is_before_or_after_and_the_next_command_ends_it(
    world, settings, point, following
):
    built = []
    for name in ("view", "click", "purchase"):
        world.land(world.action(name))
        built.append(build(settings).build_id)
        publish(settings)
    rollback = ("rollback", "--reason", "wrong", "--json")
    killed = world.adx(*rollback, ADX_FAILPOINT=point)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    is_done = point == "publish.after_swap"
    assert query(settings, COUNT, limit=None).rows == [(2 if is_done else 3,)]

    again = world.adx(*(rollback if following == "rollback" else (following, "--json")))
    assert again.returncode == 0, again.stderr
    assert query(settings, COUNT, limit=None).rows == [(2,)], "gone back once"
    versions = Store(settings.warehouse).versions()
    assert versions.current.build_id == built[1]
    assert set(versions.withdrawn) == {built[2]}
    rows = Lake.open(settings).read_ops("run_ledger").to_pylist()
    (row,) = (row for row in rows if row["kind"] == "rollback")
    assert row["subject"] == built[1]
    assert json.loads(row["details"])["withdrawn"] == [built[2]]
