"""Lakes of few tables and plain rows, and what other processes do to them.

`python -m tests.integration.environments.lakes race|commit_once` does it, with the settings as JSON
in TEST_SETTINGS. Fresh processes, because clients of S3 do not survive a fork.
"""

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pyarrow as pa

from ingestion.contracts import Contract, load_contract, raw_schema
from ingestion.lake import Lake, StalePlan, StreamClaim, write_data_files
from ingestion.settings import PROJECT_ROOT, Settings

BATCHES, SIZE = 8, 5
DEADLINE_SECONDS = 600


def contracts() -> tuple[Contract, ...]:
    """One table of each kind; all of them would take two seconds a test."""
    names = (("ad_events", "events"), ("adserver", "clicks"), ("fx", "rates"))
    return tuple(load_contract(*name) for name in names)


def rows_of(contract: Contract, count: int, *, seq: int = 1, start: int = 0) -> pa.Table:
    """Failed rows: they fit every table, and their positions tell them apart."""
    at = datetime(2026, 3, 28, 12, tzinfo=UTC)
    line = "_kafka_offset" if contract.carrier == "kafka" else "_source_line"
    names = raw_schema(contract).names
    rows = [
        dict.fromkeys(names)
        | {line: number, "_ingest_seq": seq, "_loaded_at": at, "_error": {"reason": "parse"}}
        for number in range(start, start + count)
    ]
    return pa.Table.from_pylist(rows, schema=raw_schema(contract))


def positions(lake: Lake, contract: Contract) -> list[int]:
    """Positions of all rows of a table, as pyiceberg reads them."""
    line = "_kafka_offset" if contract.carrier == "kafka" else "_source_line"
    rows = lake._tables.load(contract).scan(selected_fields=(line,)).to_arrow()
    return sorted(rows.column(line).to_pylist())


def race(lake: Lake, events: Contract) -> None:
    """Plan, write and commit batches until all are in, as fast as another process does it, too."""
    while True:
        head = lake.head(events)
        start = head.claims.stream.get("id", {}).get(0, 0)
        if start >= BATCHES * SIZE:
            return
        rows = rows_of(events, SIZE, seq=head.ingest_seq + 1, start=start)
        files = write_data_files(rows, events, lake.location(events))
        claim = StreamClaim("topic", "id", {0: start}, {0: start + SIZE})
        try:
            lake.commit_files(events, files, claim, expected_seq=head.ingest_seq)
        except StalePlan:
            continue


def commit_once(lake: Lake, events: Contract) -> None:
    """Commit the first batch."""
    files = write_data_files(rows_of(events, SIZE), events, lake.location(events))
    claim = StreamClaim("topic", "id", {0: 0}, {0: SIZE})
    lake.commit_files(events, files, claim, expected_seq=0)


def in_processes(settings: Settings, work: str, count: int = 1, **environment: str) -> list[int]:
    """Run `race` or `commit_once` in processes side by side; gives their exit codes."""
    secret = settings.catalog_secret
    described = {
        **json.loads(settings.model_dump_json()),
        "catalog_secret": secret.get_secret_value() if secret is not None else None,
    }
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", __name__, work],
            cwd=PROJECT_ROOT,
            env={**os.environ, **environment, "TEST_SETTINGS": json.dumps(described)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(count)
    ]
    codes = []
    for process in processes:
        _, errors = process.communicate(timeout=DEADLINE_SECONDS)
        assert process.returncode in {0, -signal.SIGKILL}, errors
        codes.append(process.returncode)
    return codes


if __name__ == "__main__":
    opened = Lake.open(Settings.model_validate_json(os.environ["TEST_SETTINGS"]))
    {"race": race, "commit_once": commit_once}[sys.argv[1]](
        opened, load_contract("ad_events", "events")
    )
