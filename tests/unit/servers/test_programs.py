"""Local servers whose programs are missing: one sentence with a remedy."""

import sys
from pathlib import Path

import pytest

from ingestion.errors import AdxError, ExitCode
from ingestion.local_server import free_ports
from ingestion.servers import start_s3
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
