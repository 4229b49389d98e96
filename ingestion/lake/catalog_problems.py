"""Turns what can go wrong with a catalog into one sentence with a remedy."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pyiceberg.exceptions import ForbiddenError, RESTError, UnauthorizedError
from requests import RequestException
from sqlalchemy.exc import DBAPIError

from ingestion.errors import AdxError, ExitCode
from ingestion.lake.problems import full_disk, storage_errors
from ingestion.settings import Settings

CATALOG_FILE: Final = "catalog.db"

_WRONG_PASSWORD: Final = ("28P01", "28000")
_NO_DATABASE: Final = "3D000"


def lost_catalog(settings: Settings, message: str) -> AdxError:
    """The error for a catalog that knows less than the lake holds."""
    first = f"Move {CATALOG_FILE}* away and run" if settings.catalog_type == "sqlite" else "Run"
    return AdxError(
        message,
        remedy=(
            f"{first} `adx lake rebuild`: it recovers the catalog from the pointers that each "
            "commit left."
        ),
        exit_code=ExitCode.UNAVAILABLE,
    )


@contextmanager
def lake_errors(settings: Settings) -> Iterator[None]:
    """Translate errors of the storage and of the catalog.

    Raises:
        AdxError: As `storage_errors`, and for a catalog that is damaged, locked, refuses or cannot
            be reached.
    """
    try:
        with storage_errors(settings.lake_root), _reached(settings):
            yield
    except (DBAPIError, sqlite3.DatabaseError) as error:
        described = _of_sqlite if settings.catalog_type == "sqlite" else _of_postgres
        raise described(error, settings) from error
    except (ForbiddenError, UnauthorizedError) as error:
        raise _refused(settings) from error
    except RESTError as error:
        raise AdxError(
            f"The catalog at {settings.catalog_url} could not serve the request: {error}.",
            remedy="Check ADX_CATALOG_WAREHOUSE, and that the catalog is whole; then run it again.",
            exit_code=ExitCode.UNAVAILABLE,
        ) from error


@contextmanager
def _reached(settings: Settings) -> Iterator[None]:
    # Inside of all else: to requests, a server that does not answer is an error of the system.
    try:
        yield
    except RequestException as error:
        raise _unreachable(settings) from error


def _unreachable(settings: Settings) -> AdxError:
    """The error for a catalog that does not answer."""
    start = "adx s3 start" if settings.catalog_type == "rest" else "adx postgres start"
    return AdxError(
        f"The catalog at {settings.catalog_url} cannot be reached.",
        remedy=f"Start it (`{start}` on loopback), or correct ADX_CATALOG_URL.",
        exit_code=ExitCode.UNAVAILABLE,
    )


def _refused(settings: Settings) -> AdxError:
    wrong = (
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ADX_CATALOG_SECRET,"
        if settings.catalog_type == "rest"
        else "ADX_CATALOG_SECRET, or the user in ADX_CATALOG_URL,"
    )
    return AdxError(
        f"The catalog at {settings.catalog_url} refuses these credentials.",
        remedy=f"Correct {wrong} or what they may do there.",
        exit_code=ExitCode.CONFIGURATION,
    )


def postgres_code(error: Exception) -> str:
    """What a Postgres server answered (SQLSTATE); empty for an error of the way to it."""
    return _answer(error).get("C", "")


def _answer(error: Exception) -> dict[str, str]:
    """The fields of a server's answer, as pg8000 gives them: C is the code, M the message."""
    reason = getattr(error, "orig", error)
    first = reason.args[0] if reason.args else None
    return first if isinstance(first, dict) else {}


def _of_postgres(error: Exception, settings: Settings) -> AdxError:
    fields, code = _answer(error), postgres_code(error)
    if code in _WRONG_PASSWORD:
        return _refused(settings)
    if code == _NO_DATABASE:
        return AdxError(
            f"The catalog's database does not exist: {fields.get('M')}.",
            remedy="Create it (`adx postgres start` does so on loopback), or correct "
            "ADX_CATALOG_URL.",
            exit_code=ExitCode.CONFIGURATION,
        )
    if not code:
        return _unreachable(settings)
    return AdxError(
        f"The catalog at {settings.catalog_url} refused: {fields.get('M', error)}.",
        remedy="Run it again; what was committed before is untouched.",
        exit_code=ExitCode.UNAVAILABLE,
    )


def _of_sqlite(error: Exception, settings: Settings) -> AdxError:
    reason = str(getattr(error, "orig", error))
    folder = settings.lake
    if "locked" in reason or "busy" in reason:
        return AdxError(
            f"The catalog in {folder} has been locked by another process for 30 seconds.",
            remedy="Wait for it to finish, then run it again.",
            exit_code=ExitCode.BUSY,
        )
    if "full" in reason:
        return full_disk(folder)
    if "unable to open" in reason or "readonly" in reason:
        return AdxError(
            f"The catalog in {folder} cannot be opened for writing: {reason}.",
            remedy="Give this user read and write access to that folder.",
            exit_code=ExitCode.UNAVAILABLE,
        )
    if any(word in reason for word in ("not a database", "malformed", "no such table")):
        return lost_catalog(settings, f"The catalog in {folder} is damaged: {reason}.")
    return AdxError(
        f"The catalog in {folder} refused: {reason}.",
        remedy="Run it again; what was committed before is untouched.",
        exit_code=ExitCode.UNAVAILABLE,
    )
