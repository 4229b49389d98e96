"""The key store: race-free, private, loud when a key is gone."""

import pickle
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import Action, DiedError, failing
from ingestion.landing import KeyStore

DAY = date(2026, 3, 28)


def test_what_was_encrypted_can_be_decrypted(keys: KeyStore) -> None:
    for payload in (b"", b"\x00\xff", "Zoë".encode() * 1000):
        token = keys.encrypt(DAY, payload)
        assert token.startswith("v1.2026-03-28.")
        assert keys.decrypt(token) == payload


def test_the_same_payload_gives_the_same_token_and_another_one_another(keys: KeyStore) -> None:
    assert keys.encrypt(DAY, b"a") == keys.encrypt(DAY, b"a")
    assert keys.encrypt(DAY, b"a") != keys.encrypt(DAY, b"b")
    assert keys.encrypt(DAY, b"a") != keys.encrypt(date(2026, 3, 29), b"a")


def test_keys_are_for_their_owner_only(keys: KeyStore, tmp_path: Path) -> None:
    keys.encrypt(DAY, b"a")
    folder = tmp_path / "keys"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = sorted(path.name for path in folder.iterdir())
    assert files == ["2026-03-28.key", "pseudonym.key"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def test_another_process_uses_the_same_keys(keys: KeyStore, tmp_path: Path) -> None:
    token = keys.encrypt(DAY, b"a")
    assert KeyStore(tmp_path / "keys").decrypt(token) == b"a"
    assert KeyStore(tmp_path / "keys").pseudonym_key() == keys.pseudonym_key()


def test_threads_that_come_first_together_get_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        found = set(pool.map(lambda _: KeyStore(tmp_path / "keys").pseudonym_key(), range(64)))
    assert len(found) == 1


def test_processes_that_come_first_together_get_one_key(tmp_path: Path) -> None:
    # processes of their own: a fork of a test process that has threads may never come to its end
    ask = (
        "import sys; from pathlib import Path; from ingestion.landing import KeyStore; "
        "sys.stdin.readline(); print(KeyStore(Path(sys.argv[1])).pseudonym_key().hex())"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ask, tmp_path / "keys"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("now\n")
        process.stdin.flush()
    found = {process.communicate()[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert found == {KeyStore(tmp_path / "keys").pseudonym_key().hex() + "\n"}


def test_a_pickled_store_carries_no_key(keys: KeyStore) -> None:
    key = keys.pseudonym_key()
    pickled = pickle.dumps(keys)
    assert key not in pickled
    assert pickle.loads(pickled).pseudonym_key() == key  # noqa: S301 - made one line above


def test_a_dropped_key_erases_and_says_so(keys: KeyStore, tmp_path: Path) -> None:
    token = keys.encrypt(DAY, b"a")
    (tmp_path / "keys" / "2026-03-28.key").unlink()
    with pytest.raises(AdxError, match="key of 2026-03-28 was dropped") as caught:
        KeyStore(tmp_path / "keys").decrypt(token)
    assert caught.value.exit_code == ExitCode.DATA
    assert not (tmp_path / "keys" / "2026-03-28.key").exists()


def test_a_lost_pseudonym_key_is_not_replaced(keys: KeyStore, tmp_path: Path) -> None:
    keys.encrypt(DAY, b"a")
    (tmp_path / "keys" / "pseudonym.key").unlink()
    with pytest.raises(AdxError, match=r"pseudonym key .* is gone"):
        KeyStore(tmp_path / "keys").pseudonym_key()


@pytest.mark.parametrize("token", ["", "nonsense", "v1.2026-03-28.", "v1.2026-03-28.!!", "v2.x.y"])
def test_a_damaged_token_is_refused(token: str, keys: KeyStore) -> None:
    with pytest.raises(AdxError, match="not a token"):
        keys.decrypt(token)


def test_a_token_of_another_folder_is_refused(keys: KeyStore, tmp_path: Path) -> None:
    other = KeyStore(tmp_path / "other")
    other.encrypt(DAY, b"b")
    with pytest.raises(AdxError, match="does not fit the key"):
        other.decrypt(keys.encrypt(DAY, b"a"))


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AdxError, match="cannot be used") as caught:
        KeyStore(tmp_path / "file" / "keys").pseudonym_key()
    assert caught.value.exit_code == ExitCode.CONFIGURATION
    assert str(tmp_path / "file" / "keys") in caught.value.message


def test_a_folder_without_rights_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may do anything, so the refusal of the system is played."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(AdxError, match="Permission denied"):
        KeyStore(tmp_path / "keys").pseudonym_key()


def test_a_cut_off_key_file_is_refused(keys: KeyStore, tmp_path: Path) -> None:
    keys.pseudonym_key()
    (tmp_path / "keys" / "pseudonym.key").write_bytes(b"short")
    with pytest.raises(AdxError, match="has 5 bytes instead of 32"):
        KeyStore(tmp_path / "keys").pseudonym_key()


def test_a_machine_without_the_shared_key_folder_makes_no_key_of_its_own(tmp_path: Path) -> None:
    shared, apart = KeyStore(tmp_path / "shared"), KeyStore(tmp_path / "apart")
    fingerprint = shared.fingerprint()
    assert shared.pseudonym_key().hex() not in fingerprint
    KeyStore(tmp_path / "shared").demand(fingerprint)
    with pytest.raises(AdxError, match="does not hold the pseudonym key") as caught:
        apart.demand(fingerprint)
    assert (caught.value.exit_code, "one key folder" in caught.value.remedy) == (
        ExitCode.CONFIGURATION,
        True,
    )
    assert not (tmp_path / "apart").exists()
    apart.pseudonym_key()
    with pytest.raises(AdxError, match="does not hold the pseudonym key"):
        apart.demand(fingerprint)


POINTS = ("keys.write", "keys.before_link", "keys.after_link")


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("at", [1, 2])
def test_a_death_leaves_a_whole_key_or_none(
    keys: KeyStore, tmp_path: Path, point: str, at: int
) -> None:
    with failing(point, "die", at) as fault, pytest.raises(DiedError):
        keys.encrypt(DAY, b"a")
    assert fault.came
    left = {path.name: path.read_bytes() for path in (tmp_path / "keys").glob("*.key")}
    token = KeyStore(tmp_path / "keys").encrypt(DAY, b"a")
    assert KeyStore(tmp_path / "keys").decrypt(token) == b"a"
    assert len(left) == at - 1 + (point == "keys.after_link")
    assert all((tmp_path / "keys" / name).read_bytes() == key for name, key in left.items())


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("action", ["raise", "full"])
def test_a_disk_that_fails_is_said_and_the_next_try_makes_the_key(
    keys: KeyStore, point: str, action: Action
) -> None:
    with failing(point, action), pytest.raises(AdxError, match="cannot be used"):
        keys.pseudonym_key()
    assert len(keys.pseudonym_key()) == 32


def test_a_key_that_is_written_in_pieces_is_whole(keys: KeyStore) -> None:
    with failing("keys.write", "short") as fault:
        assert len(keys.pseudonym_key()) == 32
    assert fault.came
