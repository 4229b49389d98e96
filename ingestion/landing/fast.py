"""The vectorised path for JSON: one DuckDB query a batch, no object per field.

It must accept nothing that the strict parser would refuse, nor with other values, although
DuckDB's JSON parser is lax (trailing commas, NaN, repeated keys, any type as text). The proof is
arithmetic. `json_transform` gives the JSON text of every declared leaf, as DuckDB would write it.
From these the length of the whole document follows: names, quotes, colons, commas, braces. Each
thing that is not declared (unknown or repeated keys, explicit nulls, blanks, trailing commas,
needless escapes) makes the record **longer** than that sum, and nothing makes it shorter, since
the text of a leaf of the declared type is never longer than what was sent. So if both lengths are
equal, the record holds the declared leaves, each once, and nothing else.

Records that are longer get a second look, which costs two more parses: the length is taken from
the document as DuckDB writes it (no blanks, canonical escapes), and explicit nulls of declared
fields are counted in. What is still in doubt goes to the strict parser.
"""

import json
from enum import Enum
from functools import cache
from typing import Any

from ingestion.contracts import Contract
from ingestion.landing import predicates
from ingestion.landing.predicates import literal
from ingestion.landing.tree import Leaf, Node, columns, required_rules, tree, union_rules


class Look(Enum):
    """How closely a record is looked at."""

    FIRST = 1
    SECOND = 2


@cache
def json_query(contract: Contract, look: Look) -> str:
    """The query that turns JSON text into what raw columns are made of.

    Its input `records` has `record` (text) and `event_id` (of the record header). Its output has
    `accepted`, then what `tree.columns` selects; a row that is not accepted holds anything. Its
    parameters are the pads of the pseudonym key.
    """
    return _Query(contract, second=look is Look.SECOND).sql()


class _Query:
    """Builds one query. `j3` is the JSON text of leaf 3, `kinds` the JSON types of some members."""

    def __init__(self, contract: Contract, *, second: bool) -> None:
        self.contract = contract
        self.root = tree(contract)
        self.second = second
        optional = [leaf for leaf in self.root.leaves if not leaf.field.required]
        self.asked: list[Leaf | Node] = [*optional, *self.root.nodes] if second else []

    def sql(self) -> str:
        leaves = list(self.root.leaves)
        # The first look knows no escapes: a backslash is in doubt. The second one knows them, but
        # NUL is legal JSON and no text of ours, and DuckDB's own writing hides trailing commas.
        clean = r"not contains(record, '\')"
        size, kinds = "strlen(document)", "null"
        if self.second:
            clean = r"not contains(record, '\u0000') and not regexp_matches(record, ',\s*[\]}]')"
            size = "strlen(json(document)::varchar)"
            kinds = f"json_type(document, [{', '.join(map(_path, self.asked))}])"
        structure = literal(json.dumps(_structure(self.root)))
        documents = f"case when {clean} and json_valid(record) then record end as document"
        transformed = f"json_transform(document, {structure}) as s"
        parts = [f"{_at(leaf)}::varchar as j{leaf.number}" for leaf in leaves]
        parts += [f"{_at(node)} is not null as {node.present}" for node in self.root.nodes]
        texts = [f"{self.text(leaf)} as {leaf.text}" for leaf in leaves]
        values = [f"{predicates.value(leaf.field, leaf.text)} as {leaf.typed}" for leaf in leaves]
        stages = [
            f"documents as (select event_id, {documents} from records)",
            f"parsed as (select event_id, {size} as size, {kinds} as kinds, {transformed}"
            " from documents)",
            f"leaves as (select * exclude (s), {', '.join(parts)} from parsed)",
            f"texts as (select *, {', '.join(texts)} from leaves)",
            f"typed as (select *, {', '.join(values)} from texts)",
        ]
        accepted = f"({' and '.join(self.conditions())}) is distinct from false as accepted"
        selected = [accepted, *columns(self.root, None if self.second else "j")]
        return f"with {', '.join(stages)} select {', '.join(selected)} from typed"

    def text(self, leaf: Leaf) -> str:
        found = f"j{leaf.number}"
        if leaf.is_text and self.second:
            found = f"json_extract_string({found}, '$')"
        elif leaf.is_text:
            found = f"substring({found}, 2, length({found}) - 2)"
        return f"coalesce({found}, event_id)" if leaf.takes_header else found

    def conditions(self) -> list[str]:
        """Conditions of which none is false for a record that the contract allows."""
        made = [f"size is not distinct from ({self.length()})", *required_rules(self.root, "j")]
        for leaf in self.root.leaves:
            if self.second or leaf.takes_header or not leaf.is_text:
                text, quote = leaf.text, ""
            else:
                text, quote = f"j{leaf.number}", '"'
            made += predicates.rules(leaf.field, text, leaf.typed, quote)
            if leaf.is_text and not (quote and predicates.implies_text(leaf.field)):
                made.append(f"prefix(j{leaf.number}, '\"')")
            if leaf.takes_header:
                made.append("not contains(event_id, chr(0))")
        for node in self.root.nodes:
            if self.second:
                made.append(f"{self.kind(node)} = 'OBJECT' or not {node.present}")
        made += [
            f"({self.any_member(node)} or not {node.present})"
            for node in self.root.nodes
            if not any(
                member.field is not None and member.field.required for member in node.members
            )
        ]
        return [
            *(f"({condition})" for condition in made),
            *union_rules(self.contract, self.root, "t", ""),
        ]

    def any_member(self, node: Node) -> str:
        """Whether an object has a member: an empty one has no comma to take off its length."""
        return " or ".join(
            f"j{member.number} is not null" if isinstance(member, Leaf) else member.present
            for member in node.members
        ) + "".join(f" or {self.kind(m)} is not null" for m in node.members if m in self.asked)

    def kind(self, member: Leaf | Node) -> str:
        return f"kinds[{self.asked.index(member) + 1}]"

    def length(self) -> str:
        """Length of a document that has the declared leaves and nothing else."""
        texts = ", ".join(f"j{leaf.number}" for leaf in self.root.leaves)
        terms = [f"strlen(concat({texts}))", str(_braces(self.root) + _around_required(self.root))]
        for leaf in self.root.leaves:
            if not leaf.field.required:
                terms.append(self._term(leaf, f"j{leaf.number} is not null", _around(leaf)))
        for node in self.root.nodes:
            size = _around(node) + _braces(node) + _around_required(node)
            terms.append(self._term(node, node.present, size))
        return " + ".join(terms)

    def _term(self, member: Leaf | Node, there: str, size: int) -> str:
        null = ""
        if member in self.asked:
            null = f" when {self.kind(member)} = 'NULL' then {_around(member) + len('null')}"
        return f"case when {there} then {size}{null} else 0 end"


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
        _around(member)
        for member in node.members
        if isinstance(member, Leaf) and member.field.required
    )


def _braces(node: Node) -> int:
    return len("{}") - len(",") if node.members else len("{}")
