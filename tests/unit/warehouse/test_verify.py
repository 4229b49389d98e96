"""Verifying: digit by digit, both ways, pair by pair."""

import json
from decimal import Decimal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingestion.errors import AdxError, ExitCode
from orchestration.warehouse.metrics import FAMILIES, Family
from orchestration.warehouse.metrics.family import rate
from orchestration.warehouse.verify import (
    compare,
    exact_text,
    mart_values,
    newest_key,
    read_key,
)

DE = (("country", "DE"),)
FR = (("country", "FR"),)
CLICKS = ("clicks", "country")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1200, "1200"),
        (Decimal("1200.000000000"), "1200"),
        (Decimal("0.080000000"), "0.08"),
        (Decimal("-0.000000001"), "-0.000000001"),
        (Decimal("1E+3"), "1000"),
        (Decimal("12345678901234567890.123456789"), "12345678901234567890.123456789"),
    ],
)
def test_numbers_are_written_plainly(value, text):
    assert exact_text(value) == text


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [
        (2, 3, "0.666666667"),
        (1, 3, "0.333333333"),
        (-2, 3, "-0.666666667"),
        (1, 2_000_000_000, "0.000000001"),  # a half is rounded away from zero
        (-1, 2_000_000_000, "-0.000000001"),
        (1, 2_000_000_001, "0"),
        (Decimal("12345678901234567890.5"), 1, "12345678901234567890.5"),
    ],
)
def test_a_rate_is_rounded_once_from_the_exact_quotient(numerator, denominator, expected):
    assert exact_text(rate(numerator, denominator)) == expected


@pytest.mark.parametrize("denominator", [0, None, Decimal(0)])
def test_a_rate_over_nothing_is_no_rate(denominator):
    assert rate(1, denominator) is None


def test_equal_values_pass():
    values = {CLICKS: {DE: "3", FR: "1"}}
    verdict = compare(values, {CLICKS: dict(values[CLICKS])})
    assert (verdict.passed, verdict.failed) == (1, 0)
    assert verdict.last_line == "1 passed, 0 failed"


@pytest.mark.parametrize(
    ("marts", "message"),
    [
        ({DE: "4", FR: "1"}, "clicks by country at country DE: expected 3, found 4"),
        ({FR: "1"}, "clicks by country at country DE: expected 3, found nothing"),
        (
            {DE: "3", FR: "1", (("country", "IT"),): "2"},
            "clicks by country at country IT: expected nothing, found 2",
        ),
        ({DE: "4"}, "clicks by country at country DE: expected 3, found 4 (and 1 more)"),
    ],
)
def test_a_difference_names_pair_place_and_both_values(marts, message):
    verdict = compare({CLICKS: {DE: "3", FR: "1"}}, {CLICKS: marts})
    assert [str(failure) for failure in verdict.failures] == [message]


def test_a_pair_that_only_one_side_knows_fails():
    assert compare({CLICKS: {DE: "3"}}, {}).failed == 1
    assert compare({}, {CLICKS: {DE: "3"}}).failed == 1


def test_an_estimate_passes_within_its_error_and_an_exact_figure_does_not():
    key = {CLICKS: {DE: "1000", FR: "1000"}}
    errors = {CLICKS: {DE: Decimal(50)}}
    assert compare(key, {CLICKS: {DE: "1050", FR: "1000"}}, errors).failed == 0
    assert compare(key, {CLICKS: {DE: "1051", FR: "1000"}}, errors).failed == 1
    assert compare(key, {CLICKS: {DE: "1000", FR: "1001"}}, errors).failed == 1
    assert compare(key, {CLICKS: {FR: "1000"}}, errors).failed == 1


def test_estimates_say_how_far_they_may_be_from_the_truth():
    family = Family(
        relation="reach",
        measures={"reach": "sum(reach_count)", "error": "max(relative_error)"},
        dimensions={"country": "country"},
        grains=("country",),
        error="error",
    )
    errors = {}
    rows = [("DE", 1000, Decimal("0.031")), ("FR", 7, Decimal(0))]
    values = mart_values(lambda _: rows, [family], errors)
    assert values == {("reach", "country"): {DE: "1000", FR: "7"}}
    assert errors == {("reach", "country"): {DE: Decimal(155)}}


def test_balance_metrics_are_one_pair_a_source_table(tmp_path):
    rows = [
        ("loaded", "source_table", {"source_table": "a.x"}, "1"),
        ("loaded", "source_table", {"source_table": "b.y"}, "2"),
        ("failed", "source_table,reason", {"source_table": "a.x", "reason": "parse"}, "3"),
        ("failed", "source_table,reason", {"source_table": "a.x", "reason": "schema"}, "4"),
        ("clicks", "total", {}, "5"),
    ]
    table = pa.table(
        {
            "metric": [row[0] for row in rows],
            "grain": [row[1] for row in rows],
            "dims": [json.dumps(row[2], sort_keys=True) for row in rows],
            "value": [row[3] for row in rows],
        }
    )
    pq.write_table(table, tmp_path / "day-1.parquet")
    key = read_key(tmp_path / "day-1.parquet")
    assert list(key) == [
        ("loaded", "source_table a.x"),
        ("loaded", "source_table b.y"),
        ("failed", "source_table,reason a.x"),
        ("clicks", "total"),
    ]
    assert compare(key, {}).failed == 4


def test_the_newest_day_is_the_greatest_number(tmp_path):
    (tmp_path / "key").mkdir()
    for name in ("day-2.parquet", "day-10.parquet", "day-11.parquet.tmp", "notes.txt"):
        (tmp_path / "key" / name).touch()
    assert newest_key(tmp_path) == (10, tmp_path / "key" / "day-10.parquet")


def test_without_a_played_day_there_is_no_key(tmp_path):
    with pytest.raises(AdxError) as caught:
        newest_key(tmp_path)
    assert caught.value.exit_code is ExitCode.CONFIGURATION


def test_marts_are_summed_by_grain_and_zeros_left_out():
    family = Family(
        relation="sales",
        measures={"sold": "sum(n)", "shown": "sum(m)"},
        dimensions={"country": "c", "SKU": "sku"},
        grains=("total", "country,SKU"),
        compute=lambda sums, _: {"sold": sums["sold"], "share": rate(sums["sold"], sums["shown"])},
    )
    with duckdb.connect() as connection:
        connection.execute(
            "create table sales as select * from (values ('DE', 'b', 1, 3), ('DE', 'b', 1, 0), "
            "('FR', 'a', 0, 4), (null, 'a', 5, 5)) as rows(c, sku, n, m)"
        )
        values = mart_values(lambda sql: connection.execute(sql).fetchall(), [family])
    assert values == {
        ("sold", "total"): {(): "7"},
        ("share", "total"): {(): "0.583333333"},
        ("sold", "country,SKU"): {(("SKU", "b"), ("country", "DE")): "2"},
        ("share", "country,SKU"): {(("SKU", "b"), ("country", "DE")): "0.666666667"},
    }


def test_each_metric_at_each_grain_has_one_source():
    seen = set()
    for family in FAMILIES:
        ones = dict.fromkeys(family.columns, 1)
        for grain in family.grains:
            names = set() if grain == "total" else set(grain.split(","))
            assert names <= set(family.dimensions), grain
            for metric in family.compute(ones, grain):
                assert (metric, grain) not in seen
                seen.add((metric, grain))
    assert len(seen) >= 120
