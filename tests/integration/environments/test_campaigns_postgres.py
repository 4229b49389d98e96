"""The campaigns database as production has it, in Postgres with types of its own."""

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ingestion.adworld.campaigns_db import FILE_NAME, create_database, play_database
from ingestion.adworld.config import WorldConfig
from ingestion.contracts import load_contract, raw_schema
from ingestion.lake import Lake
from ingestion.landing import KeyStore
from ingestion.settings import Settings
from ingestion.sources import campaigns

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("environments")]

TABLES = ("line_items", "third_party_reports", "user_profiles")
"""Between them: every type of their contracts, single and composite keys, personal data."""

TYPES: dict[str, sa.types.TypeEngine[Any]] = {
    "int": sa.BigInteger(),
    "ts": sa.DateTime(timezone=True),
    "date": sa.Date(),
}


def native(kind: str, value: Any) -> Any:
    """What a Postgres column of a declared type holds for the text that SQLite has."""
    if value is None:
        return None
    if kind == "ts":
        return datetime.fromisoformat(value).astimezone(UTC)
    return date.fromisoformat(value) if kind == "date" else value


def copy_table(path: Path, engine: sa.Engine, name: str) -> None:
    """Copy one table of the ad world's SQLite database."""
    fields = load_contract("campaigns", name).fields
    columns = [sa.Column(field.name, TYPES.get(field.type, sa.Text())) for field in fields]
    table = sa.Table(name, sa.MetaData(), *columns)
    table.create(engine)
    with closing(sqlite3.connect(path)) as source, engine.begin() as connection:
        names = ", ".join(field.name for field in fields)
        rows = [
            {
                field.name: native(field.type, value)
                for field, value in zip(fields, row, strict=True)
            }
            for row in source.execute(f"select {names} from {name}")
        ]
        connection.execute(table.insert(), rows)


def landed(settings: Settings, name: str) -> list[dict[str, Any]]:
    """The rows of a raw table without what tells one landing from another."""
    contract = load_contract("campaigns", name)
    lake = Lake.open(settings)
    rows = lake._tables.load(contract).scan().to_arrow().cast(raw_schema(contract)).to_pylist()
    own = {"_loaded_at", "_load_date", "_source_file", "_source_line", "_error"}
    for row in rows:
        # the payload is the record as the source wrote it, encrypted
        row["failed"] = row["_error"] and (row["_error"]["reason"], row["_error"]["field"])
    kept = [{name: row[name] for name in row if name not in own} for row in rows]
    return sorted(kept, key=str)


def test_campaigns_of_postgres_land_as_those_of_sqlite(
    postgres: Settings, postgres_settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / FILE_NAME
    create_database(path)
    for day in (1, 2):
        play_database(path, WorldConfig(seed=2, scale=2_000, days=2, start=date(2026, 3, 27)), day)
    secret = postgres_settings.catalog_secret
    assert secret is not None
    url = sa.make_url(str(postgres_settings.catalog_url)).set(password=secret.get_secret_value())
    engine = sa.create_engine(url)
    for name in TABLES:
        copy_table(path, engine, name)
    engine.dispose()

    found = []
    KeyStore(tmp_path / "keys").pseudonym_key()
    for kind, source in (
        ("sqlite", f"sqlite:///{path}"),
        ("postgres", url.render_as_string(hide_password=False)),
    ):
        settings = Settings(home=tmp_path / kind, campaigns_url=source)
        settings.home.mkdir()
        (settings.home / "keys").symlink_to(tmp_path / "keys")
        report = campaigns.land(settings, tables=TABLES)
        assert not report.problems
        again = campaigns.land(settings, tables=TABLES)
        assert sum(table.loaded for table in again.tables) == 0
        found.append({name: landed(settings, name) for name in TABLES})
    for name in TABLES:
        assert found[0][name], name
        assert found[0][name] == found[1][name]
