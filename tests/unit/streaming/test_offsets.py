from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.errors import AdxError, ExitCode
from ingestion.kafka import Topic
from ingestion.streaming.offsets import (
    batch_end,
    check_kept,
    cluster_id,
    current_id,
    missing_offsets,
    next_life,
    start_offsets,
)

TOPIC = Topic("ad-events", "id-1", earliest={0: 0, 1: 0}, end={0: 10, 1: 20})


def test_a_topic_the_table_does_not_know_starts_at_its_first_record() -> None:
    assert start_offsets(TOPIC, {}, "ad_events.events") == {0: 0, 1: 0}


def test_a_topic_goes_on_where_the_table_ends_and_new_partitions_at_their_first_record() -> None:
    assert start_offsets(TOPIC, {"id-1": {0: 7}}, "ad_events.events") == {0: 7, 1: 0}


def test_records_that_expired_before_they_were_landed_halt_the_stream() -> None:
    topic = Topic("ad-events", "id-1", earliest={0: 8, 1: 0}, end={0: 10, 1: 20})
    with pytest.raises(AdxError, match="Offsets 7 to 7 of ad-events, partition 0") as caught:
        start_offsets(topic, {"id-1": {0: 7, 1: 0}}, "ad_events.events")
    assert caught.value.exit_code == ExitCode.DATA
    assert start_offsets(topic, {"id-1": {0: 8, 1: 0}}, "ad_events.events") == {0: 8, 1: 0}


def test_a_partition_that_was_never_landed_and_lost_its_first_records_halts_the_stream() -> None:
    topic = Topic("ad-events", "id-1", earliest={0: 0, 1: 3}, end={0: 10, 1: 20})
    with pytest.raises(AdxError, match="Offsets 0 to 2 of ad-events, partition 1"):
        start_offsets(topic, {}, "ad_events.events")


def test_a_topic_that_was_created_again_halts_the_stream() -> None:
    with pytest.raises(AdxError, match=r"its id is id-1, the lake holds offsets of id-0") as caught:
        start_offsets(TOPIC, {"id-0": {0: 10, 1: 20}}, "ad_events.events")
    assert caught.value.exit_code == ExitCode.DATA


def test_a_partition_that_ends_before_what_is_landed_halts_the_stream() -> None:
    with pytest.raises(AdxError, match="ends at offset 10, but the lake holds it up to 11"):
        check_kept(TOPIC, {0: 11, 1: 0})


def test_a_batch_without_a_limit_takes_everything() -> None:
    assert batch_end({0: 5, 1: 0}, {0: 10, 1: 20}, None) == {0: 10, 1: 20}


def test_a_batch_gives_what_one_partition_does_not_need_to_the_others() -> None:
    assert batch_end({0: 0, 1: 0, 2: 0}, {0: 2, 1: 50, 2: 50}, 22) == {0: 2, 1: 10, 2: 10}


OFFSETS = st.dictionaries(st.integers(0, 5), st.integers(0, 50), min_size=1)


@given(OFFSETS, OFFSETS, st.integers(1, 60))
def test_batches_reach_the_end_each_within_its_limit(
    start: dict[int, int], end: dict[int, int], most: int
) -> None:
    reached = [start]
    while True:
        following = batch_end(reached[-1], end, most)
        if all(following[part] <= reached[-1].get(part, 0) for part in following):
            break
        reached.append(following)
    for before, after in pairwise(reached):
        taken = [after[part] - before.get(part, 0) for part in end]
        assert min(taken) >= 0
        assert sum(taken) <= most
    assert all(reached[-1].get(part, 0) >= stop for part, stop in end.items())


def test_a_later_life_of_a_topic_is_read_on_where_it_ends() -> None:
    committed = {"id-1": {0: 7, 1: 15}, "id-1~1": {0: 5, 1: 15}, "id-0": {0: 99}}
    assert current_id("id-1", committed) == "id-1~1"
    assert start_offsets(TOPIC, committed, "ad_events.events") == {0: 5, 1: 15}
    assert (next_life("id-1"), next_life("id-1~9")) == ("id-1~1", "id-1~10")
    assert current_id("id-1", {"id-1~9": {}, "id-1~10": {}}) == "id-1~10"
    assert cluster_id("id-1~10") == cluster_id("id-1") == "id-1"


def test_everything_that_is_missing_is_found_at_once() -> None:
    topic = Topic("ad-events", "id-1", earliest={0: 8, 1: 0, 2: 0}, end={0: 10, 1: 20, 2: 3})
    found = missing_offsets(topic, {"id-1": {0: 7, 1: 20, 2: 4}}, "ad_events.events")
    assert [(one.kind, one.partition, one.landed, one.found) for one in found] == [
        ("expired", 0, 7, 8),
        ("truncated", 2, 4, 3),
    ]
