"""The contract that a draft becomes: careful with texts, and only what contracts can say."""

from pathlib import Path
from typing import Any

import pytest

from ingestion.contracts import Contract
from ingestion.drafts import Draft, DraftColumn, adopt, draft_contract
from ingestion.drafts.contract import undeclared
from ingestion.errors import AdxError

TYPES = {
    "order-id": "text",
    "Customer": "text",
    "at": "ts",
    "ip": "ip",
    "page": "url",
    "ref": "uuid",
    "amount": "dec",
    "items": "int",
    "event_date": "date",
    "paid": "bool",
    "_paid": "bool",
    "score": "float",
    "who": "object",
    "tags": "array",
    "odd": "mixed",
}


def draft(**more: Any) -> Draft:
    columns = tuple(
        DraftColumn(name, kind, 1 if name == "Customer" else 2) for name, kind in TYPES.items()
    )
    fields = {
        "source": "adserver",
        "kind": "orders",
        "number": 1,
        "names": ("orders*.jsonl",),
        "format": "jsonl",
        "delimiter": "",
        "has_header": True,
        "files": 1,
        "rows": 2,
        "unread": 0,
        "unnamed": 0,
        "columns": columns,
    }
    return Draft(**{**fields, **more})


def test_a_text_is_a_pseudonym_unless_somebody_says_that_it_is_harmless():
    node = draft_contract(
        draft(), key=["order-id"], event_time="at", clear=["order-id", "ref", "page"]
    )
    contract = Contract.parse(node)
    fields = {field.name: field for field in contract.fields}
    assert {name: (field.type, field.pii, field.column) for name, field in fields.items()} == {
        "order-id": ("str", None, "order_id"),
        "Customer": ("str", "id", "customer"),
        "at": ("ts", None, "at"),
        "ip": ("str", "ip", "ip"),
        "page": ("str", None, "page"),
        "ref": ("uuid", None, "ref"),
        "amount": ("dec", None, "amount"),
        "items": ("int", None, "items"),
        "event_date": ("date", None, "event_date_2"),
        "paid": ("bool", None, "paid"),
        "_paid": ("bool", None, "paid_2"),
    }
    assert {name for name, field in fields.items() if field.required} == {"order-id", "at"}
    assert (contract.name, contract.files, contract.carrier) == (
        "adserver.orders",
        ("orders*.jsonl",),
        "jsonl",
    )
    assert set(undeclared(draft())) == {"score", "who", "tags", "odd"}


@pytest.mark.parametrize(
    ("more", "options", "message"),
    [
        ({"format": "unknown"}, {}, "neither CSV nor JSON lines nor Avro"),
        ({"format": "csv", "has_header": False}, {}, "do not name their fields"),
        ({"format": "csv", "delimiter": ";"}, {}, "parted by ';'"),
        ({}, {"table": "Orders!"}, "no name of a table"),
        ({}, {"key": ["nothing"]}, "no field nothing"),
        ({}, {"clear": ["who"]}, "no field who"),
        ({}, {"key": ["Customer"]}, "empty in 1 of 2"),
        ({}, {"event_time": "paid"}, "is bool, no time"),
    ],
)
def test_what_cannot_be_declared_is_refused_with_the_reason(more, options, message):
    with pytest.raises(AdxError, match=message) as caught:
        draft_contract(draft(**more), **options)
    assert caught.value.remedy


def test_what_is_declared_is_not_declared_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ADX_CONTRACTS", str(tmp_path))
    (tmp_path / "adserver").mkdir()
    adopted = adopt(draft(), draft_contract(draft()), ["a1", "a2"])
    assert adopted.path == tmp_path / "adserver" / "orders.v1.json"
    assert adopted.retry == ("adx files retry adserver/a1", "adx files retry adserver/a2")
    before = adopted.path.read_text()
    for table in ("orders", "sales"):  # the same table; the same files under another name
        with pytest.raises(AdxError, match=r"adserver\.orders is declared already"):
            adopt(draft(), draft_contract(draft(), table=table), [])
    assert adopted.path.read_text() == before
    assert len(list(tmp_path.rglob("*.json"))) == 1
