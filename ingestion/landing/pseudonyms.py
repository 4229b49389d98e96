"""Pseudonyms of whole columns, after a query: the vectorised twin of `privacy.py`.

Users and addresses come again and again, so that each distinct value is hashed once. In the query
DuckDB hashed every value, at a higher price each.
"""

import pyarrow as pa
import pyarrow.compute as pc

from ingestion.contracts import Field
from ingestion.landing.keys import hmac_hexes
from ingestion.landing.privacy import ip_prefix
from ingestion.landing.tree import IS_FITTING, Node
from ingestion.landing.values import parse_ip


def pseudonymised(root: Node, found: pa.Table, key: bytes) -> pa.Table:
    """What a query found, its identifiers and addresses replaced.

    An address that is none, which the query leaves open for what may be IPv6, makes its record one
    that is not fitting.

    Args:
        root: The declared fields.
        found: The columns `IS_FITTING` and what `tree.columns` selected.
        key: The pseudonym key.
    """
    fits = found[IS_FITTING]
    for leaf in root.leaves:
        name = leaf.named(leaf.field.column)
        if not leaf.field.is_pseudonymised or name not in found.column_names:
            continue
        texts = found[name].combine_chunks()
        made = _columns(leaf.field, texts, key)
        if leaf.field.pii == "ip":
            fits = pc.and_(fits, pc.equal(pc.is_valid(texts), pc.is_valid(made[leaf.field.column])))
        found = found.drop_columns(name)
        for column, array in made.items():
            found = found.append_column(leaf.named(column), array)
    place = found.schema.get_field_index(IS_FITTING)
    return found.set_column(place, IS_FITTING, fits)


def _columns(field: Field, texts: pa.Array, key: bytes) -> dict[str, pa.Array]:
    encoded = texts.dictionary_encode()
    known: list[str] = encoded.dictionary.to_pylist()

    def of_all(distinct: list[str | None]) -> pa.Array:
        return pa.array(distinct, pa.string()).take(encoded.indices)

    if field.pii == "ip":
        networks = [_address(text) for text in known]
        addresses = [address for address, _ in networks]
        made = {
            field.column: of_all(hmac_hexes(key, addresses)),
            f"{field.column}_prefix": of_all([prefix for _, prefix in networks]),
        }
    elif field.pii == "id":
        made = {field.column: of_all(hmac_hexes(key, known))}
    else:
        made = {field.column: texts}
    if field.pseudonym is not None:
        made[field.pseudonym] = of_all(hmac_hexes(key, known))
    return made


def _address(text: str) -> tuple[str | None, str | None]:
    """The usual spelling of an address, and its prefix; the query has judged IPv4."""
    if ":" not in text:
        return text, f"{text.rpartition('.')[0]}.0/24"
    address = parse_ip(text)
    return (None, None) if address is None else (str(address), ip_prefix(address))
