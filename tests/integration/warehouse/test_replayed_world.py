"""An ad world some of whose events fail at first: mended and replayed, they count as any others."""

from collections import Counter
from collections.abc import Iterator

import pytest

from ingestion.adworld import create_world, play
from ingestion.adworld.sinks import MemorySink
from ingestion.contracts import contract_for_topic
from ingestion.failed import Tally, parse_rules, replay
from ingestion.lake import Lake
from ingestion.landing.strict import dump_json, judge_json, read_document
from ingestion.settings import Settings
from orchestration.warehouse.build import build
from orchestration.warehouse.publish import publish
from orchestration.warehouse.reconcile import reconcile
from orchestration.warehouse.verify import verify
from tests.integration.landings import land_played

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("replayed_world")]

STREAM = "ad_events.events"
RENAME = {"rename": {"from": "sent_at", "to": "event_ts"}}
RULES = {"rules": [{"table": STREAM, "reason": "schema", "fixes": [RENAME]}]}
BALANCES = {f"failed by source_table {STREAM}", f"failed by source_table,reason {STREAM}"}
"""What the key, which does not know that they failed, counts without them."""


def broken(sink: MemorySink) -> int:
    """Let every fourth impression and click name its time otherwise; how many."""
    contract = contract_for_topic("ad-events")
    ids: Counter[str] = Counter()
    found = []
    for partition, messages in enumerate(sink.kept["ad-events"]):
        for place, message in enumerate(messages):
            values = judge_json(contract, message[3]).values
            kind = values.get("event_type")
            if kind in {"impression", "click"}:
                event = values[kind][f"{kind}_id"]
                ids[event] += 1
                found.append((partition, place, event))
    # An id that comes twice would be in the lake without its first delivery.
    chosen = [one for one in found if ids[one[2]] == 1][::4]
    for partition, place, _ in chosen:
        message = sink.kept["ad-events"][partition][place]
        record = read_document(contract, message[3] or b"") or {}
        record["sent_at"] = record.pop("event_ts")
        value = dump_json(record).encode()
        sink.kept["ad-events"][partition][place] = (*message[:3], value, *message[4:])
    return len(chosen)


class World:
    """A home whose stream has broken events."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        create_world(settings.world, seed=7, scale=4_000, days=1)
        Lake.open(settings).ensure_tables()
        sink = MemorySink()
        play(settings, 1, sink=sink)
        self.broken = broken(sink)
        land_played(settings, sink)
        self.build()

    def build(self) -> None:
        build(self.settings)
        publish(self.settings)

    def wrong(self) -> set[str]:
        return {failure.check for failure in verify(self.settings).failures}


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Tally, set[str]]]:
    """The world after a replay, what that did, and what was wrong before it."""
    settings = Settings(home=tmp_path_factory.mktemp("replayed"), drop_quiet_seconds=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADX_HOME", str(settings.home))
        world = World(settings)
        wrong = world.wrong()
        tally = replay(settings, parse_rules(RULES))
        world.build()
        yield world, tally, wrong


def test_the_marts_say_what_the_key_says_once_events_are_replayed(replayed):
    world, tally, wrong = replayed
    assert tally.replayed == world.broken > 100
    assert len(wrong) > 50
    assert world.wrong() == BALANCES


def test_nothing_is_lost_or_doubled_on_the_way(replayed):
    world, _, _ = replayed
    assert [str(failure) for failure in reconcile(world.settings).failures] == []
