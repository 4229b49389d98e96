"""What a new version of a contract may change: each rule, allowed and refused."""

from collections.abc import Callable
from typing import Any

import pytest

from ingestion.contracts import Contract
from ingestion.contracts.evolution import Change, changes, refused
from ingestion.contracts.registry import contracts_folder, contracts_of, read_contracts
from ingestion.errors import AdxError, ExitCode

Node = dict[str, Any]
TEXT: Node = {"type": ["string", "null"], "description": "x"}


def contract() -> Node:
    """A contract with one field of each kind."""
    properties: dict[str, Node] = {
        "id": {"type": "string"},
        "at": {"type": "string", "format": "date-time"},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "count": {"type": "integer", "minimum": 1, "maximum": 9},
        "price": {"type": ["string", "null"], "format": "decimal", "x-scale": 2},
        "currency": {"type": "string", "x-length": 3, "minLength": 1},
        "user": {"type": ["string", "null"], "x-pii": "id"},
        "label": {"type": ["string", "null"]},
        "ext": {"type": ["string", "null"], "format": "json", "x-personal": ["user.eids"]},
        "a": {"type": ["object", "null"], "required": [], "properties": {"x": dict(TEXT)}},
        "b": {"type": ["object", "null"], "required": [], "properties": {"y": dict(TEXT)}},
        **{name: {"type": ["object", "null"], "required": [], "properties": {}} for name in "cde"},
        "list": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "object", "required": [], "properties": {"z": dict(TEXT)}},
        },
    }
    return {
        "description": "x",
        "x-source": "shop",
        "x-table": "orders",
        "x-version": 1,
        "x-carrier": "kafka",
        "x-key": ["id"],
        "x-event-time": "at",
        "x-union": {"discriminator": "kind", "members": ["a", "b"]},
        "x-one-of": ["d", "e"],
        "x-max-bytes": 1000,
        "required": ["id", "at", "kind", "count", "currency", "list"],
        "properties": {name: {"description": "x", **node} for name, node in properties.items()},
    }


def changed(change: Callable[[Node], object]) -> list[Change]:
    node = contract()
    before = Contract.parse(node)
    node["x-version"] = 2
    change(node)
    return changes(Contract.parse(node, before))


def field(name: str, **values: Any) -> Callable[[Node], object]:
    return lambda node: node["properties"][name].update(values)


def optional(name: str, kind: str) -> Callable[[Node], object]:
    def change(node: Node) -> None:
        node["required"].remove(name)
        node["properties"][name]["type"] = [kind, "null"]

    return change


def member(node: Node) -> None:
    node["properties"]["new"] = {"type": ["object", "null"], "required": [], "properties": {}}
    node["properties"]["kind"]["enum"].append("new")
    node["x-union"]["members"].append("new")


def one_more(node: Node) -> None:
    node["properties"]["new"] = {"type": ["object", "null"], "required": [], "properties": {}}
    node["x-one-of"].append("new")


def inner(name: str) -> Callable[[Node], object]:
    def change(node: Node) -> None:
        struct = node["properties"][name]
        struct.get("items", struct)["properties"]["new"] = dict(TEXT)

    return change


def without(node: Node, name: str) -> None:
    node["required"] = [other for other in node["required"] if other != name]
    del node["properties"][name]


def required(node: Node) -> None:
    node["required"].append("label")
    node["properties"]["label"]["type"] = "string"


ALLOWED: dict[str, tuple[Callable[[Node], object], list[str]]] = {
    "nothing": (lambda _: None, []),
    "a description": (field("id", description="y"), []),
    "a new field": (lambda node: node["properties"].update(new=TEXT), ["new: is new (str)"]),
    "a new field in a union member": (inner("a"), ["a.new: is new (str)"]),
    "a new field in elements": (inner("list"), ["list[].new: is new (str)"]),
    "a new union member": (member, ["kind: takes new, too", "new: is new (struct)"]),
    "one more of which one is filled": (
        one_more,
        ["x-one-of names d, e, new now", "new: is new (struct)"],
    ),
    "any number of members": (
        lambda node: node.update({"x-one-of": []}),
        ["x-one-of names nothing now"],
    ),
    "a new value": (field("kind", enum=["a", "b", "c"]), ["kind: takes c, too"]),
    "a lower minimum": (field("count", minimum=0), ["count: minimum was 1, and is 0"]),
    "a higher maximum": (field("count", maximum=99), ["count: maximum was 9, and is 99"]),
    "no maximum": (field("count", maximum=None), ["count: maximum was 9, and is open"]),
    "more decimals": (field("price", **{"x-scale": 4}), ["price: x-scale was 2, and is 4"]),
    "any length": (
        field("currency", **{"x-length": None}),
        ["currency: x-length was 3, and is open"],
    ),
    "longer records": (
        lambda node: node.update({"x-max-bytes": 2000}),
        ["x-max-bytes was 1000, and is 2000"],
    ),
    "optional now": (optional("count", "integer"), ["count: is optional now"]),
    "another personal path": (
        field("ext", **{"x-personal": ["user.eids", "user.data"]}),
        ["ext: user.data is a pseudonym from now on"],
    ),
}

