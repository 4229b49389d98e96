"""Landing the exchanges' Avro files: outcomes of files, the registry, the error archive."""

import copy
import io
import json
from pathlib import Path

import fastavro
import pytest

from ingestion.adworld.exchange.hostile import bid_record, request_record
from ingestion.contracts import load_contract
from ingestion.contracts.avro import avro_schema
from ingestion.errors import ExitCode
from ingestion.lake import Lake
from ingestion.settings import Settings
from ingestion.sources.exchange import land, retry

pytestmark = pytest.mark.slow

TABLES = ("exchange.",)


def avro(table: str, *records: dict, change=lambda schema: None, codec: str = "deflate") -> bytes:
    schema = copy.deepcopy(avro_schema(load_contract("exchange", table)))
    change(schema)
    content = io.BytesIO()
    marker = b"0123456789abcdef"
    fastavro.writer(content, schema, records, codec, sync_interval=500, sync_marker=marker)
    return content.getvalue()


def bids(*numbers: int) -> bytes:
    return avro("bids", *(bid_record(number) for number in numbers), codec="null")


@pytest.fixture
def drop(settings: Settings):
    """Put a file into the drop folder as producers do: whole, by a rename."""
    folder = settings.drop / "exchange"
    folder.mkdir(parents=True)

    def put(name: str, content: bytes) -> Path:
        hidden = folder / f"{name}.tmp"
        hidden.write_bytes(content)
        return hidden.rename(folder / name)

    return put


def outcomes(report):
    return {file.name: file.outcome for file in report.files}


def test_files_of_all_kinds_are_landed_with_their_records(settings, drop, raw):
    wrong = request_record(3) | {"site": None}
    drop("bid_requests-2026-03-28T05.avro", avro("bid_requests", request_record(1), wrong))
    drop("bids-2026-03-28T05.avro", bids(1, 2))
    win = {"bid_id": "b", "clearing_price_micros": 7, "currency": "EUR", "win_ts": 1774699200000000}
    drop("wins-2026-03-28T05.avro", avro("wins", win))
    notice = {"bid_id": "b", "billed_ts": 1774699200000000}
    drop("billing_notices-2026-03-28T05.avro", avro("billing_notices", notice))
    report = land(settings)
    assert report.exit_code == ExitCode.OK
    assert {table.table: (table.read, table.loaded, table.failed) for table in report.tables} == {
        "exchange.bid_requests": (2, 1, 1),
        "exchange.bids": (2, 2, 0),
        "exchange.wins": (1, 1, 0),
        "exchange.billing_notices": (1, 1, 0),
    }
    good, failed = raw("exchange.bid_requests")
    assert (good["_source_file"], good["_source_line"]) == ("bid_requests-2026-03-28T05.avro", 1)
    assert [deal["id"] for imp in good["imp"] for deal in imp["deals"]] == ["deal-0"]
    assert (failed["_source_line"], failed["imp"], failed["event_date"]) == (2, None, None)
    assert failed["_error"]["reason"] == "contract"
    assert failed["_error"]["field"] == "site"
    assert list((settings.drop / "exchange").iterdir()) == []


def test_the_same_file_twice_is_repeated_and_a_new_version_supersedes(settings, drop, raw):
    drop("bids-1.avro", bids(1, 2))
    assert outcomes(land(settings)) == {"bids-1.avro": "loaded"}
    drop("bids-1.avro", bids(1, 2))
    drop("bids-2.avro", bids(1, 2))
    assert outcomes(land(settings)) == {"bids-1.avro": "repeated", "bids-2.avro": "repeated"}
    drop("bids-1.avro", bids(1, 2, 3))
    assert outcomes(land(settings)) == {"bids-1.avro": "loaded"}
    assert [(row["_ingest_seq"], row["_source_line"]) for row in raw("exchange.bids")] == [
        (1, 1),
        (1, 2),
        (2, 1),
        (2, 2),
        (2, 3),
    ]
    rows = Lake.open(settings).read_ops("file_registry").to_pylist()
    loaded = {row["rows"]: row for row in rows if row["status"] == "loaded"}
    assert loaded[2]["supersedes"] is None
    assert loaded[3]["supersedes"] == loaded[2]["sha256"]


def retyped(schema):
    schema["fields"][6]["type"] = "string"


def test_files_that_cannot_be_finished_go_whole_to_the_error_archive(settings, drop, raw):
    marker = b"0123456789abcdef"
    whole = bids(*range(20))
    third = [place for place in range(len(whole)) if whole.startswith(marker, place)][3]
    broken = {
        "bids-truncated.avro": (whole[:-9], "it ends within block"),
        "bids-block.avro": (
            whole[:third] + b"X" + whole[third + 1 :],
            "Block 3 of bids-block.avro",
        ),
        "bids-no-avro.avro": (b"bid_id\n1\n", "no Avro object container file"),
        "bids-schema.avro": (avro("bids", change=retyped), "has bid_price_micros as string"),
        "bids-1.parquet": (b"PAR1", "No table takes a file named bids-1.parquet"),
    }
    for name, (content, _) in broken.items():
        drop(name, content)
    drop("bids-good.avro", bids(1))
    report = land(settings)
    assert report.exit_code == ExitCode.DATA
    assert outcomes(report) == dict.fromkeys(broken, "failed") | {"bids-good.avro": "loaded"}
    messages = {file.name: file.message for file in report.files}
    for name, (_, message) in broken.items():
        assert message in messages[name]
    assert [row["bid_id"] for row in raw("exchange.bids")] == ["hostile-1"]
    archived = sorted((settings.drop / "error" / "exchange").rglob("*.reason.json"))
    reasons = [json.loads(path.read_text()) for path in archived]
    assert {reason["name"] for reason in reasons} == set(broken)
    assert all(reason["remedy"] for reason in reasons)


def test_an_archived_file_can_be_tried_again(settings, drop):
    drop("bids-1.avro", bids(1)[:-3])
    land(settings)
    (attempt,) = (settings.drop / "error" / "exchange").iterdir()
    assert retry(settings, f"{attempt.name}/bids-1.avro") == ["bids-1.avro"]
    assert (settings.drop / "exchange" / "bids-1.avro").read_bytes() == bids(1)[:-3]
    assert outcomes(land(settings)) == {"bids-1.avro": "failed"}


def test_a_second_landing_changes_nothing(settings, drop, raw):
    drop("bids-1.avro", bids(1))
    land(settings)
    before = raw("exchange.bids")
    report = land(settings)
    assert sum(table.commits for table in report.tables) == 0
    assert raw("exchange.bids") == before
