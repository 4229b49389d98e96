import json
import shutil
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ingestion.adworld import create_world, describe, play, read_key
from ingestion.adworld import player as player_module
from ingestion.adworld.campaigns_db import play_database
from ingestion.adworld.config import WorldConfig
from ingestion.adworld.program import Message
from ingestion.adworld.sinks import MemorySink
from ingestion.errors import AdxError
from ingestion.settings import Settings

SCALE = 900


class KilledError(Exception):
    """Stands for a kill -9: nothing after it runs."""


class DyingSink(MemorySink):
    """Dies after a number of messages."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left

    def send(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if self.left == 0:
                raise KilledError
            self.left -= 1
            super().send([message])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = Settings(home=tmp_path)
    create_world(settings.world, 5, SCALE)
    return settings


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> MemorySink:
    """The messages of two days that nothing interrupted."""
    settings = Settings(home=tmp_path_factory.mktemp("whole"))
    create_world(settings.world, 5, SCALE)
    sink = MemorySink()
    play(settings, 1, sink=sink)
    shutil.rmtree(settings.drop)
    play(settings, 2, sink=sink)
    return sink


def _length(sink: MemorySink) -> int:
    return sum(len(part) for parts in sink.kept.values() for part in parts)


def _dropped(settings: Settings) -> list[Path]:
    return sorted(path for path in settings.drop.rglob("*") if path.is_file())


def test_playing_a_day_again_sends_nothing(settings: Settings) -> None:
    sink = MemorySink()
    first = play(settings, 1, sink=sink)
    assert first.messages > 0
    assert first.files > 0
    assert first.rows > 0
    before, files = _length(sink), sorted(settings.drop.rglob("*"))
    again = play(settings, 1, sink=sink)
    assert (again.messages, again.files, again.rows) == (0, 0, 0)
    assert _length(sink) == before
    assert sorted(settings.drop.rglob("*")) == files


def test_creating_the_same_world_again_changes_nothing_and_another_is_refused(
    settings: Settings,
) -> None:
    assert create_world(settings.world, 5, SCALE) is False
    with pytest.raises(AdxError, match="Another ad world"):
        create_world(settings.world, 6, SCALE)


@pytest.mark.parametrize("after", [0, 1, 40, 200])
def test_a_kill_while_sending_loses_and_repeats_nothing(
    settings: Settings, whole: MemorySink, after: int
) -> None:
    sink = DyingSink(after)
    with pytest.raises(KilledError):
        play(settings, 1, sink=sink)
    sink.left = -1
    play(settings, 1, sink=sink)
    shutil.rmtree(settings.drop)
    play(settings, 2, sink=sink)
    assert sink.kept == whole.kept


@pytest.mark.parametrize("step", ["write", "note", "rename", "note again"])
def test_a_kill_while_dropping_loses_and_repeats_nothing(
    settings: Settings, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []
    real_write = player_module._write_synced
    real_note = player_module._Player._note
    calls = {"write": 0, "note": 0}

    def write(path: Path, content: bytes) -> None:
        real_write(path, content)
        calls["write"] += 1
        if step == "write" and calls["write"] == 3:
            raise KilledError

    def note(self: Any, entry: str, fate: str, content: bytes) -> None:
        if step == "rename" and fate == "dropped" and calls["note"] == 5:
            raise KilledError
        real_note(self, entry, fate, content)
        calls["note"] += 1
        if calls["note"] == {"note": 5, "note again": 6}.get(step, -1):
            raise KilledError

    with monkeypatch.context() as patched:
        patched.setattr(player_module, "_write_synced", write)
        patched.setattr(player_module._Player, "_note", note)
        sink = MemorySink()
        with pytest.raises(KilledError):
            play(settings, 1, sink=sink)
    # A landing takes what is there, half-written files excepted, before the player comes back.
    for path in _dropped(settings):
        if path.suffix != ".tmp":
            taken.append(str(path.relative_to(settings.drop)))
            path.unlink()
    play(settings, 1, sink=sink)
    left = [str(path.relative_to(settings.drop)) for path in _dropped(settings)]
    assert not [name for name in left if name.endswith(".tmp")]
    assert len(taken + left) == len(set(taken + left))
    manifest = [
        json.loads(line)["file"].removeprefix("1/")
        for line in (settings.world / "manifest.jsonl").read_text().split("\n")
        if line
    ]
    assert set(taken + left) == set(manifest)


def test_the_database_plays_a_day_once(settings: Settings) -> None:
    config = WorldConfig(5, SCALE, 3, player_module.START)
    path = settings.world / "campaigns.db"
    assert play_database(path, config, 1) > 0
    assert play_database(path, config, 1) == 0
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("select max(day) from _adworld_state").fetchone() == (1,)


def test_days_are_played_in_order(settings: Settings) -> None:
    with pytest.raises(AdxError, match="Day 2 cannot be played yet"):
        play(settings, 2, sink=MemorySink())
    with pytest.raises(AdxError, match="days 1 to 3"):
        play(settings, 4, sink=MemorySink())
    with pytest.raises(AdxError, match="cannot be resent yet"):
        play(settings, 1, resend=True, sink=MemorySink())


def test_another_broker_is_named(settings: Settings) -> None:
    sink = MemorySink()
    play(settings, 1, sink=sink)
    with pytest.raises(AdxError, match="another one than before"):
        play(settings, 1, sink=MemorySink(kept=sink.kept, topic_id="other"))
    with pytest.raises(AdxError, match="holds 0 messages"):
        play(settings, 1, sink=MemorySink())
    sink.kept["ad-events"][0].append(sink.kept["ad-events"][0][0])
    with pytest.raises(AdxError, match="has sent only"):
        play(settings, 1, sink=sink)


def test_a_topic_that_others_have_filled_is_refused(settings: Settings) -> None:
    sink = MemorySink()
    sink.send([("ad-events", 0, b"k", b"{}", None)])
    with pytest.raises(AdxError, match="do not hold what this ad world has sent"):
        play(settings, 1, sink=sink)


def test_another_number_of_partitions_is_refused(settings: Settings) -> None:
    with pytest.raises(AdxError, match="6 partitions"):
        play(settings, 1, sink=MemorySink(partitions=6))


def test_a_file_that_waits_is_not_overwritten(settings: Settings) -> None:
    sink = MemorySink()
    play(settings, 1, sink=sink)
    before = _length(sink)
    with pytest.raises(AdxError, match="still waits to be landed"):
        play(settings, 2, sink=sink)
    assert _length(sink) == before


def test_sending_a_day_again_adds_duplicates_and_actions_without_an_id(
    settings: Settings,
) -> None:
    sink = MemorySink()
    play(settings, 1, sink=sink)
    before, length = _values(settings, 1), _length(sink)
    report = play(settings, 1, resend=True, sink=sink)
    after = _values(settings, 1)
    assert _length(sink) == 2 * length
    assert (report.messages, report.files) == (length, 0)
    ad_events = '{"source_table": "ad_events.events"}'
    for metric in ("loaded", "failed"):
        assert after[metric, ad_events] == 2 * before[metric, ad_events]
    assert after["distinct", ad_events] == before["distinct", ad_events]
    for metric in ("gross_impressions", "gross_clicks", "users"):
        assert after[metric, "{}"] == before[metric, "{}"]
    without_id = sum(
        b'"event_id"' not in (message[3] or b"") and not message[4]
        for part in sink.kept["user-events"]
        for message in part
        if not message[2].startswith(b"hostile-")
    )
    assert after["user_actions", "{}"] == before["user_actions", "{}"] + without_id // 2


def _values(settings: Settings, day: int) -> dict[tuple[str, str], int]:
    return {
        (one.metric, one.dims): int(one.value)
        for one in read_key(settings.world, day)
        if one.grain in ("total", "source_table") and "." not in one.value
    }


def test_a_resend_that_was_interrupted_is_finished_first(settings: Settings) -> None:
    sink = DyingSink(-1)
    play(settings, 1, sink=sink)
    shutil.rmtree(settings.drop)
    length = _length(sink)
    sink.left = 10
    with pytest.raises(KilledError):
        play(settings, 1, resend=True, sink=sink)
    sink.left = -1
    with pytest.raises(AdxError, match="was interrupted"):
        play(settings, 2, sink=sink)
    play(settings, 1, sink=sink)
    assert _length(sink) == 2 * length


def test_there_must_be_a_world(tmp_path: Path) -> None:
    with pytest.raises(AdxError, match="no ad world"):
        play(Settings(home=tmp_path), 1, sink=MemorySink())
    with pytest.raises(AdxError, match="no ad world"):
        describe(tmp_path / "world")


def test_damaged_files_are_named(settings: Settings) -> None:
    (settings.world / "state.json").write_text("{")
    with pytest.raises(AdxError, match=r"state\.json is damaged"):
        play(settings, 1, sink=MemorySink())
    (settings.world / "world.json").write_text("[]")
    with pytest.raises(AdxError, match=r"world\.json is damaged"):
        describe(settings.world)


def test_a_world_that_is_being_played_is_busy(settings: Settings) -> None:
    with player_module._locked(settings.world), pytest.raises(AdxError, match="Another process"):
        play(settings, 1, sink=MemorySink())


def test_a_key_of_a_day_to_come_is_refused(settings: Settings) -> None:
    with pytest.raises(AdxError, match="no answer key for day 1"):
        read_key(settings.world, 1)


def test_a_world_describes_itself(played: Any) -> None:
    facts = describe(played.settings.world)
    assert (facts["last_played"], facts["days"]) == (3, 3)
    stream = sum(day["ad_events"] + day["user_events"] for day in facts["events"].values())
    assert stream == _length(played.sink)
    assert facts["planted"]["id conflicts"] > 0
