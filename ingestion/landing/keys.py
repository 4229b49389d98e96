"""Keys that stand between stored rows and the people they speak of.

One pseudonym key turns identifiers into pseudonyms. One key a day encrypts what may hold personal
data in free form (payloads of failed rows, unknown fields); dropping a day's key file erases all
of it. Both live outside the lake.
"""

import base64
import binascii
import hashlib
import hmac
import os
import socket
import tempfile
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import failpoint, write_all

KEY_BYTES = 32
_NONCE_BYTES = 12
_BLOCK_BYTES = 64
_PSEUDONYM = "pseudonym.key"


class KeyStore:
    """A folder of keys, created when the first key is asked for.

    Every process that lands rows may create keys at the same time; the first one wins and all
    others use its key. The store can be pickled: it carries its folder and no key.

    Args:
        folder: Folder of the key files; created with mode 0700, its files with 0600.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, bytes] = {}

    def __getstate__(self) -> dict[str, object]:
        """Leave the keys behind when a task is sent elsewhere."""
        return {"_folder": self._folder, "_known": {}}

    def pseudonym_key(self) -> bytes:
        """The key of all pseudonyms.

        Raises:
            AdxError: The folder cannot be used, or the key is gone while daily keys exist. A new
                one would silently make strangers of all known users.
        """
        return self._key(_PSEUDONYM, create=self._first_pseudonym_key)

    def fingerprint(self) -> str:
        """Tells this pseudonym key from any other one, without giving it away.

        Raises:
            AdxError: As `pseudonym_key`.
        """
        return _fingerprint(self.pseudonym_key())

    def demand(self, fingerprint: str) -> None:
        """Demand that this store holds the very key that another process works with.

        A machine of a cluster that does not see the shared folder would otherwise make a key of its
        own, and strangers of all known users.

        Raises:
            AdxError: It holds another key or none; none is made.
        """
        if _fingerprint(self._key(_PSEUDONYM, create=self._not_shared)) != fingerprint:
            self._not_shared()

    def _not_shared(self) -> NoReturn:
        raise AdxError(
            f"The key folder {self._folder} of {socket.gethostname()} does not hold the pseudonym "
            "key that the driver of this stream works with.",
            remedy="Let all machines of the cluster see one key folder, under one path.",
            exit_code=ExitCode.CONFIGURATION,
        )

    def encrypt(self, day: date, payload: bytes) -> str:
        """Encrypt with the key of a day: `v1.<day>.<base64 of nonce and ciphertext>`.

        The nonce is a keyed digest of the payload (a synthetic initialisation vector), so that
        landing the same bytes again gives the same token, and no two payloads share a nonce.

        Raises:
            AdxError: The folder cannot be used.
        """
        self.pseudonym_key()
        key = self._key(f"{day.isoformat()}.key", create=_new_key)
        nonce = hmac.digest(key, b"nonce\0" + payload, "sha256")[:_NONCE_BYTES]
        sealed = AESGCM(key).encrypt(nonce, payload, day.isoformat().encode())
        return f"v1.{day.isoformat()}.{base64.b64encode(nonce + sealed).decode()}"

    def decrypt(self, token: str) -> bytes:
        """Give back what `encrypt` was given.

        Raises:
            AdxError: The day's key was dropped, the key is another one, or the token is damaged.
        """
        version, _, rest = token.partition(".")
        day, _, text = rest.partition(".")
        try:
            name = f"{date.fromisoformat(day).isoformat()}.key"
            sealed = base64.b64decode(text, validate=True)
        except (ValueError, binascii.Error):
            version, name, sealed = "", "", b""
        if version != "v1" or len(sealed) < _NONCE_BYTES:
            _damaged("The encrypted payload is not a token of this platform.")
        key = self._key(name, create=lambda: _dropped(day))
        try:
            return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], day.encode())
        except InvalidTag:
            _damaged(f"The payload does not fit the key of {day} in {self._folder}.")

    def _first_pseudonym_key(self) -> bytes:
        if any(self._folder.glob("*-*-*.key")):
            raise AdxError(
                f"The pseudonym key {self._folder / _PSEUDONYM} is gone, but daily keys exist.",
                remedy="Restore the key folder from its backup; a new key would split every user.",
                exit_code=ExitCode.CONFIGURATION,
            )
        return _new_key()

    def _key(self, name: str, *, create: Callable[[], bytes]) -> bytes:
        known = self._known.get(name)
        if known is None:
            try:
                known = self._read_or_create(self._folder / name, create)
            except OSError as error:
                raise AdxError(
                    f"The key folder {self._folder} cannot be used: {error.strerror}.",
                    remedy="Give this user the rights to read and write it, or move ADX_HOME.",
                    exit_code=ExitCode.CONFIGURATION,
                ) from error
            self._known[name] = known
        return known

    def _read_or_create(self, path: Path, create: Callable[[], bytes]) -> bytes:
        try:
            return self._read(path)
        except FileNotFoundError:
            fresh = create()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The file appears under its name complete or not at all, and only the first link succeeds.
        descriptor, temporary = tempfile.mkstemp(prefix=".new-", dir=self._folder)
        try:
            try:
                write_all("keys.write", fresh, lambda left: os.write(descriptor, left))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            failpoint("keys.before_link")
            try:
                os.link(temporary, path)
            except FileExistsError:
                pass  # another process was first; its key is read below
            else:
                failpoint("keys.after_link")
                self._sync_folder()
        finally:
            Path(temporary).unlink()
        return self._read(path)

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _read(self, path: Path) -> bytes:
        key = path.read_bytes()
        if len(key) != KEY_BYTES:
            raise AdxError(
                f"The key file {path} has {len(key)} bytes instead of {KEY_BYTES}.",
                remedy="Restore it from the backup of the key folder.",
                exit_code=ExitCode.CONFIGURATION,
            )
        return key


def hmac_hex(key: bytes, value: str) -> str:
    """HMAC-SHA-256 of a text in hex: the pseudonym that stands for it (RFC 2104)."""
    return hmac.digest(key, value.encode(), hashlib.sha256).hex()


def hmac_hexes(key: bytes, values: Iterable[str | None]) -> list[str | None]:
    """The pseudonyms of many texts; null stays null.

    From the hash itself: OpenSSL 3 takes longer to set an HMAC up than to compute it.

    Args:
        key: A key of at most one block.
        values: The texts.
    """
    block, sha = key.ljust(_BLOCK_BYTES, b"\0"), hashlib.sha256
    inner, outer = bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)
    return [
        None if value is None else sha(outer + sha(inner + value.encode()).digest()).hexdigest()
        for value in values
    ]


def _fingerprint(key: bytes) -> str:
    return hmac.digest(key, b"fingerprint", "sha256").hex()[:16]


def _new_key() -> bytes:
    return os.urandom(KEY_BYTES)


def _dropped(day: str) -> NoReturn:
    raise AdxError(
        f"The key of {day} was dropped, so this payload is erased.",
        remedy="Restore that day's key from a backup if it was not dropped on purpose.",
        exit_code=ExitCode.DATA,
    )


def _damaged(message: str) -> NoReturn:
    raise AdxError(
        message,
        remedy="Check that the key folder belongs to this lake.",
        exit_code=ExitCode.DATA,
    )
