"""Closing a month: frozen for good, in order, once; and what misuse is told."""

import json
import shutil
import signal
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ingestion.errors import AdxError, ExitCode
from ingestion.lake import pinning
from ingestion.settings import PROJECT_ROOT, Settings
from orchestration.warehouse import dbt
from orchestration.warehouse.build import build
from orchestration.warehouse.finance import close_period, periods
from orchestration.warehouse.publish import publish
from orchestration.warehouse.query import query
from tests.integration.warehouse.conftest import World

pytestmark = pytest.mark.slow

PROJECT = """
name: ledgers
version: "1.0.0"
config-version: 2
profile: advertisex
flags:
  send_anonymous_usage_stats: false
vars:
  hash_contract: 1
  base_currency: EUR
models:
  ledgers:
    +materialized: table
    +schema: finance
"""

# An action costs its advertiser a third of a euro, and us a seventh.
SPEND = """
{{ config(materialized='view') }}
select
    event_date as advertiser_date,
    event_name as line_item_id,
    'C1' as campaign_id,
    cast(null as varchar) as advertiser_id,
    'EUR' as currency_code,
    'EUR' as base_currency_code,
    cast(count(*) * 0.333333333 as decimal(38, 9)) as billed_amount,
    cast(count(*) * 0.142857143 as decimal(38, 9)) as media_cost_amount,
    cast(count(*) * 0.333333333 as decimal(38, 9)) as billed_base_amount,
    cast(count(*) * 0.142857143 as decimal(38, 9)) as media_cost_base_amount
from raw_user_events.events
group by event_date, event_name
"""

CURRENCIES = "select 'EUR' as currency_code, cast(2 as bigint) as minor_unit_digits"

REAL = (
    "staging/ops/_ops__sources.yml",
    "staging/ops/stg_ops__billing_periods.sql",
    "staging/ops/stg_ops__frozen_lines.sql",
    "business_vault/bv_billing_periods.sql",
    "business_vault/bv_frozen_lines.sql",
    "marts/finance/fct_frozen_lines.sql",
    "marts/finance/fct_billing_adjustments.sql",
    "marts/finance/fct_billing_periods.sql",
    "marts/finance/fct_billing_lines.sql",
    "marts/finance/fct_invoice_lines.sql",
    "marts/finance/fct_invoices.sql",
    "marts/finance/rpt_trial_balance.sql",
)
"""Models of the project itself, over a spend that a test can land."""


class Ledgers(World):
    """A lake of user actions, billed by the action, and the project's billing periods over it."""

    def act(self, *dates: str, name: str = "view") -> None:
        """Land an action of each of these dates."""
        self.land(
            *(
                json.dumps(
                    {
                        "timestamp": f"{day}T09:00:00Z",
                        "event_name": name,
                        "user_identifiers": {"platform": "web", "id": "user_1"},
                    }
                ).encode()
                for day in dates
            )
        )

    def build(self) -> None:
        build(self.settings)
        publish(self.settings)

    def ask(self, sql: str) -> list[Any]:
        return query(self.settings, sql, limit=None).rows

    def frozen(self) -> list[Any]:
        return self.ask("from finance.fct_frozen_lines order by all")

    def adjustments(self) -> list[Any]:
        return self.ask(
            "select billing_period, line_item_id, advertiser_date::varchar, billed_amount, "
            "media_cost_amount from finance.fct_billing_adjustments order by all"
        )

    def invoices(self) -> list[Any]:
        return self.ask(
            "select billing_period, invoice_status, lines_amount, adjustments_amount "
            "from finance.fct_invoices order by all"
        )

    def balances(self) -> list[Any]:
        return self.ask(
            "select billing_period, sum(debit_base_amount) - sum(credit_base_amount) "
            "from finance.rpt_trial_balance group by all order by all"
        )


@pytest.fixture(scope="session")
def ledger_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dbt_project")
    (folder / "models").mkdir()
    (folder / "macros").symlink_to(PROJECT_ROOT / "macros")
    (folder / "dbt_project.yml").write_text(PROJECT)
    for name in REAL:
        shutil.copy(PROJECT_ROOT / "dbt_project" / "models" / name, folder / "models")
    (folder / "models" / "fct_line_item_spend_daily.sql").write_text(SPEND)
    (folder / "models" / "dim_currencies.sql").write_text(CURRENCIES)
    return folder


