"""The environments beside `local`: an S3 server with its REST catalog, and a Postgres server.

Both run once a test process, on free ports; each test gets a lake of its own in them.
"""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from ingestion.contracts import Contract, load_contract
from ingestion.lake import Lake, raw_tables
from ingestion.local_server import free_ports
from ingestion.servers import start_postgres, stop_postgres
from ingestion.settings import ENVIRONMENTS, Settings
from tests.integration.environments.buckets import fresh_lake, running_s3
from tests.integration.environments.cluster import Cluster, running_cluster
from tests.integration.environments.lakes import contracts


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The environment `s3`, its server running; AWS_* name it as long as tests run."""
    with running_s3(tmp_path_factory.mktemp("s3")) as settings:
        yield settings


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The environment `postgres`, its server running."""
    (port,) = free_ports(1)
    settings = Settings(
        _env_file=ENVIRONMENTS / "postgres.env",
        home=tmp_path_factory.mktemp("postgres"),
        catalog_url=f"postgresql+pg8000://adx@127.0.0.1:{port}/advertisex",
        catalog_secret=SecretStr("a password of tests"),
    )
    try:
        start_postgres(settings)
        yield settings
    finally:
        stop_postgres(settings)


@pytest.fixture(scope="session")
def cluster(s3: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A Spark standalone master and two workers; they have S3's key in their environment."""
    with running_cluster(tmp_path_factory.mktemp("cluster") / "spark") as started:
        yield started


@pytest.fixture
def s3_settings(s3: Settings, tmp_path: Path) -> Settings:
    """A fresh home, a fresh place in the bucket and a fresh catalog on the S3 server."""
    return fresh_lake(s3, tmp_path / "home")


@pytest.fixture
def postgres_settings(postgres: Settings, tmp_path: Path) -> Settings:
    """A fresh home, and a fresh catalog on the Postgres server."""
    url = f"{postgres.catalog_url}_{uuid.uuid4().hex[:8]}"
    settings = postgres.model_copy(update={"catalog_url": url})
    start_postgres(settings)  # it runs: this makes the database
    return settings.model_copy(update={"home": tmp_path / "home"})


@pytest.fixture(params=["s3", "postgres"])
def settings(request: pytest.FixtureRequest) -> Settings:
    """Each environment in turn."""
    found: Settings = request.getfixturevalue(f"{request.param}_settings")
    return found


@pytest.fixture
def lake(settings: Settings, few_tables: None) -> Lake:
    opened = Lake.open(settings)
    opened.ensure_tables()
    return opened


@pytest.fixture
def few_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lake with one table of each kind; all of them would take two seconds a test."""
    monkeypatch.setattr(raw_tables, "all_contracts", contracts)


@pytest.fixture(scope="session")
def events() -> Contract:
    return load_contract("ad_events", "events")


@pytest.fixture(scope="session")
def rates() -> Contract:
    return load_contract("fx", "rates")
