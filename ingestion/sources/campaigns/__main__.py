"""`python -m ingestion.sources.campaigns`: one landing."""

import sys

from ingestion.sources.campaigns import land
from ingestion.sources.main import run

sys.exit(run(land))
