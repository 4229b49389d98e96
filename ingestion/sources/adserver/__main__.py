"""`python -m ingestion.sources.adserver [--retry <attempt>/<name>]`: one landing."""

import argparse
import sys
from functools import partial

from ingestion.settings import Settings
from ingestion.sources.adserver import land
from ingestion.sources.adserver.landing import retry
from ingestion.sources.main import run
from ingestion.sources.report import LandingReport

parser = argparse.ArgumentParser(description="Land the ad server's files.")
parser.add_argument(
    "--retry", metavar="ATTEMPT/NAME", help="first take this from the error archive"
)
arguments = parser.parse_args()


def main(place: str | None, settings: Settings) -> LandingReport:
    """Restore a file if one is named, then land."""
    if place is not None:
        retry(settings, place)
    return land(settings)


sys.exit(run(partial(main, arguments.retry)))
