"""Local servers whose programs are missing: one sentence with a remedy."""

import socket
import sys
from pathlib import Path

import pytest

from ingestion.errors import AdxError, ExitCode
from ingestion.local_server import free_ports
from ingestion.servers import bigquery_emulator, start_s3
from ingestion.settings import Settings


def test_a_missing_s3_server_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_ports(1)[0]}")
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "me")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret of tests")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bin" / "python"))
    with pytest.raises(AdxError, match="There is no S3 server at") as caught:
        start_s3(Settings(home=tmp_path / "home"))
    assert "uv sync" in caught.value.remedy
    assert caught.value.exit_code == ExitCode.CONFIGURATION


def emulated(home: Path, port: int) -> Settings:
    return Settings(
        home=home,
        warehouse_engine="bigquery",
        bigquery_project="emulated",
        bigquery_endpoint=f"http://127.0.0.1:{port}",
    )


def test_an_emulator_that_is_not_installed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bigquery_emulator, "ENVIRONMENT", tmp_path / "nowhere")
    with pytest.raises(AdxError, match="The BigQuery emulator is not installed") as caught:
        bigquery_emulator.start_bigquery_emulator(emulated(tmp_path, free_ports(1)[0]))
    assert "make bigquery-emulator" in caught.value.remedy
    assert caught.value.exit_code == ExitCode.CONFIGURATION


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(AdxError, match=f"Port {port} on 127.0.0.1 is taken") as caught:
            bigquery_emulator.start_bigquery_emulator(emulated(tmp_path, port))
    assert "ADX_BIGQUERY_ENDPOINT" in caught.value.remedy
    assert caught.value.exit_code == ExitCode.BUSY


def test_googles_service_is_not_started_here(tmp_path: Path) -> None:
    settings = emulated(tmp_path, 1).model_copy(update={"bigquery_endpoint": None})
    with pytest.raises(AdxError, match="ADX_BIGQUERY_ENDPOINT is not set") as caught:
        bigquery_emulator.start_bigquery_emulator(settings)
    assert caught.value.exit_code == ExitCode.CONFIGURATION