REFUSED: dict[str, tuple[Callable[[Node], object], str, str]] = {
    "another type": (
        field("label", type=["integer", "null"]),
        "label",
        "was str, and would be int",
    ),
    "another type of elements": (
        lambda node: node["properties"]["list"].update(items={"type": "string"}),
        "list[]",
        "was struct, and would be str",
    ),
    "a field gone": (lambda node: without(node, "label"), "label", "is gone"),
    "a rename": (
        lambda node: node["properties"].update(title=node["properties"].pop("label")),
        "label",
        "is gone (a rename to title is a removal, too)",
    ),
    "a field in a struct gone": (
        lambda node: node["properties"]["b"].update(properties={}),
        "b.y",
        "is gone",
    ),
    "a new required field": (
        lambda node: (
            node["required"].append("new"),
            node["properties"].update(new={"type": "string"}),
        ),
        "new",
        "is new and required",
    ),
    "required now": (required, "label", "was optional, and would be required"),
    "an optional key": (optional("id", "string"), "id", "identifies or dates the record"),
    "an optional event time": (optional("at", "string"), "at", "identifies or dates the record"),
    "a value gone": (field("kind", enum=["a"]), "kind", "would no longer take b"),
    "a higher minimum": (field("count", minimum=2), "count", "minimum was 1, and would be 2"),
    "a lower maximum": (field("count", maximum=8), "count", "maximum was 9, and would be 8"),
    "a new bound": (field("label", **{"x-length": 2}), "label", "x-length was None"),
    "fewer decimals": (field("price", **{"x-scale": 1}), "price", "x-scale was 2, and would be 1"),
    "longer texts only": (field("currency", minLength=2), "currency", "which is narrower"),
    "more elements needed": (field("list", minItems=2), "list", "minItems was 1, and would be 2"),
    "shorter records": (lambda node: node.update({"x-max-bytes": 999}), "", "x-max-bytes"),
    "personal now": (field("label", **{"x-pii": "id"}), "label", "x-pii was None, and would be id"),
    "no longer personal": (field("user", **{"x-pii": None}), "user", "x-pii was id"),
    "a personal path in clear": (field("ext", **{"x-personal": []}), "ext", "in clear text"),
    "another column": (field("label", **{"x-column": "title"}), "label", "x-column was label"),
    "a column that is there": (
        lambda node: node["properties"].update(new={**TEXT, "x-column": "_extras"}),
        "",
        "two columns would be called _extras",
    ),
    "another key": (lambda node: node.update({"x-key": ["label"]}), "", "the key was ('id',)"),
    "another carrier": (
        lambda node: node.update({"x-carrier": "avro"}),
        "",
        "the carrier was kafka",
    ),
    "exactly one of two": (
        lambda node: node.update({"x-one-of": ["a", "b"]}),
        "",
        "exactly one of a, b",
    ),
    "exactly one of two and of one that was free": (
        lambda node: node.update({"x-one-of": ["d", "e", "c"]}),
        "",
        "exactly one of d, e, c",
    ),
    "a field that becomes a member": (
        lambda node: (
            node["properties"]["kind"]["enum"].append("c"),
            node["x-union"]["members"].append("c"),
        ),
        "c",
        "would be empty unless kind says c",
    ),
}

OWN_REMEDY = ("a new required field", "a column that is there")


@pytest.mark.parametrize("name", ALLOWED)
def test_what_makes_records_richer_is_allowed(name: str) -> None:
    change, expected = ALLOWED[name]
    found = changed(change)
    assert [str(change) for change in found] == expected
    assert all(change.remedy is None for change in found)


@pytest.mark.parametrize("name", REFUSED)
def test_what_earlier_rows_could_not_keep_is_refused_by_name(name: str) -> None:
    change, at, what = REFUSED[name]
    found = [item for item in changed(change) if item.remedy is not None]
    assert [item.field for item in found] == [at]
    assert what in found[0].what
    assert "shop/<new table>.v1.json" in str(found[0].remedy) or name in OWN_REMEDY


def test_the_first_version_changes_nothing() -> None:
    assert changes(Contract.parse(contract())) == []


def test_the_contracts_of_this_project_only_grow() -> None:
    for newest in read_contracts(contracts_folder()):
        for version in newest.versions():
            assert refused(version) == []


def test_code_with_a_refused_version_does_nothing_at_all(contract_folders: Any) -> None:
    first = contract_folders.first("fx.rates")
    folder = contract_folders.newer(first, "fx.rates", lambda node: without(node, "rate"))
    with pytest.raises(
        AdxError, match=r"Version 2 of contract fx.rates is refused: rate: is gone"
    ) as caught:
        contracts_of(folder)
    assert caught.value.exit_code is ExitCode.CONFIGURATION
    assert read_contracts(folder)[0].version == 2


def test_a_version_that_is_missing_is_named(contract_folders: Any) -> None:
    first = contract_folders.first("fx.rates")
    folder = contract_folders.newer(first, "fx.rates", lambda _: None)
    (folder / "fx" / "rates.v1.json").unlink()
    with pytest.raises(AdxError, match=r"fx.rates has version 2, but no version 1"):
        contracts_of(folder)
