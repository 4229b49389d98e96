"""dbt's manifest for Dagster, made when the dbt code has changed and kept otherwise."""

from pathlib import Path

from ingestion.settings import Settings
from orchestration.warehouse import dbt
from orchestration.warehouse.store import FILE_NAME, Store


def manifest_file(settings: Settings) -> Path:
    """The manifest of the project as it is now; parsing takes seconds, so it is kept by code hash.

    Raises:
        AdxError: The project or the profile cannot be parsed.
    """
    target = dbt.target_folder(settings)
    manifest = target / "manifest.json"
    stamp = target / "manifest.code"
    code = dbt.code_hash()
    if not (manifest.is_file() and stamp.is_file() and stamp.read_text("utf-8") == code):
        target.mkdir(parents=True, exist_ok=True)
        # The file that builds write, though parsing opens none: another path is another profile,
        # and dbt would parse everything again for the build.
        dbt.run(
            settings,
            ["parse"],
            database=Store(settings.warehouse).building / FILE_NAME,
            window=None,
            artifacts=True,
        )
        stamp.write_text(code, encoding="utf-8")
    return manifest
