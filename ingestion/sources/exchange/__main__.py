"""`python -m ingestion.sources.exchange [--retry <attempt>[/<name>]]`: one landing."""

import sys

from ingestion.sources.exchange import SOURCE

sys.exit(SOURCE.main())