@pytest.fixture
def ledgers(settings: Settings, ledger_project: Path, monkeypatch: pytest.MonkeyPatch) -> Ledgers:
    monkeypatch.setattr(dbt, "PROJECT_FOLDER", ledger_project)
    monkeypatch.setattr(dbt, "code_hash", lambda: "tiny")
    monkeypatch.setenv("ADX_HOME", str(settings.home))
    return Ledgers(settings)


def refused(settings: Settings, period: str) -> AdxError:
    with pytest.raises(AdxError) as caught:
        close_period(settings, period)
    return caught.value


def test_a_closed_month_never_changes_and_adjustments_hold_the_difference(ledgers, settings):
    ledgers.act("2026-01-05", "2026-01-05", "2026-01-31", "2026-03-01")
    ledgers.build()
    closed = close_period(settings, "2026-01")
    assert (closed.status, closed.lines, closed.adjustments) == ("closed", 2, 0)
    assert ledgers.frozen() == []  # readers see it with the next build
    ledgers.build()
    frozen = ledgers.frozen()
    assert sum(row[9] for row in frozen) == Decimal("0.999999999")
    assert ledgers.adjustments() == []

    # Late: one more of a frozen line, a new line of the month, one of a month nobody closed.
    ledgers.act("2026-01-05", "2026-01-07", "2025-12-31")
    ledgers.build()
    assert ledgers.frozen() == frozen
    third, seventh = Decimal("0.333333333"), Decimal("0.142857143")
    late = [
        ("2026-02", "view", day, third, seventh)
        for day in ("2025-12-31", "2026-01-05", "2026-01-07")
    ]
    assert ledgers.adjustments() == late

    second = close_period(settings, "2026-02")
    assert (second.lines, second.adjustments) == (0, 3)
    ledgers.build()
    assert ledgers.adjustments() == []
    assert set(frozen) < set(ledgers.frozen())
    truth, settled = (
        ledgers.ask(
            f"select sum(billed_amount), sum(media_cost_amount) from finance.{table} "
            "where advertiser_date < '2026-03-01'"
        )
        for table in ("fct_line_item_spend_daily", "fct_frozen_lines")
    )
    assert truth == settled == [(6 * third, 6 * seventh)]
    shown = [
        (row["billing_period"], row["period_status"], row["line_count"], row["adjustment_count"])
        for row in periods(settings)
    ]
    assert shown == [
        ("2025-12", "closed", 0, 0),
        ("2026-01", "closed", 2, 0),
        ("2026-02", "closed", 0, 3),
        ("2026-03", "open", 1, 0),
    ]


def test_the_invoice_of_a_closed_month_never_changes(ledgers, settings):
    """Lines of 0.33 are 0.333333333 each; three in one line are 1.00, and so on the invoice."""
    ledgers.act("2026-01-05", "2026-01-05", "2026-01-31", "2026-03-01")
    ledgers.build()
    one, third = Decimal(1), Decimal("0.33")
    january, march = ("2026-01", "draft", one, 0), ("2026-03", "draft", third, 0)
    assert ledgers.invoices() == [january, march]
    close_period(settings, "2026-01")
    ledgers.build()
    january = ("2026-01", "final", one, 0)
    assert ledgers.invoices() == [january, march]

    # Late: two of January, 0.67 together, and one of December, 0.33.
    ledgers.act("2026-01-05", "2026-01-07", "2025-12-31")
    ledgers.build()
    assert ledgers.invoices() == [january, ("2026-02", "draft", 0, one), march]
    close_period(settings, "2026-02")
    ledgers.act("2026-02-01")
    ledgers.build()
    assert ledgers.invoices() == [
        january,
        ("2026-02", "final", 0, one),
        ("2026-03", "draft", third, third),
    ]
    assert ledgers.balances() == [("2026-01", 0), ("2026-02", 0), ("2026-03", 0)]


