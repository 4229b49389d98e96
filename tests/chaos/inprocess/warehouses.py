"""Build, publish and go back, around one model that is run directly; readers look in between."""

import json
import random
from collections import Counter
from pathlib import Path
from unittest.mock import patch

from ingestion.lake import Lake
from orchestration.warehouse import dbt
from orchestration.warehouse.build import build
from orchestration.warehouse.parsed import ParsedProject
from orchestration.warehouse.publish import publish, rollback
from orchestration.warehouse.query import query
from orchestration.warehouse.store import FILE_NAME, Store
from tests.chaos.books import Difference, Entry
from tests.chaos.inprocess.driver import in_process
from tests.chaos.inprocess.home import LakeScenario
from tests.integration.landings import land_messages
from tests.integration.warehouse.conftest import World, _run_model

MART = "select event_name, sum(action_count)::int from core.fct_actions group by all order by all"


class PublishScenario(LakeScenario):
    """A lake that grows, and a mart that is built from it and published."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        super().__init__(folder, rng)
        self.views = ()
        self.lake()
        self.parsed = folder / "parsed"
        self.parsed.mkdir()
        self.published: list[tuple[str, int]] = []

    def send(self) -> None:
        names = [f"n{len(self.books) + place}" for place in range(3)]
        for name in names:
            self.books.send("core.fct_actions", (name,), Entry(name, 1))
        values = [(World.action(name), None) for name in names]
        land_messages(self.settings, "user-events", {0: values})

    def run(self) -> None:
        self._publish()
        self.published = self.mart()

    def _publish(self, *, full_refresh: bool = False) -> None:
        with (
            patch.object(dbt, "run", _run_model),
            patch.object(dbt, "parsed", lambda *_: ParsedProject(self.parsed)),
            patch.object(dbt, "code_hash", lambda: "tiny"),
        ):
            build(self.settings, full_refresh=full_refresh)
            publish(self.settings)

    def mart(self) -> list[tuple[str, int]]:
        """The mart as readers see it."""
        return query(self.settings, MART, limit=None).rows

    def _whole(self) -> list[tuple[str, int]]:
        """The mart with everything that was sent."""
        entries = self.books.tables["core.fct_actions"].values()
        return sorted((str(entry.key), 1) for entry in entries)

    def between(self, difference: Difference) -> None:
        if (found := self.mart()) not in (self.published, self._whole()):
            difference.notes.append(f"readers see neither the old mart nor the new one: {found}")

    def check_more(self, lake: Lake, difference: Difference) -> None:
        self._check_rows(difference)
        self._check_builds(lake, difference)

    def _check_rows(self, difference: Difference) -> None:
        rows = [((name,), name, count, None) for name, count in self.mart()]
        difference += self.books.compare({"core.fct_actions": rows})

    def _check_builds(self, lake: Lake, difference: Difference) -> None:
        """Each build that is kept is whole and has its rows in the ledger, whoever died."""
        store = Store(self.settings.warehouse)
        left = [*store.folder.glob("building"), *store.folder.rglob(f"{FILE_NAME}.wal")]
        difference.notes += [f"{path} was left" for path in left]
        ledger = lake.read_ops("run_ledger").to_pylist()
        for kept in store.passed():
            about = ("build", kept.manifest.build_id)
            found = [row["loaded"] for row in ledger if (row["kind"], row["subject"]) == about]
            if found != [kept.manifest.rows]:
                difference.notes.append(f"the ledger has {found} of build {about[1]}")
        current = store.published().manifest.build_id
        rows = [row for row in ledger if (row["kind"], row["subject"]) == ("publish", current)]
        if len(rows) != 1:
            difference.notes.append(f"the ledger has {len(rows)} publishes of {current}")
        if store.noted_publish() is not None:
            difference.notes.append("the note of a publish was left")

    def check(self) -> Difference:
        difference = Difference()
        self.check_more(Lake.open(self.settings), difference)
        return difference


class RollbackScenario(PublishScenario):
    """Each build is taken back once readers have seen it, and made again; old ones are removed."""

    def __init__(self, folder: Path, rng: random.Random) -> None:
        super().__init__(folder, rng)
        self.settings = self.settings.model_copy(update={"kept_builds": 2})
        self.before: list[tuple[str, int]] = []
        self.send()
        self.run()

    def send(self) -> None:
        super().send()
        self.before = self.published

    def run(self) -> None:
        self._publish()
        if self.before:  # there is something to go back to
            rollback(self.settings, reason="it is wrong")
            held = publish(self.settings, by_itself=True)
            assert (held.status, self.mart()) == ("held", self.before), held
            self._publish(full_refresh=True)
        self.published = self.mart()

    def check_more(self, lake: Lake, difference: Difference) -> None:
        super().check_more(lake, difference)
        rows = lake.read_ops("run_ledger").to_pylist()
        details = [json.loads(row["details"]) for row in rows if row["kind"] == "rollback"]
        withdrawn = Counter(build_id for each in details for build_id in each["withdrawn"])
        twice = [build_id for build_id in withdrawn if withdrawn[build_id] > 1]
        difference.notes += [f"{build_id} was taken back twice" for build_id in twice]


in_process("build and publish", smoke=18, full=110, doubles=2, renew=20)(PublishScenario)
in_process(
    "rollback",
    smoke=9,
    full=110,
    doubles=2,
    renew=12,
    common=("pin.", "build.after", "build.before", "build.in_accept"),
)(RollbackScenario)
