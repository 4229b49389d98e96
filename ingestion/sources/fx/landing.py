"""Lands exchange rates.

    drain, read the position -> ask for all rates from some days before the newest one
      -> judge them, drop what the lake has -> one fenced commit if anything is new

Rates may be published late or corrected, so the last days are asked for again; a rate that was
landed already and has not changed is not landed again, and neither is a record that failed before.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contracts import load_contract
from ingestion.errors import AdxError, ExitCode
from ingestion.lake.duckdb import connect
from ingestion.landing import Tally, land_json
from ingestion.settings import Settings
from ingestion.sources.changes import FailedBefore, KnownVersions
from ingestion.sources.fx.api import read_rates
from ingestion.sources.pipeline import Claim, StalePackageError, TablePipeline, open_pipeline
from ingestion.sources.progress import progress
from ingestion.sources.report import LandingReport
from ingestion.sources.run import Landing

SOURCE: Final = "fx"
_FIRST_DATE: Final = date(2000, 1, 1)
"""The contract knows no earlier date."""
_TRIES: Final = 3


def _today() -> date:
    return datetime.now(UTC).date()


def land(settings: Settings, *, today: Callable[[], date] = _today) -> LandingReport:
    """Land new and changed rates.

    Args:
        settings: Where everything is.
        today: The present date. No rate beyond it moves the position, so that a mistaken date in
            the future cannot hide what is published later.

    Raises:
        AdxError: The API or the lake cannot be used.
    """
    landing = Landing.start(settings, SOURCE)
    contract = load_contract(SOURCE, "rates")
    with open_pipeline(settings, landing.lake, contract) as pipeline:
        landing.recovered(contract, pipeline.drain())
        with landing.timed(contract):
            for _ in range(_TRIES):
                try:
                    _poll(landing, pipeline, today())
                except StalePackageError:
                    continue
                return landing.finish()
    raise AdxError(
        "Other landings of fx.rates kept coming first.",
        remedy="Land this source from one place only, then run it again.",
        exit_code=ExitCode.BUSY,
    )


@contextmanager
def api_url(settings: Settings) -> Iterator[str]:
    """The API's base URL; the ad world's own server, started for the block, if none is set."""
    if settings.fx_url is not None:
        yield settings.fx_url
        return
    # imported here: a real deployment never loads the ad world
    from ingestion.adworld.fx_server import serve_fx  # noqa: PLC0415

    with serve_fx(settings.world) as url:
        yield url


def _poll(landing: Landing, pipeline: TablePipeline, today: date) -> None:
    contract = pipeline.contract
    position = pipeline.position or {}
    newest = min(date.fromisoformat(position.get("rate_date", _FIRST_DATE.isoformat())), today)
    lookback = timedelta(days=landing.settings.fx_lookback_days)
    first = max(_FIRST_DATE, newest - lookback)
    with connect(landing.settings) as connection:
        known = KnownVersions(connection, landing.lake, contract)
        records = _read(landing, first)
        landed = land_json(
            landing.context(contract), pa.array(records, pa.binary()), _lineage(records, first)
        )
        good = known.new(landed)
    before = FailedBefore(position.get("failed", []), landing.keys.pseudonym_key())
    failed = _new_failures(landed, records, before)
    table = landing.table(contract)
    table.bytes += sum(map(len, records))
    table.unchanged += len(landed) - len(good) - len(failed)
    rows = pa.concat_tables([good, failed])
    if len(rows) == 0:
        return
    latest: date | None = pc.max(landed["rate_date"]).as_py()
    claim = Claim(
        {
            "rate_date": max(newest, min(latest or newest, today)).isoformat(),
            "failed": before.digests,
        }
    )
    result = pipeline.load(rows, lambda _: claim)
    landing.committed(contract, result, Tally.of(rows))


def _read(landing: Landing, first: date) -> list[bytes]:
    with api_url(landing.settings) as url, progress(SOURCE, None, "rates") as advance:
        records = []
        for value in read_rates(url, first):
            records.append(_bytes(value))
            advance("rates")
        return records


def _bytes(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode(errors="surrogatepass")


def _lineage(records: list[bytes], first: date) -> pa.Table:
    return pa.table(
        {
            "_source_file": pa.repeat(f"v1/rates?from={first.isoformat()}", len(records)),
            "_source_line": pa.array(range(1, len(records) + 1), pa.int64()),
        }
    )


def _new_failures(landed: pa.Table, records: list[bytes], before: FailedBefore) -> pa.Table:
    failed = landed.filter(pc.is_valid(pc.struct_field(landed["_error"], "reason")))
    is_new = [before.add(records[line - 1]) for line in failed["_source_line"].to_pylist()]
    return failed.filter(pa.array(is_new, pa.bool_()))
