"""The vectorised path for flat records whose values are text: CSV files and SQL rows."""

from functools import cache

import pyarrow as pa

from ingestion.contracts import Contract
from ingestion.landing import engine, predicates
from ingestion.landing.context import LandingContext
from ingestion.landing.rows import Mask, accepted_rows
from ingestion.landing.tree import (
    judging_query,
    payload_rules,
    required_rules,
    tree,
    unjudged_rules,
)


def accept_texts(context: LandingContext, texts: list[pa.Array]) -> tuple[pa.Table, Mask]:
    """Rows of the records that keep the contract for certain.

    Args:
        context: The landing.
        texts: One array of text a declared field, in the contract's order; null for no value.

    Returns:
        One row a record in `body_schema`, and which of them are in doubt and hold anything.
    """
    numbers = [leaf.number for leaf in tree(context.contract).leaves]
    records = pa.table({f"t{number}": text for number, text in zip(numbers, texts, strict=True)})
    found = engine.run(
        _query(context.contract),
        records,
        threads=context.threads,
    )
    rows, doubtful, _ = accepted_rows(context, found)
    return rows, doubtful


@cache
def _query(contract: Contract) -> str:
    root = tree(contract)
    leaves = list(root.leaves)
    values = [f"{predicates.value(leaf.field, leaf.text)} as {leaf.typed}" for leaf in leaves]
    conditions = required_rules(root, "t")
    for leaf in leaves:
        conditions += predicates.rules(leaf.field, leaf.text, leaf.typed)
    conditions += [*payload_rules(contract, root, "t"), *unjudged_rules(root, "t")]
    return judging_query(root, values, conditions)
