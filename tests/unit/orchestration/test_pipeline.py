"""One run of the platform, as the demo makes it: how it ends for a person."""

import dagster as dg
import pytest
from rich.console import Console

from ingestion.errors import AdxError, ExitCode
from ingestion.settings import Settings
from orchestration import pipeline


def test_a_figure_that_is_wrong_is_a_sentence_with_a_remedy(tmp_path, monkeypatch):
    def wrong(*_: object) -> None:
        raise dg.Failure(description="7 passed, 1 failed")

    monkeypatch.setattr(pipeline, "definitions_of", lambda _: dg.Definitions())
    monkeypatch.setattr(pipeline, "run_job", wrong)
    with pytest.raises(AdxError, match="7 passed, 1 failed") as caught:
        pipeline.Platform(Settings(home=tmp_path)).run(Console(quiet=True))
    assert caught.value.exit_code is ExitCode.FAILED
    assert "adx reconcile" in caught.value.remedy
