"""What is done to the lake itself: pins, notes, upkeep, recovery, upgrades."""

import json
import os
import random
from collections import Counter
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

from ingestion.contracts.registry import FOLDER_VARIABLE
from ingestion.failed import decisions, parse_rules, replay
from ingestion.lake import Lake, Pin
from ingestion.lake.catalog_problems import CATALOG_FILE
from ingestion.lake.duckdb import connect
from ingestion.lake.recovery import recover_catalog
from ingestion.lake.upkeep.backup import restore_catalog
from tests.chaos.books import KAFKA, VIEWS, Difference, Entry, View
from tests.chaos.inprocess.driver import in_process
from tests.chaos.inprocess.home import LakeScenario
from tests.chaos.inprocess.streams import StreamScenario, run_stream
from tests.integration.landings import land_messages


class PinScenario(StreamScenario):
    """Pins of a lake that grows, and rows of `ops` beside them."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        super().__init__(folder, rng)
        self.notes: list[dict[str, Any]] = []

    def send(self) -> None:
        super().send()
        run_stream(self.settings, self.kafka)
        self.notes.append({"run_id": f"note {len(self.notes)}", "kind": "build", "subject": "x"})

    def run(self) -> None:
        lake = self.lake()
        lake.pin()
        lake.append_ops("run_ledger", self.notes)

    def overtake(self) -> None:
        self.run()

    def check_more(self, lake: Lake, difference: Difference) -> None:
        super().check_more(lake, difference)
        before: dict[str, int] = {}
        for number, pin in enumerate(lake.pins(), start=1):
            if pin.number != number:
                difference.notes.append(f"pin {pin.number} stands where {number} is due")
            for name, table in pin.tables.items():
                if table.from_seq != before.get(name, 0):
                    difference.notes.append(f"pin {number} of {name} begins at {table.from_seq}")
                before[name] = table.to_seq
        heads = {name: table.to_seq for name, table in lake.pins()[-1].tables.items()}
        if heads != {view.table: lake.head(view.contract).ingest_seq for view in VIEWS}:
            difference.notes.append("the newest pin is not at the heads")
        found = Counter(row["run_id"] for row in lake.read_ops("run_ledger").to_pylist())
        for note in self.notes:
            if found[note["run_id"]] != 1:
                difference.notes.append(f"{note['run_id']} is there {found[note['run_id']]} times")


class UpkeepScenario(StreamScenario):
    """Compaction, expiry, orphans and a backup, while a pin is read."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        super().__init__(folder, rng)
        self.pinned: list[tuple[Pin, dict[str, int]]] = []

    def send(self) -> None:
        super().send()
        run_stream(self.settings, self.kafka)
        lake = Lake.open(self.settings)
        counts = {table: len(entries) for table, entries in self.books.tables.items()}
        self.pinned.append((lake.pin(), counts))

    def run(self) -> None:
        lake = self.lake()
        newest = self.pinned[-1][0]
        lake.upkeep.compact(
            {name: table.to_seq for name, table in newest.tables.items()}, min_files=2
        )
        kept = lake.upkeep.kept()
        lake.upkeep.expire(kept, keep=1, hours=0)
        lake.upkeep.orphans(kept, hours=0, delete=True)
        lake.upkeep.back_up()
        # a writer that came while orphans were removed was refused: what it had to land is left
        run_stream(self.settings, self.kafka)

    def overtake(self) -> None:
        super().send()
        run_stream(self.settings, self.kafka)

    def between(self, difference: Difference) -> None:
        super().between(difference)
        self._read_pins(Lake.open(self.settings), difference)

    def check_more(self, lake: Lake, difference: Difference) -> None:
        super().check_more(lake, difference)
        self._read_pins(lake, difference)

    def _read_pins(self, lake: Lake, difference: Difference) -> None:
        """Readers of kept pins read what they read before."""
        with connect(self.settings) as connection:
            for pin, counts in self.pinned[-2:]:
                for view in VIEWS:
                    location = pin.tables[view.table].metadata_location
                    sql = lake.duckdb_relation_sql(view.contract, location)
                    ((found,),) = connection.execute(f"select count(*) from ({sql})").fetchall()
                    if found != counts.get(view.table, 0):
                        difference.add("lost", 1, f"pin {pin.number} of {view.table}: {found} rows")


class LostCatalogScenario(StreamScenario):
    """A catalog that is lost, with its pointers or without, and brought back by a person."""

    needs_operator = True

    def __init__(self, folder: Path, rng: random.Random) -> None:
        super().__init__(folder, rng)
        self.lost: str | None = None
        self.number = 0

    def send(self) -> None:
        if not (self.settings.lake / CATALOG_FILE).exists():
            run_stream(self.settings, self.kafka)
        Lake.open(self.settings).ensure_tables()
        Lake.open(self.settings).upkeep.back_up()
        super().send()
        self.number += 1
        if self.number > 1:
            self.lost = self.rng.choice(["catalog", "catalog and pointers"])
            if self.lost == "catalog and pointers":
                for pointer in (self.settings.lake / "pointers").rglob("*.json"):
                    pointer.unlink()

    def between(self, difference: Difference) -> None:
        """Without a catalog nobody reads."""

    def run(self) -> None:
        if self.lost is not None:
            self.operator += 1
            for file in self.settings.lake.glob(f"{CATALOG_FILE}*"):
                file.unlink()
            if self.lost == "catalog":
                recover_catalog(self.settings)
            else:
                restore_catalog(self.settings)
            self.lost = None
        run_stream(self.settings, self.kafka)


