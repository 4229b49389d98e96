"""kill -9 at every point of a build and a publish: readers keep what they had."""

import signal

import pytest

from orchestration.warehouse.build import build
from orchestration.warehouse.publish import publish
from orchestration.warehouse.query import query
from orchestration.warehouse.store import FILE_NAME, Store

COUNT = "select sum(action_count)::int from core.fct_actions"

POINTS = (
    ("build", "build.after_copy", 1),
    ("build", "build.after_dbt", 1),
    ("build", "build.before_accept", 1),
    ("build", "build.after_accept", 1),
    ("publish", "publish.before_swap", 1),
    ("publish", "publish.after_swap", 2),
)


@pytest.mark.slow
def test_a_killed_build_or_publish_leaves_the_published_one_whole(dbt_world, settings):
    world = dbt_world
    world.land(world.action("view"))
    build(settings)
    publish(settings)
    world.land(world.action("click"))
    for command, point, seen in POINTS:
        killed = world.adx(command, ADX_FAILPOINT=point)
        assert killed.returncode == -signal.SIGKILL, (point, killed.stderr)
        assert query(settings, COUNT, limit=None).rows == [(seen,)], point

    world.land(world.action("purchase"))
    assert build(settings).status == "built"
    publish(settings)
    assert query(settings, COUNT, limit=None).rows == [(3,)]
    store = Store(settings.warehouse)
    assert not store.building.exists()
    assert not list(store.folder.rglob(f"{FILE_NAME}.wal"))
    assert len(store.passed()) == 3
