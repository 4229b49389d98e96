"""What a claim says about a table, without any table."""

import json

import pytest

from ingestion.errors import AdxError
from ingestion.lake import BatchClaim, Claims, FileClaim, Load, StalePlan, StreamClaim, claims
from ingestion.lake.claims import (
    check_stream,
    read_claims,
    stream_is_in,
    with_batch,
    with_stream,
)

COMMITTED = Claims(ingest_seq=3, stream={"id": {0: 10, 1: 20}})


def claim(start: dict[int, int], end: dict[int, int], topic_id: str = "id") -> StreamClaim:
    return StreamClaim("topic", topic_id, start, end)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ({0: 0}, {0: 10}, True),
        ({0: 5, 1: 5}, {0: 10, 1: 19}, True),
        ({0: 10}, {0: 10}, True),
        ({0: 10}, {0: 11}, False),
        ({0: 0, 1: 20}, {0: 10, 1: 21}, False),
        ({0: 0, 2: 0}, {0: 10, 2: 5}, False),
        ({2: 0}, {2: 0}, False),
        ({0: 0, 2: 7}, {0: 10, 2: 7}, True),
    ],
)
def test_a_claim_is_in_when_all_its_offsets_are(
    start: dict[int, int], end: dict[int, int], *, expected: bool
) -> None:
    assert stream_is_in(COMMITTED, claim(start, end)) is expected


def test_offsets_of_another_topic_say_nothing() -> None:
    assert not stream_is_in(COMMITTED, claim({0: 0}, {0: 5}, topic_id="recreated"))
    check_stream(COMMITTED, claim({0: 0}, {0: 5}, topic_id="recreated"), "t")


def test_a_claim_begins_where_the_table_ends() -> None:
    check_stream(COMMITTED, claim({0: 10, 1: 20, 2: 7}, {0: 15, 1: 20, 2: 9}), "t")
    with pytest.raises(AdxError, match="Offsets 20 to 20 of topic, partition 1"):
        check_stream(COMMITTED, claim({0: 10, 1: 21}, {0: 15, 1: 25}), "t")
    with pytest.raises(StalePlan, match="partition 0"):
        check_stream(COMMITTED, claim({0: 9, 1: 20}, {0: 15, 1: 25}), "t")


@pytest.mark.parametrize(("start", "end"), [({0: 1}, {0: 0}), ({0: 0}, {1: 1}), ({0: -1}, {0: 1})])
def test_a_claim_without_sense_is_refused(start: dict[int, int], end: dict[int, int]) -> None:
    with pytest.raises(ValueError, match="topic"):
        claim(start, end)


def test_two_contents_under_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="two contents"):
        BatchClaim("clicks", "load", files={"11": "a.csv", "22": "a.csv"})


def test_stream_claims_come_back_from_properties() -> None:
    properties = with_stream(COMMITTED, claim({1: 20, 2: 0}, {1: 25, 2: 3}))
    assert read_claims(properties).stream == {"id": {0: 10, 1: 25, 2: 3}}
    assert all(isinstance(text, str) for text in properties.values())


def test_batch_claims_come_back_from_properties() -> None:
    file = FileClaim("a.csv", "load 2", 4, 10, 1, "2026-03-28T12:00:00+00:00", "00")
    before = Claims(batch={"other": claims.BatchState(position=1, loads=(Load("x", 1, 1, 0),))})
    package = BatchClaim("clicks", "load 2", position=["p"], files={"11": "a.csv"}, state="s")
    load = Load("load 2", 4, 10, 1)
    properties = with_batch(before, package, load, {"11": file}, 7)
    found = read_claims(properties | {claims.SEQ: "4"})
    assert (found.ingest_seq, found.files, found.files_left) == (4, {"11": file}, 7)
    state = found.batch["clicks"]
    assert (state.position, state.state, state.schema, state.loads) == (["p"], "s", None, (load,))


def test_a_table_without_properties_claims_nothing() -> None:
    assert read_claims({}) == Claims()
    assert Claims().ingest_seq == 0


def test_the_file_property_stays_small_for_a_full_house() -> None:
    files = {
        f"{number:064x}": FileClaim(
            f"impressions-2026-03-28T{number:04d}.jsonl.gz",
            f"17000000{number:08d}.123456",
            number,
            100_000,
            100,
            "2026-03-28T12:00:00.123456+00:00",
            None,
        )
        for number in range(claims.KEPT_FILES)
    }
    text = with_batch(Claims(), BatchClaim("p", "l"), Load("l", 1, 1, 0), files, 0)[claims.FILES]
    assert len(text) < 120_000
    assert json.loads(text)
