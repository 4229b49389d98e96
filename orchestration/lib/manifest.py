"""dbt's manifest for Dagster, made when the dbt code has changed and kept otherwise."""

from pathlib import Path

from ingestion.settings import Settings
from orchestration.warehouse import dbt


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
        dbt.run(settings, ["parse"], database=target / "parse-only.duckdb", window=None)
        stamp.write_text(code, encoding="utf-8")
    return manifest
