"""What can be wrong with BigQuery: each one clear sentence with a remedy, and nothing hangs."""

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ingestion.errors import AdxError, ExitCode
from ingestion.local_server import HOST, free_ports
from ingestion.settings import Settings
from orchestration.cli import main as cli
from orchestration.warehouse.bigquery.problems import explain_text
from orchestration.warehouse.bigquery.service import Service
from orchestration.warehouse.build import build
from tests.integration.bigquery.misbehaving import Answer, Misbehaving, misbehaving

JOBS = "/jobs"
OVER_THE_CAP = Answer(
    400,
    "bytesBilledLimitExceeded",
    "Query exceeded limit for bytes billed: 10485760. 20971520 or higher required.",
)


@pytest.fixture
def service() -> Iterator[Misbehaving]:
    with misbehaving() as service:
        yield service


@pytest.fixture
def make(tmp_path: Any, service: Misbehaving) -> Callable[..., Settings]:
    def make(**others: Any) -> Settings:
        values = {
            "environment": "production",
            "warehouse_engine": "bigquery",
            "bigquery_project": "no-such-project",
            "bigquery_endpoint": service.url,
            "bigquery_request_seconds": 10,
            "bigquery_job_seconds": 5,
            "home": tmp_path,
        }
        return Settings(**{**values, **others})

    return make


def expect(settings: Settings, sentence: str, remedy: str, exit_code: ExitCode) -> None:
    """A build stops before it begins, with the sentence."""
    with pytest.raises(AdxError, match=sentence) as caught:
        build(settings)
    assert remedy in caught.value.remedy
    assert caught.value.exit_code == exit_code


