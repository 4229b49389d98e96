"""The project on the emulator: a first build, an increment, and what readers see meanwhile."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from ingestion.contracts import all_contracts
from ingestion.errors import AdxError, ExitCode
from ingestion.failpoints import DiedError, failing
from ingestion.lake import Lake
from ingestion.lake.duckdb import connect, relation_sql
from ingestion.settings import Settings
from orchestration.warehouse import scratch
from orchestration.warehouse.bigquery.builds import Builds
from orchestration.warehouse.bigquery.publish import publish_script, set_of
from orchestration.warehouse.bigquery.service import MARTS, Service
from orchestration.warehouse.build import Result, build
from orchestration.warehouse.pin import find_pin
from orchestration.warehouse.publish import publish, rollback
from orchestration.warehouse.query import Answer as QueryAnswer
from orchestration.warehouse.query import query
from orchestration.warehouse.report import figures
from orchestration.warehouse.semantic import NATIVE, Question, SemanticLayer
from orchestration.warehouse.verify import verify
from tests.emulated import read_table, table_names
from tests.integration.bigquery.misbehaving import Answer, misbehaving, through
from tests.parity.canonical import Table
from tests.parity.emulator import EmulatorBuild
from tests.parity.judging import Comparison, Report
from tests.parity.world import LandedWorld

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("bigquery_emulated")]

OF_DBT = '"node_id"'
"""Stands in every statement that dbt sends for a node, and in no other."""


@dataclass
class Story:
    """What has happened to the warehouse so far."""

    settings: Settings
    first: Result
    second: Result | None = None

    def seen(self) -> dict[str, int]:
        """What readers see: rows of every view."""
        service = Service(self.settings)
        names = [(layer, name) for layer in MARTS for name in table_names(self.settings, layer)]
        counted = service.run(
            " union all ".join(
                f"select '{layer}.{name}', count(*) from {service.table(layer, name)}"
                for layer, name in names
            )
        )
        return {str(name): int(count) for name, count in counted}

    def published(self) -> str:
        published = Builds(Service(self.settings)).published()
        assert published is not None
        return published.manifest.build_id

    @contextmanager
    def unseen(self) -> Iterator[None]:
        """What happens inside is not seen by readers."""
        before = (self.published(), self.seen())
        yield
        assert (self.published(), self.seen()) == before


@pytest.fixture(scope="module")
def story(on_emulator: Settings, world: LandedWorld) -> Story:
    """The first build, published."""
    assert len(world.pins) == 1, "these tests land the second day, so they run before others"
    first = build(on_emulator)
    publish(on_emulator)
    return Story(on_emulator, first)


def test_the_first_build_is_whole(story: Story) -> None:
    first = story.first
    assert (first.status, first.full_refresh, first.pin) == ("built", True, 1)
    assert first.models > 100
    assert first.tests > 200


def test_readers_see_views_of_the_builds_own_set(story: Story) -> None:
    service = Service(story.settings)
    kept = service.tables(set_of(story.first.build_id))
    views = {layer: service.tables(layer) for layer in MARTS}
    assert {kind for tables in views.values() for kind in tables.values()} == {"VIEW"}
    assert sorted(kept) == sorted(name for tables in views.values() for name in tables)
    rows = {name.split(".")[1]: count for name, count in story.seen().items()}
    assert rows["fct_impressions"] > 0
    assert rows["fct_impressions_as_of"] == rows["fct_impressions"]
    assert service.run(f"select build_id, pin from {service.table('meta', 'build')}") == [
        (story.first.build_id, 1)
    ]


def test_raw_tables_hold_the_good_rows_of_the_pin(story: Story) -> None:
    pinned = find_pin(Lake.open(story.settings), 1)
    with connect(story.settings) as connection:
        for contract in all_contracts():
            location = pinned.tables[contract.name].metadata_location
            expected = connection.execute(relation_sql(contract, location, "good"))
            found = read_table(story.settings, contract.namespace, contract.table)
            assert _rows(found) == _rows(expected.to_arrow_table()), contract.name


def _rows(table: Any) -> list[str]:
    """Rows as texts, in one order."""
    return sorted(repr(_as_stored(row)) for row in table.to_pylist())


def _as_stored(value: Any) -> Any:
    """A value as BigQuery has it: no null array, and no struct of nothing but nulls."""
    if isinstance(value, dict):
        return {name: _as_stored(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_as_stored(item) for item in value]
    return value


def test_the_same_pin_is_built_once(story: Story) -> None:
    with story.unseen():
        again = build(story.settings)
        assert (again.status, again.build_id) == ("nothing to do", story.first.build_id)
        assert publish(story.settings).status == "nothing to do"


def test_questions_only_read(story: Story) -> None:
    answer = query(story.settings, "select count(*) as n from core.dim_currencies", limit=5)
    assert (answer.columns, answer.truncated) == (["n"], False)
    with pytest.raises(AdxError, match="only reads; this is drop view") as caught:
        query(story.settings, "drop view core.dim_currencies", limit=None)
    assert caught.value.exit_code == ExitCode.USAGE
    with pytest.raises(AdxError, match=r"BigQuery says: .*no_such_table"):
        query(story.settings, "select * from core.no_such_table", limit=None)


def test_developers_work_on_clones(story: Story) -> None:
    with story.unseen():
        scratch.run(story.settings, ["build", "--select", "dim_currencies"])
    assert "dim_currencies" in table_names(story.settings, "scratch_work_core")
    assert Builds(Service(story.settings)).begun().build_id == story.first.build_id


@pytest.mark.parametrize(
    ("answer", "sentence", "exit_code"),
    [
        (
            Answer(500, "internalError", "An internal error occurred"),
            "BigQuery at http.* fails",
            ExitCode.UNAVAILABLE,
        ),
        (
            Answer(400, "bytesBilledLimitExceeded", "Query exceeded limit for bytes billed: 9."),
            "more than the cap of",
            ExitCode.FAILED,
        ),
    ],
    ids=["service fails", "too many bytes"],
)
def test_a_build_that_the_service_ends_is_not_seen(
    story: Story, world: LandedWorld, answer: Answer, sentence: str, exit_code: ExitCode
) -> None:
    if len(world.pins) == 1:
        world.next_day()
    with story.unseen(), misbehaving(story.settings.bigquery_endpoint) as service:
        service.fails[OF_DBT] = answer
        with pytest.raises(AdxError, match=sentence) as caught:
            build(through(service, story.settings))
        assert caught.value.exit_code == exit_code
        assert service.failed
    begun = Builds(Service(story.settings)).begun()
    assert (begun.pin, begun.full_refresh) == (2, False)


def test_an_increment_goes_on_from_what_is_published(story: Story) -> None:
    with story.unseen():
        story.second = build(story.settings)
    second = story.second
    assert (second.status, second.pin, second.previous_pin) == ("built", 2, 1)
    assert second.changed["core.fct_impressions"] > 0


def test_a_publish_that_fails_leaves_the_views(story: Story) -> None:
    service = Service(story.settings)
    with story.unseen(), misbehaving(story.settings.bigquery_endpoint) as failing:
        failing.fails["exception when error"] = Answer(500, "backendError", "Try again")
        with pytest.raises(AdxError, match="fails"):
            publish(through(failing, story.settings))
    first, second = Builds(service).passed()
    kept = service.table(set_of(second.manifest.build_id), "fct_wins")
    with story.unseen():
        service.run(f"drop table {kept}")
        with pytest.raises(AdxError, match="fct_wins"):
            service.run(publish_script(service, second, first))
        with pytest.raises(AdxError, match="fct_wins is missing"):
            publish(story.settings)
    service.run(f"create table {kept} clone {service.table('work_core', 'fct_wins')}")
    with story.unseen(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Builds, "seen_statements", lambda *_: ["select error('the last one')"])
        with pytest.raises(AdxError, match="the last one"):
            service.run(publish_script(service, second, first))


def test_readers_see_a_build_when_it_is_published(story: Story) -> None:
    before = story.seen()
    publication = publish(story.settings)
    assert (publication.status, publication.replaced) == ("published", story.first.build_id)
    after = story.seen()
    assert after.keys() == before.keys()
    assert after["core.fct_impressions"] > before["core.fct_impressions"]


def test_readers_go_back_and_what_was_taken_back_stays_so(story: Story) -> None:
    first, newest, after = story.first.build_id, story.published(), story.seen()

    with failing("rollback.after_decision", "die"), pytest.raises(DiedError):
        rollback(story.settings, reason="wrong")
    assert (story.published(), story.seen()) == (newest, after), "readers see one of the two"
    held = publish(story.settings, by_itself=True)
    assert (held.status, held.build_id) == ("held", first), "it was decided, so it is done"

    with story.unseen():
        assert rollback(story.settings, reason="wrong").status == "nothing to do"
        again = build(story.settings)
        assert (again.status, again.build_id) == ("nothing to do", newest)
        assert "was withdrawn (wrong)" in again.reason
        assert publish(story.settings).status == "nothing to do"
    rows = Builds(Service(story.settings)).passed()[0].relations
    shown = {name: count for name, count in story.seen().items() if rows[name] is not None}
    assert shown.items() <= rows.items(), "the rows of the first build"
    ledger = Lake.open(story.settings).read_ops("run_ledger").to_pylist()
    assert [row["subject"] for row in ledger if row["kind"] == "rollback"] == [first]

    assert publish(story.settings, newest).replaced == first
    assert (story.published(), story.seen()) == (newest, after)
    assert publish(story.settings, by_itself=True).status == "nothing to do"


def test_what_readers_see_is_what_the_answer_key_says(story: Story) -> None:
    verdict = verify(story.settings)
    assert not verdict.failures, "\n".join(map(str, verdict.failures))
    assert verdict.passed > 100


def test_the_report_has_its_figures(story: Story) -> None:
    sections = figures(story.settings)
    assert [section.name for section in sections if not section.rows] == []
    assert len(sections) == 6
    for section in sections:
        assert {len(row) for row in section.rows} == {len(section.columns)}


def test_every_table_is_the_one_of_duckdb(story: Story, world: LandedWorld) -> None:
    for pin in world.pins:
        world.build(pin)
    report = Report()
    comparison = Comparison("emulator", report)
    expected = world.built(world.pins[-1]).tables()
    comparison.compare("pin 2", expected, EmulatorBuild(story.settings).tables())
    comparison.close()
    assert not report.failed
    assert report.passed > 120


def test_datasets_that_were_deleted_are_made_again(story: Story) -> None:
    service, before = Service(story.settings), story.seen()
    for dataset in ("raw_vault", "finance"):
        service.drop_dataset(dataset)
    again = build(story.settings)
    assert (again.status, again.full_refresh) == ("built", True)
    assert re.fullmatch(r"finance\.\w+ and \d+ more of build .* is gone", again.reason)
    assert publish(story.settings).status == "published"
    assert story.seen() == before
    assert not verify(story.settings).failures


def test_metrics_are_the_same_on_both_engines(story: Story, world: LandedWorld) -> None:
    """In total: the emulator takes a name in GROUP BY for either side's of a join.

    By dimensions they are asked in the reference executor (`test_parity.py`).
    """
    here, there = SemanticLayer(world.settings), SemanticLayer(story.settings)
    assert here.metrics() == there.metrics()
    for metric in here.metrics():
        per = [name for name in metric.group_bys if name.endswith(metric.per)]
        question = Question([metric.name], by=[*per, *["currency"] * (metric.unit == NATIVE)])
        assert _table(there.ask(question)) == _table(here.ask(question)), question


def _table(answer: QueryAnswer) -> Table:
    rows = (dict(zip(answer.columns, row, strict=True)) for row in answer.rows)
    return Table.of(answer.columns, rows)
