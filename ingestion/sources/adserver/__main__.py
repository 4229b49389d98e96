"""`python -m ingestion.sources.adserver`: one landing."""

import sys

from ingestion.sources.adserver import land
from ingestion.sources.main import run

sys.exit(run(land))
