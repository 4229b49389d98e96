import subprocess
import sys

import ingestion.lake


def test_writing_files_needs_no_catalog_and_no_engine() -> None:
    """Spark starts several Python processes; pyiceberg would cost each 3 s of CPU."""
    program = (
        "import sys; from ingestion.lake import DataFile, write_data_files;"
        "print([name for name in ('pyiceberg', 'sqlalchemy', 'duckdb') if name in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    for name in ingestion.lake.__all__:
        assert getattr(ingestion.lake, name) is not None