class ReplayScenario(LakeScenario):
    """Failed records that are mended and landed again."""

    rules = parse_rules(
        {
            "rules": [
                {
                    "table": "user_events.events",
                    "fixes": [{"cast": {"field": "timestamp", "to": "ts", "unit": "s"}}],
                }
            ]
        }
    )

    def __init__(self, folder: Path, rng: random.Random) -> None:
        super().__init__(folder, rng)
        self.views = (
            View(
                "user_events.events",
                (*KAFKA, "_error.reason is null"),
                "_event_id",
                "try_cast(event_name as bigint)",
            ),
        )
        self.lake()
        self.number = 0

    def send(self) -> None:
        values: list[bytes] = []
        for _ in range(4):
            amount = self.rng.randrange(10**9)
            place = ("Zm9vYmFyYmF6cXV4cXV1eA", "0", str(self.number))
            event = {
                "timestamp": 1774688400,
                "event_name": str(amount),
                "event_id": f"e{self.number}",
            }
            self.books.send("user_events.events", (*place, "false"), Entry(None, None, "schema"))
            if self.rng.random() < 0.3:
                event["timestamp"] = [1]
            else:
                good = Entry(f"e{self.number}", amount)
                self.books.send("user_events.events", (*place, "true"), good)
            values.append(json.dumps(event).encode())
            self.number += 1
        land_messages(self.settings, "user-events", {0: [(value, None) for value in values]})

    def run(self) -> None:
        with patch.object(decisions, "_RECORDS", 3):
            replay(self.settings, self.rules)

    def overtake(self) -> None:
        replay(self.settings, self.rules)

    def check_more(self, lake: Lake, difference: Difference) -> None:
        super().check_more(lake, difference)
        found = Counter(row["outcome"] for row in lake.read_ops("failed_outcomes").to_pylist())
        sent = Counter(
            "replayed" if position[-1] == "true" else "failed"
            for position in self.books.tables["user_events.events"]
        )
        wanted = {"replayed": sent["replayed"], "failed_again": sent["failed"] - sent["replayed"]}
        if found != Counter(wanted):
            difference.add("wrong", 1, f"outcomes are {dict(found)}, due are {wanted}")


class OvertakenReplay(ReplayScenario):
    """Two replays without a lock between them."""

    def run(self) -> None:
        with patch.object(Lake, "writer_lock", lambda *_: nullcontext()):
            super().run()


class UpgradeScenario(StreamScenario):
    """Contracts that got a new version: the tables are upgraded, then landed to."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        super().__init__(folder, rng)
        self._contracts = Path(os.environ[FOLDER_VARIABLE])
        self._version = 1
        self._folder = self._contracts

    def send(self) -> None:
        super().send()
        run_stream(self.settings, self.kafka)
        super().send()
        self._version += 1
        newer = self.folder / f"contracts-{self._version}"
        for path in self._folder.rglob("*.json"):
            (newer / path.parent.name).mkdir(parents=True, exist_ok=True)
            (newer / path.parent.name / path.name).write_bytes(path.read_bytes())
        for source in ("ad_events", "user_events"):
            node = json.loads((newer / source / f"events.v{self._version - 1}.json").read_bytes())
            node["x-version"] = self._version
            field = {"type": ["string", "null"], "description": "New in this version."}
            node["properties"][f"field_of_version_{self._version}"] = field
            (newer / source / f"events.v{self._version}.json").write_text(json.dumps(node))
        self._folder = newer
        os.environ[FOLDER_VARIABLE] = str(newer)

    def run(self) -> None:
        if self.settings.lake.exists():
            Lake.open(self.settings).upgrade()
        run_stream(self.settings, self.kafka)

    def close(self) -> None:
        os.environ[FOLDER_VARIABLE] = str(self._contracts)


in_process("pins and notes", smoke=12, full=80, doubles=1)(PinScenario)
in_process("pins overtaken", smoke=3, actions=("overtaken",), doubles=0)(PinScenario)
in_process("upkeep", smoke=10, full=110, doubles=2, renew=15)(UpkeepScenario)
in_process("upkeep overtaken", smoke=3, full=25, actions=("overtaken",), doubles=0, renew=15)(
    UpkeepScenario
)
in_process("lost catalog", smoke=10, full=80, doubles=1, renew=20)(LostCatalogScenario)
in_process("replay of failed records", smoke=14, full=100, doubles=1, renew=25)(ReplayScenario)
in_process("replay overtaken", smoke=3, actions=("overtaken",), doubles=0)(OvertakenReplay)
in_process("upgrade of contracts", smoke=6, full=60, doubles=1, renew=4)(UpgradeScenario)
