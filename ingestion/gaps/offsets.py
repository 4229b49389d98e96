"""Gaps of offsets: noted where a topic cannot be read on, and passed over where they are accepted.

The acceptance is a row of `ops.gaps` and nothing else. What follows from it is done by the stream
before it reads, in commits of the raw table without rows: `expired` claims the offsets that are
gone, `recreated` the new topic from its first offset, `truncated` another life of the topic. Such a
commit is one the fence lets in once, so a stream that was killed anywhere does it again or finds it
done, and of two streams one does it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from ingestion.contracts import Contract, contract_for_topic
from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import failpoint
from ingestion.gaps.notes import (
    OFFSET_KINDS,
    Gap,
    Row,
    accept,
    close_rows,
    gaps_of,
    halted,
    new_row,
)
from ingestion.kafka.client import TOPICS, Topic, describe_topics
from ingestion.lake import Lake, StalePlan, StreamClaim, StreamPosition
from ingestion.lake.ops_store import Update
from ingestion.settings import Settings
from ingestion.streaming.offsets import MissingOffsets, current_id, missing_offsets, next_life

_ROUNDS: Final = 10
_THERE_AGAIN: Final = "what was missing is there again"


def settle_offsets(
    lake: Lake, contract: Contract, describe: Callable[[], Topic]
) -> tuple[Topic, StreamPosition]:
    """A topic and where it is landed, once the accepted gaps before it are passed over.

    Args:
        lake: The lake.
        contract: Contract of the topic's records.
        describe: Asks the cluster for the topic.

    Returns:
        The topic, and the next offset of each partition by topic id, from which nothing is missing.

    Raises:
        AdxError: Something is missing that nobody has accepted. It is noted.
    """
    for _ in range(_ROUNDS):
        # The lake before the cluster: what another stream lands in between is there in both.
        committed = lake.stream_position(contract)
        topic = describe()
        found = missing_offsets(topic, committed, contract.name)
        if found and lake.stream_position(contract) != committed:
            continue
        missing = _noted(lake, contract, topic, committed)
        if not missing:
            return topic, committed
        still = [gap for _, gap in missing if gap.status == "open"]
        if still:
            first = next(one for one, gap in missing if gap is still[0])
            raise halted(still, first.remedy)
        _pass_over(lake, contract, topic, committed, missing)
    raise AdxError(
        f"{contract.name} cannot keep up with its topic: it moves on and loses records all the "
        "time.",
        remedy="Look why the broker drops records before they are landed; then run it again.",
        exit_code=ExitCode.DATA,
    )


def accept_gap(
    settings: Settings, gap_id: str, reason: str, *, start: int | None = None
) -> tuple[Gap, bool]:
    """Decide that the stream goes on over a gap; see `ingestion.gaps.notes.accept`.

    A gap of offsets is accepted as the broker has it now: what else has expired since it was found
    belongs to it.

    Args:
        settings: The environment.
        gap_id: The gap.
        reason: Why.
        start: Offset at which a truncated partition is read on; by default where it ended.

    Raises:
        AdxError: There is no reason or no such gap, it has closed, or the broker cannot be reached.
    """
    lake = Lake.open(settings)
    lake.ensure_tables()

    def now(gap: Gap) -> Mapping[str, Any]:
        if start is not None and gap.kind != "truncated":
            raise AdxError(
                f"Gap {gap_id} leaves no choice where to read on: it is {gap.kind}.",
                remedy="Leave --from away; it is for partitions that the broker cut off.",
                exit_code=ExitCode.USAGE,
            )
        if gap.kind not in OFFSET_KINDS or gap.status != "open":
            return {}
        name = next(name for name in TOPICS if contract_for_topic(name).name == gap.table)
        contract = contract_for_topic(name)
        committed = lake.stream_position(contract)
        (topic,) = describe_topics(settings, [name])
        return _as_it_is_now(contract, topic, committed, gap, start)

    return accept(lake, gap_id, reason, change=now)


def _as_it_is_now(
    contract: Contract, topic: Topic, committed: StreamPosition, gap: Gap, start: int | None
) -> Mapping[str, Any]:
    """What the broker shows of an open gap that is about to be accepted, by column."""
    if gap.kind != "recreated" and gap.topic_id != current_id(topic.topic_id, committed):
        return {}  # of a topic that is gone
    for missing, identity in _missing(topic, committed, contract, [gap]):
        if identity == _identity_of(gap):
            better = _columns(missing)
            if gap.kind == "truncated":
                better["first_number"] = _restart(topic, gap, better["first_number"], start)
            return better
    raise AdxError(
        f"Gap {gap.gap_id} is not there any more: {_THERE_AGAIN}.",
        remedy="Run the stream; it closes the gap and goes on.",
        exit_code=ExitCode.USAGE,
    )


def _restart(topic: Topic, gap: Gap, end: int, start: int | None) -> int:
    """The offset at which a truncated partition is read on.

    By default where it ended when that was seen first: what came since then is not landed.
    """
    partition = _partition(gap)
    earliest, most = topic.earliest[partition], topic.end[partition]
    if start is None:
        return max(earliest, min(gap.first_number or 0, end))
    if not earliest <= start <= most:
        raise AdxError(
            f"Partition {partition} of {gap.topic} can be read from {earliest} to {most}, and not "
            f"from {start}.",
            remedy="Name one of those with --from, or leave it away.",
            exit_code=ExitCode.USAGE,
        )
    return start


def _missing(
    topic: Topic, committed: StreamPosition, contract: Contract, known: Sequence[Gap]
) -> list[tuple[MissingOffsets, str]]:
    """What is missing, with its identity.

    A truncated partition that has grown beyond what is landed does not show it any more, and holds
    other records than the lake at the same offsets. So what was noted of it stays until a person
    has decided.
    """
    found = missing_offsets(topic, committed, contract.name)
    reading = current_id(topic.topic_id, committed)
    seen = {_identity(one) for one in found}
    for gap in known:
        if gap.kind != "truncated" or gap.topic_id != reading or gap.status == "closed":
            continue
        one = MissingOffsets(
            "truncated",
            topic.name,
            reading,
            gap.kafka_partition,
            landed=gap.next_number,
            found=gap.first_number,
        )
        if _identity(one) not in seen:
            found.append(one)
    return [(one, _identity(one)) for one in found]


def _noted(
    lake: Lake, contract: Contract, topic: Topic, committed: StreamPosition
) -> list[tuple[MissingOffsets, Gap]]:
    """What is missing with its gap, noted if it was not; closes gaps that have healed."""
    reading = current_id(topic.topic_id, committed)

    def changes(rows: pa.Table) -> list[Row]:
        known = [gap for gap in gaps_of(rows) if gap.table == contract.name]
        found = {identity: one for one, identity in _missing(topic, committed, contract, known)}
        live = {_identity_of(gap) for gap in known if gap.status != "closed"}
        healed = [
            gap
            for gap in known
            if gap.status != "closed"
            and _identity_of(gap) not in found
            and _is_healed(gap, reading, committed)
        ]
        return close_rows(healed, _THERE_AGAIN) + [
            new_row(contract, known, identity, {**_columns(one), "message": one.message})
            for identity, one in found.items()
            if identity not in live
        ]

    rows = lake.read_ops("gaps")
    if changes(rows):

        def plan(rows: pa.Table, _: Mapping[str, str]) -> Update | None:
            news = changes(rows)
            return (news, {}) if news else None

        lake.update_ops("gaps", plan)
        failpoint("gaps.after_note")
        rows = lake.read_ops("gaps")
    known = [gap for gap in gaps_of(rows) if gap.table == contract.name]
    live = {_identity_of(gap): gap for gap in known if gap.status != "closed"}
    return [(one, live[identity]) for one, identity in _missing(topic, committed, contract, known)]


def _is_healed(gap: Gap, reading: str, committed: StreamPosition) -> bool:
    """Whether a gap that is not found any more is one no longer, also if it was just accepted."""
    if gap.kind == "recreated":
        return gap.status == "open"
    if gap.kind != "expired" or gap.topic_id != reading:
        return False
    reached = committed.get(reading, {}).get(_partition(gap), 0)
    return gap.status == "open" or reached == gap.first_number


def _pass_over(
    lake: Lake,
    contract: Contract,
    topic: Topic,
    committed: StreamPosition,
    accepted: Sequence[tuple[MissingOffsets, Gap]],
) -> None:
    """Commit one step over accepted gaps: claims without rows.

    What is missing was found where the table ended then. Where it ends elsewhere now, another
    stream has passed the gap or landed more, and a step from there would read records again.
    """
    head = lake.head(contract)
    if head.claims.stream != committed:
        return  # look again
    kinds = {missing.kind for missing, _ in accepted}
    if "recreated" in kinds:
        start = dict.fromkeys(topic.end, 0)
        claim = StreamClaim(topic.name, topic.topic_id, start, start)
    elif "expired" in kinds:
        expired = [gap for missing, gap in accepted if missing.kind == "expired"]
        claim = StreamClaim(
            topic.name,
            current_id(topic.topic_id, committed),
            {_partition(gap): gap.first_number or 0 for gap in expired},
            {_partition(gap): gap.next_number or 0 for gap in expired},
        )
    else:
        reading = current_id(topic.topic_id, committed)
        start = {partition: committed[reading].get(partition, 0) for partition in topic.end}
        start |= {_partition(gap): gap.first_number or 0 for _, gap in accepted}
        claim = StreamClaim(topic.name, next_life(reading), start, start)
    failpoint("gaps.before_pass")
    try:
        lake.commit_files(contract, [], claim, expected_seq=head.ingest_seq)
    except StalePlan:
        return  # somebody else has moved on: look again
    failpoint("gaps.after_pass")


def _partition(gap: Gap) -> int:
    return gap.kafka_partition or 0


def _identity(missing: MissingOffsets) -> str:
    """What stays of it while more expires, or while a truncated partition fills again."""
    return f"{missing.kind}|{missing.topic_id}|{missing.partition}|{missing.landed}"


def _identity_of(gap: Gap) -> str:
    landed = gap.next_number if gap.kind == "truncated" else gap.first_number
    return f"{gap.kind}|{gap.topic_id}|{gap.kafka_partition}|{landed}"


def _columns(missing: MissingOffsets) -> dict[str, Any]:
    numbers: dict[str, int | None] = {"first_number": None, "next_number": None}
    if missing.landed is not None and missing.found is not None:
        first, following = sorted((missing.landed, missing.found))
        numbers = {"first_number": first, "next_number": following}
        if missing.kind == "expired":
            numbers["missing_count"] = following - first
    return {
        "kind": missing.kind,
        "topic": missing.topic,
        "topic_id": missing.topic_id,
        "kafka_partition": missing.partition,
        **numbers,
        "message": missing.message,
    }
