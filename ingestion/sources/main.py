"""Runs one source from a terminal, for its `__main__`."""

import json
import sys
from collections.abc import Callable

from ingestion.errors import AdxError
from ingestion.settings import Settings, load_settings
from ingestion.sources.report import LandingReport


def run(land: Callable[[Settings], LandingReport]) -> int:
    """Land a source, print its report as JSON, and give the exit code."""
    try:
        report = land(load_settings())
    except AdxError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    for problem in report.problems:
        sys.stderr.write(f"{problem}\n")
    sys.stdout.write(json.dumps(report.as_json(), indent=2) + "\n")
    return int(report.exit_code)
