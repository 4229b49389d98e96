"""What is tried again: only what may pass by itself."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from ingestion.errors import AdxError, ExitCode
from ingestion.settings import Settings
from orchestration.lib.retries import MOST_RETRIES, retried


def run(tmp_path: Path, work: Callable[[int], None]) -> tuple[dg.ExecuteInProcessResult, int]:
    settings = Settings(home=tmp_path, retry_seconds=0)
    tries = 0

    @dg.asset
    def table(context: dg.AssetExecutionContext) -> None:
        nonlocal tries
        tries += 1
        with retried(settings, context):
            work(tries)

    return dg.materialize([table], raise_on_error=False), tries


def broken(code: ExitCode) -> AdxError:
    return AdxError("The database does not answer.", remedy="Start it.", exit_code=code)


@pytest.mark.parametrize("code", [ExitCode.UNAVAILABLE, ExitCode.BUSY])
def test_what_passes_by_itself_is_waited_for(tmp_path, code):
    def work(attempt: int) -> None:
        if attempt < 3:
            raise broken(code)

    result, tries = run(tmp_path, work)
    assert result.success
    assert tries == 3


def test_trying_again_has_an_end_and_says_why(tmp_path):
    def work(_: int) -> None:
        raise broken(ExitCode.UNAVAILABLE)

    result, tries = run(tmp_path, work)
    assert tries == 1 + MOST_RETRIES
    assert "does not answer" in str(result.failure_data_for_node("table").error)


@pytest.mark.parametrize("code", [ExitCode.DATA, ExitCode.CONFIGURATION, ExitCode.FAILED])
def test_what_does_not_pass_by_itself_fails_at_once(tmp_path, code):
    def work(_: int) -> None:
        raise broken(code)

    result, tries = run(tmp_path, work)
    assert not result.success
    assert tries == 1


def test_pauses_double(tmp_path):
    settings = Settings(home=tmp_path, retry_seconds=10)
    pauses = []
    for number in range(MOST_RETRIES):
        context = SimpleNamespace(retry_number=number, log=dg.build_asset_context().log)
        with pytest.raises(dg.RetryRequested) as asked, retried(settings, context):
            raise broken(ExitCode.BUSY)
        pauses.append(asked.value.seconds_to_wait)
    assert pauses == [10, 20, 40]
