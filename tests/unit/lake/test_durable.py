"""Files that are whole or not there, whoever else writes them."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingestion.lake.durable import write_file, write_new_file


@pytest.mark.parametrize("write", [write_file, write_new_file])
def test_two_threads_may_write_the_same_file(
    write: Callable[[Path, bytes], bool | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As two streams of one process do with the pointer of a commit that both have found."""
    path = tmp_path / "pointer.json"
    both_have_written = threading.Barrier(2, timeout=10)
    real = os.fsync
    met: set[int] = set()

    def fsync(handle: int) -> None:
        real(handle)
        if threading.get_ident() not in met:
            met.add(threading.get_ident())
            both_have_written.wait()

    monkeypatch.setattr(os, "fsync", fsync)
    with ThreadPoolExecutor(2) as pool:
        written = list(pool.map(lambda content: write(path, content), (b"the same", b"the same")))
    assert written == [None, None] if write is write_file else sorted(written) == [False, True]
    assert path.read_bytes() == b"the same"
    assert [file.name for file in tmp_path.iterdir()] == ["pointer.json"]
