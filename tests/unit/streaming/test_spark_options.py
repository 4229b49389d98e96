"""What the executors of a stream are told of the driver's surroundings."""

from pathlib import Path

import pytest

from ingestion.lake.s3_environment import s3_endpoint, s3_region
from ingestion.settings import Settings
from ingestion.streaming.spark import _options

AWS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION")


@pytest.mark.parametrize("region", ["AWS_REGION", "AWS_DEFAULT_REGION"])
@pytest.mark.parametrize("endpoint", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_an_executor_looks_for_s3_where_its_driver_does(
    endpoint: str, region: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in AWS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(endpoint, "http://s3.example")
    monkeypatch.setenv(region, "eu-central-1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a secret")
    options = _options(Settings(home=tmp_path), tmp_path / "spark.log", [])
    assert "a secret" not in str(options)
    for name in (*AWS, "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in options.items():
        if name.startswith("spark.executorEnv."):
            monkeypatch.setenv(name.removeprefix("spark.executorEnv."), value)
    assert (s3_endpoint(), s3_region()) == ("http://s3.example", "eu-central-1")