def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """No credentials of Google anywhere."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)


def test_nobody_is_signed_in(make: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    nobody(monkeypatch, tmp_path)
    expect(
        make(bigquery_endpoint=None),
        "Nobody is signed in to Google Cloud",
        "gcloud auth application-default login",
        ExitCode.CONFIGURATION,
    )


@pytest.mark.parametrize(
    "answer",
    [
        Answer(404, "notFound", "Not found: Project no-such-project"),
        Answer(
            403,
            "accessDenied",
            "Access Denied: Project no-such-project: User does not have permission, or the "
            "project does not exist.",
        ),
    ],
    ids=["missing", "closed"],
)
def test_the_project_is_wrong(make: Any, service: Misbehaving, answer: Answer) -> None:
    service.fails["/datasets"] = answer
    expect(
        make(),
        "There is no project no-such-project, or it is closed to you",
        "ADX_BIGQUERY_PROJECT",
        ExitCode.CONFIGURATION,
    )


def test_the_service_cannot_be_reached(make: Any) -> None:
    closed = f"http://{HOST}:{free_ports(1)[0]}"
    expect(
        make(bigquery_endpoint=closed),
        f"BigQuery at {closed} cannot be reached",
        "adx bigquery-emulator start",
        ExitCode.UNAVAILABLE,
    )


def test_a_service_that_fails_is_left_in_time(make: Any, service: Misbehaving) -> None:
    service.fails["/datasets"] = Answer(500, "internalError", "An internal error occurred")
    started = time.monotonic()
    expect(make(), "BigQuery at http.* fails", "run the command again", ExitCode.UNAVAILABLE)
    assert time.monotonic() - started < 120
    assert service.failed > 1, "it was tried again first"


def test_a_statement_over_the_cap_is_refused(make: Any, service: Misbehaving) -> None:
    service.fails[JOBS] = OVER_THE_CAP
    settings = make(bigquery_maximum_bytes_billed=10_485_760)
    with pytest.raises(AdxError, match="more than the cap of 10,485,760 bytes") as caught:
        Service(settings).run("select 1")
    assert "ADX_BIGQUERY_MAXIMUM_BYTES_BILLED" in caught.value.remedy
    assert caught.value.exit_code == ExitCode.FAILED


def test_a_statement_that_fails_is_left_in_time(make: Any, service: Misbehaving) -> None:
    service.fails[JOBS] = Answer(500, "internalError", "An internal error occurred")
    started = time.monotonic()
    with pytest.raises(AdxError, match="fails"):
        Service(make()).run("select 1")
    assert time.monotonic() - started < 120


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("Database Error in model a 500 POST http://x/jobs: An internal error", "fails"),
        ("Database Error in seed b Timeout of 60.0s exceeded, last exception: 503", "fails"),
        ("Query exceeded limit for bytes billed: 10. 20 or higher required.", "more than the cap"),
        ("HTTPConnectionPool: Max retries exceeded with url: /", "cannot be reached"),
        ("Your default credentials were not found.", "Nobody is signed in"),
    ],
)
def test_what_dbt_passes_on_is_told_alike(make: Any, text: str, sentence: str) -> None:
    known = explain_text(text, make())
    assert known is not None
    assert sentence in known.message


def test_what_a_model_did_wrong_is_left_to_dbt(make: Any) -> None:
    assert explain_text("Unrecognized name: no_such_column at [500:3]", make()) is None


COMMANDS = (["pin"], ["build"], ["publish"], ["query", "select 1"], ["verify"], ["report"])


@pytest.fixture
def adx(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: Any, service: Misbehaving
) -> Callable[..., tuple[int, list[str]]]:
    """`adx(arguments)` is the exit code of a command, and what it says of an error."""
    for name, value in {
        "ENVIRONMENT": "production",
        "HOME": str(tmp_path),
        "CATALOG_TYPE": "sqlite",
        "BIGQUERY_PROJECT": "no-such-project",
        "BIGQUERY_ENDPOINT": service.url,
        "BIGQUERY_REQUEST_SECONDS": "60",
        "BIGQUERY_JOB_RETRIES": "0",
    }.items():
        monkeypatch.setenv(f"ADX_{name}", value)

    def run(arguments: list[str]) -> tuple[int, list[str]]:
        monkeypatch.setattr(sys, "argv", ["adx", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        captured = capsys.readouterr()
        assert captured.out == ""
        return int(caught.value.code or 0), captured.err.splitlines()

    return run


def one_sentence(said: tuple[int, list[str]], sentence: str, exit_code: ExitCode) -> None:
    code, (error, remedy) = said
    assert code == exit_code
    assert error.startswith(f"error: {sentence}")
    assert remedy.startswith("remedy: ")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_every_command_says_what_is_wrong_in_one_sentence(
    adx: Any,
    service: Misbehaving,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
    command: list[str],
) -> None:
    service.fails["/no-such-project"] = Answer(
        404, "notFound", "Not found: Project no-such-project"
    )
    one_sentence(adx(command), "There is no project no-such-project", ExitCode.CONFIGURATION)

    service.fails["/no-such-project"] = Answer(500, "internalError", "An internal error occurred")
    one_sentence(adx(command), f"BigQuery at {service.url} fails", ExitCode.UNAVAILABLE)

    closed = f"http://{HOST}:{free_ports(1)[0]}"
    monkeypatch.setenv("ADX_BIGQUERY_ENDPOINT", closed)
    one_sentence(adx(command), f"BigQuery at {closed} cannot be reached", ExitCode.UNAVAILABLE)

    monkeypatch.delenv("ADX_BIGQUERY_ENDPOINT")
    nobody(monkeypatch, tmp_path)
    one_sentence(adx(command), "Nobody is signed in to Google Cloud", ExitCode.CONFIGURATION)

    monkeypatch.delenv("ADX_BIGQUERY_PROJECT")
    one_sentence(adx(command), "The settings do not fit together", ExitCode.CONFIGURATION)


def test_a_question_over_the_cap_is_one_sentence(adx: Any, service: Misbehaving) -> None:
    service.fails[JOBS] = OVER_THE_CAP
    said = adx(["query", "select 1"])
    one_sentence(said, "A statement would read more than the cap", ExitCode.FAILED)
