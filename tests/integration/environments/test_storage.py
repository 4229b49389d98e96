"""A folder and a bucket keep the same promises."""

from pathlib import Path

import pytest

from ingestion.lake.storage import Storage, join, storage_of
from ingestion.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("environments")]


@pytest.fixture(params=["folder", "bucket"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "lake")
    s3_settings: Settings = request.getfixturevalue("s3_settings")
    return s3_settings.lake_root


@pytest.fixture
def storage(root: str) -> Storage:
    return storage_of(root)


def test_a_file_is_written_and_replaced(storage: Storage, root: str) -> None:
    file = join(root, "a", "it's 100% ok.bin")
    for content in (b"first", b"", bytes(range(256))):
        storage.write(file, memoryview(content))
        assert storage.read(file) == content
    with storage.open(file) as opened:
        opened.seek(250)
        assert (opened.read(), opened.size()) == (bytes(range(250, 256)), 256)


def test_what_is_there_is_not_replaced_by_write_if_absent(storage: Storage, root: str) -> None:
    file = join(root, "pointers", "1.json")
    assert storage.write_if_absent(file, b"first")
    assert not storage.write_if_absent(file, b"second")
    assert storage.read(file) == b"first"
    assert storage.names(join(root, "pointers")) == ["1.json"]


def test_a_missing_file_is_one(storage: Storage, root: str) -> None:
    file = join(root, "missing")
    with pytest.raises(FileNotFoundError, match="missing"):
        storage.read(file)
    assert not storage.exists(file)
    assert storage.names(file) == []
    storage.delete(file)


def test_a_failure_before_the_file_is_visible_leaves_none(storage: Storage, root: str) -> None:
    file = join(root, "a", "b")

    def fail() -> None:
        raise OSError(5, "gone")

    with pytest.raises(OSError, match="gone"):
        storage.write(file, b"x", before_visible=fail)
    assert storage.names(join(root, "a")) == []


def test_names_are_those_right_below_a_folder(storage: Storage, root: str) -> None:
    for name in ("b/2", "b/10", "b/deep/er", "bb/1"):
        storage.write(join(root, name), b"x")
    assert storage.names(root) == ["b", "bb"]
    assert storage.names(join(root, "b")) == ["10", "2", "deep"]
    storage.delete(join(root, "b/2"))
    assert storage.names(join(root, "b")) == ["10", "deep"]
    assert list(storage.each(storage.exists, [join(root, "b/2"), join(root, "b/10")])) == [
        False,
        True,
    ]
