"""The published build in the datasets of BigQuery, open for questions."""

import re

from ingestion.errors import AdxError, ExitCode
from ingestion.settings import Settings
from orchestration.warehouse.bigquery.builds import Builds
from orchestration.warehouse.bigquery.service import LAYERS, MARTS, Service
from orchestration.warehouse.published import Published

_NAMED = re.compile(rf"\b({'|'.join((*LAYERS, *MARTS, 'ops'))})\.(\w+)")


def open_on_bigquery(settings: Settings) -> Published:
    """Open the published build.

    Raises:
        AdxError: The service cannot be used, nothing is published, or the layers below the marts,
            which are built in place, hold another build.
    """
    service = Service(settings)
    service.check()
    history = Builds(service).history()
    if history.published is None:
        raise AdxError(
            "No warehouse has been published yet.",
            remedy="Run `adx build` and `adx publish` first.",
            exit_code=ExitCode.CONFIGURATION,
        )
    manifest = history.published.manifest
    if history.begun is not None and history.begun.build_id != manifest.build_id:
        raise AdxError(
            f"The layers below the marts hold build {history.begun.build_id}, but build "
            f"{manifest.build_id} is published.",
            remedy="Run `adx build` and `adx publish`, so that all layers hold one build.",
            exit_code=ExitCode.CONFIGURATION,
        )
    return Published(manifest, lambda sql: service.run(in_full(service, sql)))


def in_full(service: Service, sql: str) -> str:
    """A statement whose tables are named with project and prefix."""
    return _NAMED.sub(lambda name: service.table(name[1], name[2]), sql)
