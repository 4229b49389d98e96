"""`python -m ingestion.sources.adserver [--retry <attempt>[/<name>]]`: one landing."""

import sys

from ingestion.sources.adserver import SOURCE

sys.exit(SOURCE.main())