def test_a_rebuild_of_a_pin_has_what_was_closed_then(ledgers, settings):
    ledgers.act("2026-01-05")
    ledgers.build()
    close_period(settings, "2026-01")
    ledgers.build()
    before, after = (build(settings, pin=number, full_refresh=True) for number in (1, 2))
    assert [
        query(settings, "select count(*) from finance.fct_frozen_lines", limit=None, build=one).rows
        for one in (before.build_id, after.build_id)
    ] == [[(0,)], [(1,)]]


def test_a_close_that_is_killed_before_its_period_closed_nothing(ledgers, settings):
    ledgers.act("2026-01-05", "2026-01-06")
    ledgers.build()
    for _ in range(2):  # the same close once more writes the same lines
        killed = ledgers.adx(
            "finance", "close", "--period", "2026-01", ADX_FAILPOINT="finance.before_period"
        )
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert ledgers.lake.read_ops("frozen_lines").num_rows == 2
    ledgers.act("2026-01-07")
    ledgers.build()
    assert ledgers.frozen() == []
    assert [row["period_status"] for row in periods(settings)] == ["open"]
    # The lines of the close that was killed stay, and count for nothing.
    again = ledgers.adx("finance", "close", "--period", "2026-01", "--json")
    assert json.loads(again.stdout)["lines"] == 3, again.stderr
    assert ledgers.lake.read_ops("frozen_lines").num_rows == 5
    ledgers.build()
    assert len(ledgers.frozen()) == 3


def test_closing_again_changes_nothing(ledgers, settings):
    ledgers.act("2026-01-05")
    ledgers.build()
    first = close_period(settings, "2026-01")
    ledgers.act("2026-01-06")
    ledgers.build()
    tables = ("frozen_lines", "billing_periods")
    before = [ledgers.lake.read_ops(table) for table in tables]
    again = close_period(settings, "2026-01")
    assert (again.status, again.build_id, again.lines) == ("nothing to do", first.build_id, 1)
    assert [ledgers.lake.read_ops(table) for table in tables] == before


def test_nothing_is_closed_before_something_is_published(ledgers, settings):
    error = refused(settings, "2026-01")
    assert "published" in error.message
    assert error.exit_code is ExitCode.CONFIGURATION


@pytest.mark.parametrize("period", ["2026-1", "2026-13", "January", "2026-01-01"])
def test_only_months_can_be_closed(ledgers, settings, period):
    error = refused(settings, period)
    assert repr(period) in error.message
    assert "YYYY-MM" in error.remedy
    assert error.exit_code is ExitCode.USAGE


def test_months_close_in_order(ledgers, settings):
    ledgers.act("2025-12-31", "2026-01-01", "2026-03-05")
    ledgers.build()
    error = refused(settings, "2026-03")
    assert "2025-12, which is open" in error.message
    assert "--period 2025-12" in error.remedy
    close_period(settings, "2025-12")
    (line,) = ledgers.lake.read_ops("frozen_lines").to_pylist()
    assert (line["advertiser_date"], line["billed_amount"]) == (
        date(2025, 12, 31),
        Decimal("0.333333333"),
    )
    error = refused(settings, "2026-01")
    assert "knows 0 closed periods, the lake has 1" in error.message
    assert "adx build" in error.remedy
    ledgers.build()
    assert close_period(settings, "2026-01").lines == 1
    ledgers.build()
    assert "2026-01, which comes later" in refused(settings, "2025-11").message


def test_a_month_in_progress_is_not_closed(ledgers, settings, monkeypatch):
    class Clock(datetime):
        moment = datetime(2026, 2, 1, 11, 59, 59, tzinfo=UTC)

        @classmethod
        def now(cls, _zone: Any = None) -> datetime:
            return cls.moment

    monkeypatch.setattr(pinning, "datetime", Clock)
    ledgers.act("2026-01-05")
    ledgers.build()
    error = refused(settings, "2026-01")
    assert "in progress: it is over in all time zones at 2026-02-01 12:00 UTC" in error.message
    Clock.moment += timedelta(seconds=1)
    ledgers.act("2026-01-31")
    ledgers.build()
    assert close_period(settings, "2026-01").lines == 2
