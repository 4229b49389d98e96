"""dbt's manifest for Dagster, made when the dbt code has changed and kept otherwise."""

from pathlib import Path

from ingestion.settings import Settings
from orchestration.warehouse import dbt
from orchestration.warehouse.store import FILE_NAME, Store


def manifest_file(settings: Settings) -> Path:
    """The manifest of the project as it is now.

    Raises:
        AdxError: The project or the profile cannot be parsed.
    """
    return dbt.parsed(settings, Store(settings.warehouse).building / FILE_NAME).manifest_file
