"""The warehouse folder: ids, the current link, what is kept and what goes."""

import json
import multiprocessing
import shutil
from pathlib import Path

import pytest

from ingestion.errors import AdxError, ExitCode
from orchestration.warehouse.build import rebuild_reason
from orchestration.warehouse.store import FILE_NAME, KEEP_FAILED, Manifest, Store
from orchestration.warehouse.versions import Withdrawal


def manifest(build_id: str, pin: int = 1) -> Manifest:
    return Manifest(build_id, pin, None, "code", True, "", "", 0, 0, 0)


def add(store: Store, pin: int) -> str:
    build_id = store.next_id(pin)
    (store.start() / FILE_NAME).touch()
    store.accept(manifest(build_id, pin))
    return build_id


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "warehouse")


def test_ids_grow_whatever_failed_or_was_removed(store):
    assert add(store, 1) == "b000001-pin1"
    store.start()
    store.set_aside(store.next_id(2))
    assert add(store, 2) == "b000003-pin2"
    assert [build.manifest.build_id for build in store.passed()] == ["b000001-pin1", "b000003-pin2"]


def test_the_current_link_is_relative_so_that_a_home_can_be_moved(store, tmp_path):
    store.point_to(store.read(add(store, 1)))
    (tmp_path / "warehouse").rename(tmp_path / "elsewhere")
    moved = Store(tmp_path / "elsewhere")
    assert moved.published().manifest.pin == 1


def test_only_the_newest_builds_stay_and_the_current_one(store):
    ids = [add(store, number) for number in range(1, 7)]
    store.point_to(store.read(ids[0]))
    assert store.tidy(3) == ids[1:3]
    assert [build.manifest.build_id for build in store.passed()] == [ids[0], *ids[3:]]
    assert store.published().manifest.build_id == ids[0]


def test_a_published_build_whose_file_is_gone_is_none_and_its_id_is_not_given_again(store):
    publish(store, add(store, 1))
    newest = add(store, 2)
    publish(store, newest)
    store.published().file.unlink()
    assert (store.current(), store.lost()) == (None, newest)
    with pytest.raises(AdxError, match="files of the published build b000002-pin2 are gone"):
        store.published()
    shutil.rmtree(store.builds)
    assert add(store, 2) == "b000003-pin2"
    assert rebuild_reason(store) == "the files of build b000002-pin2 are gone"
    publish(store, "b000003-pin2")
    assert store.lost() is None


def publish(store: Store, build_id: str) -> None:
    store.will_publish(store.read(build_id))
    store.point_to(store.read(build_id))


def withdraw(store: Store, build_id: str, returned_to: str) -> None:
    now = "2026-03-30T10:00:00+00:00"
    store.withdraw([Withdrawal(build_id, returned_to, "wrong", now, "run")])


def test_builds_to_go_back_to_stay_however_many_come_after_them(store):
    ids = [add(store, number) for number in range(1, 4)]
    for build_id in ids:
        publish(store, build_id)
    withdraw(store, ids[2], ids[1])
    publish(store, ids[1])
    later = [add(store, number) for number in range(4, 9)]
    assert store.tidy(2) == [ids[2], *later[:3]]
    assert [build.manifest.build_id for build in store.passed()] == [*ids[:2], *later[3:]]


def test_what_readers_saw_and_what_was_taken_back_is_remembered(store):
    first, second = add(store, 1), add(store, 2)
    publish(store, first)
    publish(store, second)
    withdraw(store, second, first)
    assert store.versions().unfinished.returned_to == first
    publish(store, first)
    versions = Store(store.folder).versions()
    assert versions.published == {first, second}
    assert set(versions.withdrawn) == {second}
    assert versions.unfinished is None
    publish(store, second)
    assert store.versions().withdrawn == {}, "whoever names it wants it"


def test_the_id_of_a_build_that_was_taken_back_is_not_given_again(store):
    publish(store, add(store, 1))
    withdraw(store, "b000007-pin7", "b000001-pin1")
    assert store.next_id(8) == "b000008-pin8"


def test_failed_builds_do_not_pile_up(store):
    for number in range(1, 6):
        store.start()
        store.set_aside(store.next_id(number))
    kept = sorted(folder.name for folder in store.failed.iterdir())
    assert kept == ["b000004-pin4", "b000005-pin5"]
    assert len(kept) == KEEP_FAILED


def test_what_a_killed_build_left_is_gone_when_the_next_one_starts(store):
    (store.start() / "advertisex.duckdb").write_bytes(b"half")
    assert list(store.start().iterdir()) == []


def test_without_a_publish_there_is_a_sentence_and_a_remedy(store):
    with pytest.raises(AdxError) as caught:
        store.published()
    assert caught.value.exit_code is ExitCode.CONFIGURATION
    assert "adx build" in caught.value.remedy


def test_a_half_written_manifest_is_never_seen(store):
    build = store.read(add(store, 1))
    assert json.loads((build.folder / "build.json").read_text())["pin"] == 1
    assert [path.name for path in sorted(build.folder.iterdir())] == [FILE_NAME, "build.json"]


def _hold(folder: Path, held: object, release: object) -> None:
    with Store(folder).lock("build"):
        held.set()
        release.wait(30)


def test_a_second_writer_is_told_who_is_at_work(store):
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    process = context.Process(target=_hold, args=(store.folder, held, release))
    process.start()
    try:
        assert held.wait(30)
        with pytest.raises(AdxError) as caught, store.lock("publish"):
            pass
        assert caught.value.exit_code is ExitCode.BUSY
        assert f"`adx build` (process {process.pid})" in caught.value.message
    finally:
        release.set()
        process.join(30)
    with store.lock("publish"):
        pass
