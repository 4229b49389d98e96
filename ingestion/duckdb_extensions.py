"""DuckDB extensions that come as Python packages: no network is asked for them."""

import importlib.util
from pathlib import Path

import duckdb

from ingestion.errors import AdxError, ExitCode


def extension_file(name: str) -> Path:
    """The file of an extension, to be loaded by its path.

    Raises:
        AdxError: Its package is missing, or belongs to another version of DuckDB.
    """
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    for place in spec.submodule_search_locations or () if spec is not None else ():
        version = f"v{duckdb.__version__}"
        path = Path(place) / "extensions" / version / f"{name}.duckdb_extension"
        if path.is_file():
            return path
    raise AdxError(
        f"DuckDB {duckdb.__version__} finds no package with its extension {name}.",
        remedy=f"Run `uv sync`; it installs duckdb-extension-{name}=={duckdb.__version__}.",
        exit_code=ExitCode.CONFIGURATION,
    )
