"""Sketches keep their stated error, and a sketch of sketches is the sketch of all."""

from typing import Any

import duckdb
import pytest

SEEDS, IDS, SIZE = 30, 4_000, 256
STATED = (SIZE - 2) ** -0.5

pytestmark = pytest.mark.xdist_group("dbt_macros")


@pytest.fixture(scope="module")
def warehouse(make_project: Any) -> duckdb.DuckDBPyConnection:
    """Sketches of 4,000 ids for each of 30 seeds, from rows and by way of seven pieces."""
    value = "sketch_value(md5_hash('id'))"
    models = {
        "whole": f"{{{{ sketch('ids', ['seed'], {value}, {SIZE}) }}}}",
        "pieces": f"{{{{ sketch('ids', ['seed', 'piece'], {value}, {SIZE}) }}}}",
        "merged": f"{{{{ sketch('pieces', ['seed'], size={SIZE}) }}}}",
        "estimates": (
            f"select {{{{ sketch_estimate(size={SIZE}) }}}} as estimate from whole group by seed"
        ),
    }
    compiled = make_project("sketches", models).compiled(engine="duckdb")
    connection = duckdb.connect()
    # Each id is seen twice, in two pieces.
    connection.execute(
        f"""
        create table ids as
        select seed, seed || ':' || number % {IDS} as id, number % 7 as piece
        from range(1, {SEEDS} + 1) as seeds(seed), range(2 * {IDS}) as numbers(number)
        """
    )
    for name in models:
        connection.execute(f"create table {name} as {compiled[name]}")
    return connection


def test_a_sketch_has_as_many_values_as_its_size(warehouse: duckdb.DuckDBPyConnection) -> None:
    counts = warehouse.execute("select count(*) from whole group by seed").fetchall()
    assert counts == [(SIZE,)] * SEEDS


def test_a_sketch_of_sketches_is_the_sketch_of_all(warehouse: duckdb.DuckDBPyConnection) -> None:
    sql = "select count(*) from ({} except select * from {})"
    for one, other in (("whole", "merged"), ("merged", "whole")):
        assert warehouse.execute(sql.format(f"from {one}", other)).fetchall() == [(0,)]


def test_the_error_over_thirty_seeds_is_the_stated_one(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    """The mean of 30 errors has a thirtieth of the variance, their spread about 13 % of its own."""
    rows = warehouse.execute("select estimate from estimates").fetchall()
    errors = [(estimate - IDS) / IDS for (estimate,) in rows]
    assert len(errors) == SEEDS
    assert abs(sum(errors) / SEEDS) < 3 * STATED / SEEDS**0.5
    spread = (sum(error**2 for error in errors) / SEEDS) ** 0.5
    assert 0.6 * STATED < spread < 1.4 * STATED
