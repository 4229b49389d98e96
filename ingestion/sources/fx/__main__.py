"""`python -m ingestion.sources.fx`: one landing."""

import sys

from ingestion.sources.fx import land
from ingestion.sources.main import run

sys.exit(run(land))
