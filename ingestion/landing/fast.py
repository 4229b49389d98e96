"""The vectorised path for JSON: one DuckDB query a batch, no object per field.

It must accept nothing that the strict parser would refuse, nor with other values, although
DuckDB's JSON parser is lax (trailing commas, NaN, repeated keys, any type as text). The proof is
arithmetic. `json_transform` gives the JSON text of every declared leaf, as DuckDB would write it.
From these the length of the whole document follows: names, quotes, colons, commas, braces. Each
thing that is not declared (unknown or repeated keys, blanks, trailing commas, needless escapes)
makes the record **longer** than that sum, and nothing makes it shorter, since the text of a leaf
of the declared type is never longer than what was sent. So if both lengths are equal, the record
holds the declared leaves, each once, and nothing else.

Two habits of producers are allowed for, at the price of one more parse of such records: explicit
nulls of declared fields are counted in, and where blanks follow the colons the length is that of
the document as DuckDB writes it. Records with escapes are in doubt at the first look; the second
one knows them, but needs more work for every text. What is still in doubt goes to the strict
parser.
"""

import json
from enum import Enum
from functools import cache
from typing import Any

from ingestion.contracts import Contract
from ingestion.landing import predicates
from ingestion.landing.predicates import literal
from ingestion.landing.tree import (
    IS_FITTING,
    IS_WHOLE,
    Leaf,
    Node,
    columns,
    payload_rules,
    required_rules,
    tree,
    unjudged_rules,
)


class Look(Enum):
    """Whether records with escapes are looked at."""

    PLAIN = 1
    ESCAPED = 2


@cache
def json_query(contract: Contract, look: Look) -> str:
    """The query that turns JSON text into what raw columns are made of.

    Its input `records` has `record` (text) and `event_id` (of the record header). Its output has
    what `rows.accepted_rows` takes: whether the record holds nothing but what is declared, whether
    its declared values keep the contract, and what `tree.columns` selects.
    """
    return _Query(contract, escaped=look is Look.ESCAPED).sql()


