"""Wrong surroundings of S3 and of the catalogs: each one clear sentence with a remedy."""

from collections.abc import Callable

import pytest
from pydantic import SecretStr

from ingestion.contracts import Contract
from ingestion.errors import AdxError, ExitCode
from ingestion.lake import BatchClaim, Lake
from ingestion.lake.storage import storage_of
from ingestion.local_server import free_ports
from ingestion.servers import start_postgres, start_s3
from ingestion.settings import Settings
from orchestration.checkup import checkup
from tests.integration.environments.lakes import positions, rows_of

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("environments")]

SECRETS = ("a secret of tests", "a password of tests", "wrong secret")


def closed() -> str:
    return f"127.0.0.1:{free_ports(1)[0]}"


def open_lake(settings: Settings) -> None:
    Lake.open(settings).ensure_tables()


def expect(
    settings: Settings, sentence: str, remedy: str, exit_code: ExitCode, *, doctor: bool = True
) -> None:
    """Opening the lake fails with the sentence, and `adx doctor` says the same."""
    with pytest.raises(AdxError, match=sentence) as caught:
        open_lake(settings)
    assert (remedy in caught.value.remedy, caught.value.exit_code) == (True, exit_code)
    assert not [secret for secret in SECRETS if secret in str(caught.value)]
    if doctor:
        (finding,) = [found for found in checkup(settings) if found.subject == "lake"]
        assert (finding.ok, finding.remedy) == (False, caught.value.remedy)


Break = Callable[[pytest.MonkeyPatch, Settings], Settings]


def s3_is_down(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Settings:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{closed()}")
    return settings


def the_key_is_wrong(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Settings:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong secret")
    return settings.model_copy(update={"catalog_type": "sqlite", "catalog_warehouse": None})


def there_is_no_key(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Settings:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    return settings.model_copy(update={"catalog_type": "sqlite", "catalog_warehouse": None})


def the_bucket_is_missing(_: pytest.MonkeyPatch, settings: Settings) -> Settings:
    return settings.model_copy(update={"lake_url": "s3://nonesuch/lake"})


def the_catalog_is_down(_: pytest.MonkeyPatch, settings: Settings) -> Settings:
    return settings.model_copy(update={"catalog_url": f"http://{closed()}"})


def the_catalog_knows_another_key(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Settings:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong secret")
    return settings


def the_warehouse_is_missing(_: pytest.MonkeyPatch, settings: Settings) -> Settings:
    return settings.model_copy(update={"catalog_warehouse": "s3://nonesuch"})


@pytest.mark.parametrize(
    ("broken", "sentence", "remedy", "exit_code"),
    [
        (s3_is_down, "cannot be reached", "adx s3 start", ExitCode.UNAVAILABLE),
        (the_key_is_wrong, "refuses", "AWS_SECRET_ACCESS_KEY", ExitCode.CONFIGURATION),
        (there_is_no_key, "no credentials", "AWS_ACCESS_KEY_ID", ExitCode.CONFIGURATION),
        (the_bucket_is_missing, "no bucket nonesuch", "ADX_LAKE_URL", ExitCode.CONFIGURATION),
        (the_catalog_is_down, "cannot be reached", "adx s3 start", ExitCode.UNAVAILABLE),
        (the_catalog_knows_another_key, "refuses", "AWS_SECRET", ExitCode.CONFIGURATION),
        (the_warehouse_is_missing, "nonesuch", "ADX_CATALOG_WAREHOUSE", ExitCode.UNAVAILABLE),
    ],
)
def test_what_is_wrong_with_s3_is_told(  # noqa: PLR0917 - a case is four values
    s3_settings: Settings,
    few_tables: None,
    monkeypatch: pytest.MonkeyPatch,
    broken: Break,
    sentence: str,
    remedy: str,
    exit_code: ExitCode,
) -> None:
    # only a request for a table finds out that a warehouse is missing
    doctor = broken is not the_warehouse_is_missing
    expect(broken(monkeypatch, s3_settings), sentence, remedy, exit_code, doctor=doctor)


@pytest.mark.parametrize(
    ("changes", "sentence", "remedy", "exit_code"),
    [
        (
            {"catalog_url": "postgresql+pg8000://adx@{closed}/advertisex"},
            "cannot be reached",
            "adx postgres start",
            ExitCode.UNAVAILABLE,
        ),
        (
            {"catalog_secret": SecretStr("wrong secret")},
            "refuses these credentials",
            "ADX_CATALOG_SECRET",
            ExitCode.CONFIGURATION,
        ),
        (
            {"catalog_url": "{url}_nonesuch"},
            "does not exist",
            "ADX_CATALOG_URL",
            ExitCode.CONFIGURATION,
        ),
        (
            {"catalog_url": "no url at all"},
            "no database URL",
            "postgresql",
            ExitCode.CONFIGURATION,
        ),
    ],
)
def test_what_is_wrong_with_a_postgres_catalog_is_told(
    postgres_settings: Settings,
    changes: dict[str, object],
    sentence: str,
    remedy: str,
    exit_code: ExitCode,
) -> None:
    url = postgres_settings.catalog_url
    filled = {
        name: value.format(closed=closed(), url=url) if isinstance(value, str) else value
        for name, value in changes.items()
    }
    expect(postgres_settings.model_copy(update=filled), sentence, remedy, exit_code)


def test_an_s3_that_goes_away_loses_nothing(
    s3_settings: Settings, few_tables: None, rates: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake.open(s3_settings)
    lake.ensure_tables()
    package = BatchClaim("fx", "load 1")
    with monkeypatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL", f"http://{closed()}")
        with pytest.raises(AdxError, match="cannot be reached"):
            lake.commit_rows(rates, rows_of(rates, 4), package)
    assert lake.head(rates).snapshot_id is None
    assert lake.commit_rows(rates, rows_of(rates, 4), package).status == "committed"
    assert positions(lake, rates) == [0, 1, 2, 3]


def test_a_lost_object_is_named(s3_settings: Settings, few_tables: None, rates: Contract) -> None:
    lake = Lake.open(s3_settings)
    lake.ensure_tables()
    lake.commit_rows(rates, rows_of(rates, 4), BatchClaim("fx", "load 1"))
    (file,) = lake._tables.load(rates).inspect.files().column("file_path").to_pylist()
    assert lake.check_files(rates) == []
    storage_of(file).delete(file)
    (problem,) = lake.check_files(rates)
    assert (problem.path, "cannot be read" in problem.problem) == (file, True)


def test_servers_serve_loopback_only(
    s3: Settings, postgres: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = postgres.model_copy(
        update={"catalog_url": "postgresql+pg8000://adx@db.example:5432/advertisex"}
    )
    with pytest.raises(AdxError, match="loopback only"):
        start_postgres(elsewhere)
    with pytest.raises(AdxError, match="no password"):
        start_postgres(postgres.model_copy(update={"catalog_secret": None}))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://s3.example")
    with pytest.raises(AdxError, match="loopback only"):
        start_s3(s3)
