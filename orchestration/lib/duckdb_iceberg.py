"""dbt-duckdb plugin: dbt's connections read Iceberg without a network.

`profiles.yml` names it under `plugins`. dbt itself could only install extensions by downloading
them; here they come from the locked Python packages.
"""

from typing import Any

from dbt.adapters.duckdb.credentials import DuckDBCredentials
from dbt.adapters.duckdb.plugins import BasePlugin
from duckdb import DuckDBPyConnection

from ingestion.lake.duckdb import extension_folder, extensions, prepare
from ingestion.settings import load_settings


class Plugin(BasePlugin):
    """Points DuckDB to the folder of installed extensions and loads them."""

    def update_connection_config(
        self,
        creds: DuckDBCredentials,  # noqa: ARG002
        config: dict[str, Any],
    ) -> None:
        """Set the extension folder before the database is opened."""
        config["extension_directory"] = str(extension_folder(load_settings()))

    def configure_connection(self, conn: DuckDBPyConnection) -> None:
        """Load the extensions in their order, and let them reach the lake."""
        settings = load_settings()
        for name in extensions(settings):
            conn.load_extension(name)
        prepare(conn, settings)