class _Query:
    """Builds one query. `j3` is the JSON text of leaf 3, `kinds` the JSON types of some members."""

    def __init__(self, contract: Contract, *, escaped: bool) -> None:
        self.contract = contract
        self.root = tree(contract)
        self.escaped = escaped
        optional = [leaf for leaf in self.root.leaves if not leaf.field.required]
        self.asked: list[Leaf | Node] = [*optional, *self.root.nodes]

    def sql(self) -> str:
        leaves = list(self.root.leaves)
        # NUL is legal JSON, but no text of ours.
        clean = r"not contains(record, '\u0000')" if self.escaped else r"not contains(record, '\')"
        # Blanks are looked for behind colons only: a colon is rarer than a quote, and looking for
        # both costs as much as a value rule.
        rewritten = "true" if self.escaped else "contains(record, ': ')"
        # What DuckDB writes has lost the trailing commas that its parser let pass.
        size = (
            "case when not rewritten then strlen(document)"
            r" when not regexp_matches(document, ',\s*[\]}]') then strlen(json(document)::varchar)"
            " end"
        )
        paths = ", ".join(map(_path, self.asked))
        kinds = f"case when contains(document, 'null') then json_type(document, [{paths}]) end"
        structure = literal(json.dumps(_structure(self.root)))
        parts = [f"{_at(leaf)}::varchar as j{leaf.number}" for leaf in leaves]
        parts += [f"{_at(node)} is not null as {node.present}" for node in self.root.nodes]
        texts = [f"{self.text(leaf)} as {leaf.text}" for leaf in leaves]
        values = [f"{predicates.value(leaf.field, leaf.text)} as {leaf.typed}" for leaf in leaves]
        document = f"case when {clean} and json_valid(record) then record end"
        transformed = f"json_transform(document, {structure})"
        stages = {
            "documents": f"event_id, {rewritten} as rewritten, {document} as document from records",
            "parsed": f"event_id, {size} as size, {kinds} as kinds, {transformed} as s"
            " from documents",
            "leaves": f"* exclude (s), {', '.join(parts)} from parsed",
            "texts": f"*, {', '.join(texts)} from leaves",
            "typed": f"*, {', '.join(values)} from texts",
        }
        with_stages = ", ".join(f"{name} as (select {body})" for name, body in stages.items())
        selected = [
            f"size is not distinct from ({self.length()}) as {IS_WHOLE}",
            f"({' and '.join(self.conditions())}) is distinct from false as {IS_FITTING}",
            *columns(self.root, None if self.escaped else "j"),
        ]
        return f"with {with_stages} select {', '.join(selected)} from typed"

    def text(self, leaf: Leaf) -> str:
        """The text of a leaf, quotes and escapes taken off."""
        found = f"j{leaf.number}"
        if leaf.is_text and self.escaped:
            found = f"json_extract_string({found}, '$')"
        elif leaf.is_text:
            found = f"substring({found}, 2, length({found}) - 2)"
        return f"coalesce({found}, event_id)" if leaf.takes_header else found

    def conditions(self) -> list[str]:
        """Conditions of which none is false for values that the contract allows."""
        made = required_rules(self.root, "j")
        for leaf in self.root.leaves:
            if self.escaped or leaf.takes_header or not leaf.is_text:
                text, quote = leaf.text, ""
            else:
                text, quote = f"j{leaf.number}", '"'
            made += predicates.rules(leaf.field, text, leaf.typed, quote)
            if leaf.is_text and not (quote and predicates.implies_text(leaf.field)):
                made.append(f"prefix(j{leaf.number}, '\"')")
            if leaf.takes_header:
                made.append("not contains(event_id, chr(0))")
        # Another type than an object has no members, and the members of an empty object have no
        # comma to take off.
        made += [
            f"{self.any_member(node)} or not {node.present}"
            for node in self.root.nodes
            if not any(member.required for member in node.members)
        ]
        made += payload_rules(self.contract, self.root, "t")
        made += unjudged_rules(self.root, "j")
        return [f"({condition})" for condition in made]

    def any_member(self, node: Node) -> str:
        """Whether an object has a member that is not null."""
        return " or ".join(
            f"j{member.number} is not null" if isinstance(member, Leaf) else member.present
            for member in node.members
        )

    def length(self) -> str:
        """Length of a document that has the declared leaves and nothing else."""
        texts = ", ".join(f"j{leaf.number}" for leaf in self.root.leaves)
        terms = [f"strlen(concat({texts}))", str(_BRACES + _around_required(self.root))]
        terms += [
            f"case when j{leaf.number} is null then 0 else {_around(leaf)} end"
            for leaf in self.root.leaves
            if not leaf.required
        ]
        terms += [
            f"case when {node.present} then {_around(node) + _BRACES + _around_required(node)}"
            " else 0 end"
            for node in self.root.nodes
        ]
        if self.asked:
            nulls = " + ".join(self.null_length(member) for member in self.asked)
            terms.append(f"case when kinds is null then 0 else {nulls} end")
        return " + ".join(terms)

    def null_length(self, member: Leaf | Node) -> str:
        """Length of a member that is there as null."""
        kind = f"kinds[{self.asked.index(member) + 1}]"
        # A repeated key may be null first and a value then; it counts once.
        there = f"j{member.number} is not null" if isinstance(member, Leaf) else member.present
        size = _around(member) + len("null")
        return f"case when {kind} = 'NULL' and not ({there}) then {size} else 0 end"


_BRACES = len("{}") - len(",")  # no comma behind the last member


def _structure(node: Node) -> dict[str, Any]:
    return {
        member.path[-1]: "JSON" if isinstance(member, Leaf) else _structure(member)
        for member in node.members
    }


def _at(member: Leaf | Node) -> str:
    return "s" + "".join(f'."{name}"' for name in member.path)


def _path(member: Leaf | Node) -> str:
    return literal("$" + "".join(f'."{name}"' for name in member.path))


def _around(member: Leaf | Node) -> int:
    """Bytes around the value of a member: its name in quotes, the colon, the comma behind it."""
    return len(json.dumps(member.path[-1], ensure_ascii=False).encode()) + len(":,")


def _around_required(node: Node) -> int:
    return sum(
        _around(member) for member in node.members if isinstance(member, Leaf) and member.required
    )
