"""One run of the platform, by Dagster's job: land what is new, pin, build, publish, verify.

Run again with nothing new it changes nothing. Every run is recorded in Dagster's home, so that
`make dagster` shows it like any other.
"""

import dagster as dg
from rich.console import Console

from ingestion.contracts import all_contracts
from ingestion.errors import AdxError
from ingestion.settings import Settings
from orchestration.definitions import PLATFORM_JOB, definitions_of
from orchestration.defs.raw import raw_key
from orchestration.defs.warehouse import VERIFIED
from orchestration.lib.dagster_home import run_job
from orchestration.warehouse.store import Store

Metadata = dict[dg.AssetKey, dict[str, object]]


class Platform:
    """The graph of one environment, loaded once and run as often as there is something new."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._definitions = definitions_of(settings)

    def run(self, console: Console) -> None:
        """Land everything that is new, build it, publish it, prove it.

        Args:
            console: Where progress goes.

        Raises:
            AdxError: The first problem, also a figure of the published marts that is not the answer
                key's; what was landed before it stays landed.
        """
        try:
            with console.status("Dagster runs the platform job"):
                result = run_job(self._settings, self._definitions, PLATFORM_JOB)
        except dg.Failure as failure:
            raise AdxError(
                f"The published marts are not what the answer key says: {failure.description}.",
                remedy="Find where rows were lost or changed with `adx reconcile`.",
            ) from failure
        found = _metadata(result)
        tables = [found.get(raw_key(contract), {}) for contract in all_contracts()]
        loaded, failed = (sum(int(str(table.get(name, 0))) for table in tables) for name in _COUNTS)
        console.print(f"landed: {loaded:,} good rows, {failed:,} failed")
        if VERIFIED not in found:
            console.print("nothing is new, and the code is the same; 0 rows changed")
            return
        manifest = Store(self._settings.warehouse).published().manifest
        kind = "full refresh" if manifest.full_refresh else "increment"
        console.print(
            f"built pin {manifest.pin} ({kind}): {manifest.models} models, {manifest.tests} tests "
            f"passed, {manifest.rows:,} rows; published; "
            f"{found[VERIFIED]['passed']} figures proven"
        )


_COUNTS = ("loaded", "failed")


def _metadata(result: dg.ExecuteInProcessResult) -> Metadata:
    return {
        event.asset_key: {
            name: value.value for name, value in event.materialization.metadata.items()
        }
        for event in result.get_asset_materialization_events()
        if event.asset_key is not None
    }
