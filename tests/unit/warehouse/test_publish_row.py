"""The ledger row of a publish whose process dies: written once, by the command that comes next."""

import json
from pathlib import Path
from typing import Any

import pytest

from ingestion.failpoints import DiedError, failing
from ingestion.lake import Lake
from ingestion.settings import Settings
from orchestration.warehouse import publish as publishing
from orchestration.warehouse.publish import publish, rollback
from orchestration.warehouse.store import FILE_NAME, Manifest, Store


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(publishing, "_check", lambda *_: None)  # the builds hold no file
    made = Settings(home=tmp_path)
    Lake.open(made).ensure_tables()
    return made


def add(settings: Settings, number: int) -> str:
    store = Store(settings.warehouse)
    build_id = store.next_id(number)
    (store.start() / FILE_NAME).touch()
    store.accept(Manifest(build_id, number, None, "code", True, "", "", 0, 0, rows=7))
    return build_id


def publishes(settings: Settings) -> list[tuple[str, Any]]:
    rows = Lake.open(settings).read_ops("run_ledger").to_pylist()
    return [
        (row["subject"], json.loads(row["details"])["replaced"])
        for row in rows
        if row["kind"] == "publish"
    ]


POINTS = ("publish.before_swap", "publish.after_swap", "lake.after_swap", "publish.after_ledger")


@pytest.mark.parametrize("point", POINTS)
def test_a_publish_that_dies_has_one_row_once_the_next_command_is_done(settings, point):
    first = add(settings, 1)
    publish(settings)
    second = add(settings, 2)
    with failing(point, "die"), pytest.raises(DiedError):
        publish(settings)
    done = point != "publish.before_swap"
    assert publish(settings).status == ("nothing to do" if done else "published")
    assert sorted(publishes(settings), key=str) == [(first, None), (second, first)]
    assert Store(settings.warehouse).noted_publish() is None


def test_a_publish_that_dies_before_its_swap_and_is_taken_back_has_none(settings):
    first, second = add(settings, 1), add(settings, 2)
    publish(settings, first)
    publish(settings, second)
    third = add(settings, 3)
    with failing("publish.before_swap", "die"), pytest.raises(DiedError):
        publish(settings)
    assert rollback(settings, reason="wrong").build_id == first
    assert third not in dict(publishes(settings))
    assert Store(settings.warehouse).noted_publish() is None
