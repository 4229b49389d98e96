"""An ad world over three days, whose months are closed after the first: no closed line moves.

Everything that makes figures move comes after the close: late events, verdicts that later events
turn, credit notes, rates that are corrected. The key does not know of closes: it has the restated
truth.
"""

from collections.abc import Iterator

import duckdb
import pytest

from ingestion.adworld import create_world, play
from ingestion.adworld.sinks import MemorySink
from ingestion.lake import Lake
from ingestion.settings import Settings
from orchestration.warehouse.build import build
from orchestration.warehouse.chain.balances import balances
from orchestration.warehouse.finance import close_period, periods
from orchestration.warehouse.publish import publish
from orchestration.warehouse.query import query
from orchestration.warehouse.reconcile import reconcile
from orchestration.warehouse.store import Store
from orchestration.warehouse.verify import verify
from tests.integration.landings import land_played

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("closed_world")]

LAST_MONTH = "2026-03"
AMOUNTS = ("billed_amount", "billed_base_amount", "media_cost_amount", "media_cost_base_amount")
LINE = "line_item_id, campaign_id, advertiser_id, advertiser_date, currency_code"

DIFFERENCES = f"""
with sides as (
    select {LINE}, {", ".join(AMOUNTS)} from finance.fct_line_item_spend_daily
    where advertiser_date < (select max(closed_to_date) from business_vault.bv_billing_periods)
    union all
    select {LINE}, {", ".join(f"-{amount}" for amount in AMOUNTS)} from finance.fct_frozen_lines
    union all
    select {LINE}, {", ".join(f"-{amount}" for amount in AMOUNTS)}
    from finance.fct_billing_adjustments
)
select {LINE} from sides group by all
having {" or ".join(f"sum({amount}) <> 0" for amount in AMOUNTS)}
"""


class World:
    """A home that days are played into."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._sink = MemorySink()
        create_world(settings.world, seed=11, scale=9_000, days=3)
        Lake.open(settings).ensure_tables()

    def play(self, day: int) -> None:
        """Play, land, build and publish a day."""
        play(self.settings, day, sink=self._sink)
        land_played(self.settings, self._sink)
        self.build()

    def build(self, *, full_refresh: bool = False) -> None:
        build(self.settings, full_refresh=full_refresh)
        publish(self.settings)

    def close_all(self) -> list[str]:
        """Close every month up to the last, in order."""
        names = [
            row["billing_period"]
            for row in periods(self.settings)
            if row["period_status"] == "open" and row["billing_period"] <= LAST_MONTH
        ]
        for name in names:
            close_period(self.settings, name)
            self.build()
        return names

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        return query(self.settings, sql, limit=None).rows


@pytest.fixture(scope="module")
def closed(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[World, list[tuple[object, ...]]]]:
    """The world after three days, and what was frozen after the first."""
    settings = Settings(home=tmp_path_factory.mktemp("closed"), drop_quiet_seconds=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADX_HOME", str(settings.home))
        world = World(settings)
        world.play(1)
        assert world.close_all()[-1:] == [LAST_MONTH]
        frozen = world.ask(FROZEN)
        world.play(2)
        world.play(3)
        yield world, frozen


FROZEN = "from finance.fct_frozen_lines order by all"


def test_what_is_frozen_has_not_moved(closed):
    world, frozen = closed
    assert frozen
    assert world.ask(FROZEN) == frozen


def test_frozen_lines_and_adjustments_are_the_restated_truth(closed):
    world, _ = closed
    assert world.ask("select count(*) > 10 from finance.fct_billing_adjustments") == [(True,)]
    assert world.ask(DIFFERENCES) == []


def test_the_marts_still_say_what_the_key_says(closed):
    world, _ = closed
    verdict = verify(world.settings)
    assert [str(failure) for failure in verdict.failures] == []
    assert verdict.passed >= 400


def test_the_chain_holds_and_a_frozen_line_that_moved_is_found(closed):
    world, _ = closed
    assert [str(failure) for failure in reconcile(world.settings).failures] == []
    with duckdb.connect(str(Store(world.settings.warehouse).published().file)) as file:
        table = "finance.fct_frozen_lines"
        more = "set media_cost_amount = media_cost_amount + 0.000000001"
        for change, balance in (
            (f"update {table} {more}", "frozen + adjustments"),
            (f"delete from {table}", "lines that a close froze"),
        ):
            (link,) = (link for link in balances() if link.name.startswith(balance))
            assert file.execute(link.statement()).fetchall() == []
            file.execute("begin")
            file.execute(f"{change} where rowid = 0")
            assert len(file.execute(link.statement()).fetchall()) == 1
            file.execute("rollback")


def test_increments_around_a_close_equal_a_full_refresh(closed):
    world, _ = closed
    sums = "from meta.table_checksums order by all"
    increments = world.ask(sums)
    world.build(full_refresh=True)
    rebuilt = world.ask(sums)
    assert {row[:3] for row in {*increments} ^ {*rebuilt}} == set()
