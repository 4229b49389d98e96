"""An S3 server with its REST catalog, and lakes of their own in it."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ingestion.local_server import free_ports
from ingestion.servers import start_s3, stop_s3
from ingestion.settings import ENVIRONMENTS, Settings


@contextmanager
def running_s3(home: Path) -> Iterator[Settings]:
    """The environment `s3`, its server running; AWS_* name it as long as the block runs."""
    port, catalog_port = free_ports(2)
    variables = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "a secret of tests",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        settings = Settings(
            _env_file=ENVIRONMENTS / "s3.env",
            home=home,
            catalog_url=f"http://127.0.0.1:{catalog_port}",
        )
        try:
            start_s3(settings)
            yield settings
        finally:
            stop_s3(settings)


def fresh_lake(s3: Settings, home: Path) -> Settings:
    """A fresh home, a fresh place in the bucket and a fresh catalog on the server."""
    name = uuid.uuid4().hex[:8]
    settings = s3.model_copy(
        update={
            "lake_url": f"s3://advertisex-{name}/lake",
            "catalog_warehouse": f"s3://tables-{name}",
        }
    )
    start_s3(settings)  # it runs: this makes the buckets
    return settings.model_copy(update={"home": home})
