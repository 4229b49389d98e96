"""The demo's whole path where nothing differs but settings: broker to verified marts."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ingestion.kafka import free_port
from ingestion.settings import Settings
from tests.integration.environments.cluster import Cluster, outer_environment

pytestmark = pytest.mark.slow

ADX = Path(sys.executable).with_name("adx")


def play(settings: Settings, **environment: str) -> None:
    """Run the demo in an environment; every figure must be right, and every chain whole."""
    variables = {
        **outer_environment(),
        "ADX_HOME": str(settings.home),
        "ADX_ENVIRONMENT": settings.environment,
        "ADX_KAFKA_BOOTSTRAP": f"127.0.0.1:{free_port()}",
        "ADX_CATALOG_URL": str(settings.catalog_url),
        **environment,
    }

    def adx(*arguments: str) -> str:
        done = subprocess.run(
            [ADX, *arguments], env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    try:
        output = adx("demo", "--seed", "11", "--scale", "2000", "--days", "1")
        (verdict,) = re.findall(r"^(\d+) passed, (\d+) failed$", output, re.MULTILINE)[-1:]
        assert (int(verdict[0]) >= 150, verdict[1]) == (True, "0"), output[-2000:]
        assert adx("reconcile").rstrip().endswith(" passed, 0 failed")
    finally:
        adx("kafka", "stop")


def files_with(folder: Path, text: str) -> list[Path]:
    """Files below a folder that hold a text."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink() and text.encode() in path.read_bytes()
    ]


@pytest.mark.xdist_group("environments")
def test_the_demo_runs_on_s3_with_a_rest_catalog_and_a_cluster(
    s3_settings: Settings, cluster: Cluster
) -> None:
    before = set(cluster.executors())
    place = {
        "ADX_LAKE_URL": str(s3_settings.lake_url),
        "ADX_CATALOG_WAREHOUSE": str(s3_settings.catalog_warehouse),
    }
    play(s3_settings, **place, **cluster.environment())
    (used,) = [used for name, used in cluster.executors().items() if name not in before]
    assert len(used) == 2, "tasks on both workers"
    assert not list(s3_settings.lake.rglob("*.parquet"))
    assert files_with(s3_settings.home, "a secret of tests") == []


@pytest.mark.xdist_group("postgres")
def test_the_demo_runs_on_a_postgres_catalog(postgres_settings: Settings) -> None:
    secret = postgres_settings.catalog_secret
    assert secret is not None
    password = secret.get_secret_value()
    play(postgres_settings, ADX_CATALOG_SECRET=password)
    assert not (postgres_settings.lake / "catalog.db").exists()
    assert files_with(postgres_settings.home, password) == []
