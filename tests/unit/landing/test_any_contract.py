"""Carriers land whatever a contract can declare, also what no contract of this project has yet."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pytest

from ingestion.contracts import Contract, raw_schema
from ingestion.contracts.avro import avro_schema
from ingestion.landing import (
    KeyStore,
    LandingContext,
    land_arrow,
    land_avro_file,
    land_csv_file,
    land_json,
    records,
)
from ingestion.landing.keys import hmac_hex

Node = dict[str, Any]
TEXT: Node = {"type": "string", "description": "x"}
COUNT: Node = {"type": ["integer", "null"], "description": "x"}
EXT: Node = {
    "type": ["string", "null"],
    "format": "json",
    "description": "x",
    "x-personal": ["user.id"],
}
TAGS: Node = {"type": ["array", "null"], "description": "x", "minItems": 1, "items": TEXT}
ITEMS: Node = {
    "type": ["array", "null"],
    "description": "x",
    "items": {
        "type": "object",
        "description": "x",
        "required": ["sku"],
        "properties": {"sku": TEXT, "count": COUNT},
    },
}


def thing(name: str) -> Node:
    properties = {name: TEXT}
    return {
        "type": ["object", "null"],
        "description": "x",
        "required": [name],
        "properties": properties,
    }


def contract(carrier: str, properties: dict[str, Node], **keywords: Any) -> Contract:
    return Contract.parse(
        {
            "description": "x",
            "x-source": "shop",
            "x-table": "orders",
            "x-version": 1,
            "x-carrier": carrier,
            "x-key": ["id"],
            "x-max-bytes": 10_000,
            "required": ["id", *(name for name in properties if name == "kind")],
            "properties": {"id": TEXT, **properties},
            **keywords,
        }
    )


@pytest.fixture
def land(keys: KeyStore, make_lineage: Callable, tmp_path: Path) -> Callable[..., list[Node]]:
    """`land(contract, documents)` lands them by the contract's carrier; the rows."""

    def run(declared: Contract, documents: list[Node]) -> list[Node]:
        context = LandingContext(declared, 7, datetime(2026, 3, 29, tzinfo=UTC), keys)
        lineage = make_lineage(declared, len(documents))
        match declared.carrier:
            case "csv":
                path = tmp_path / "orders.csv"
                names = [field.name for field in declared.fields]
                lines = [",".join(names)]
                for document in documents:
                    texts = [document.get(name, "") for name in names]
                    lines.append(",".join('"' + text.replace('"', '""') + '"' for text in texts))
                path.write_text("\n".join(lines), encoding="utf-8")
                landed = pa.concat_tables(land_csv_file(context, path, path.name))
            case "sql":
                landed = land_arrow(context, pa.Table.from_pylist(documents), lineage)
            case "avro":
                path = tmp_path / "orders.avro"
                content = io.BytesIO()
                fastavro.writer(content, avro_schema(declared), documents)
                path.write_bytes(content.getvalue())
                landed = pa.concat_tables(land_avro_file(context, path, path.name))
            case _:
                values = [json.dumps(document, separators=(",", ":")) for document in documents]
                landed = land_json(context, pa.array(values).cast(pa.binary()), lineage)
        assert landed.schema == raw_schema(declared)
        return landed.to_pylist()

    return run


def reasons(rows: list[Node]) -> list[str | None]:
    return [row["_error"] and row["_error"]["reason"] for row in rows]


@pytest.mark.parametrize("looks", [1, 2])
@pytest.mark.parametrize("carrier", ["kafka", "jsonl", "rest", "avro"])
def test_arrays_land(
    carrier: str, looks: int, land: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "SECOND_LOOK_FROM", 1 if looks == 2 else 1_000)
    declared = contract(carrier, {"tags": TAGS, "items": ITEMS})
    rows = land(
        declared,
        [
            {"id": "1", "tags": ["a", "b"], "items": [{"sku": "s", "count": 3}]},
            {"id": "2"},
            {"id": "3", "tags": None, "items": []},
            {"id": "4", "tags": []},
        ],
    )
    assert reasons(rows) == [None, None, None, "contract"]
    assert [row["id"] for row in rows] == ["1", "2", "3", None]
    assert [row["tags"] for row in rows] == [["a", "b"], None, None, None]
    assert [row["items"] for row in rows] == [[{"sku": "s", "count": 3}], None, [], None]


@pytest.mark.parametrize("carrier", ["kafka", "jsonl", "rest", "avro", "csv", "sql"])
def test_json_texts_land_without_what_is_personal(
    carrier: str, land: Callable, keys: KeyStore
) -> None:
    declared = contract(carrier, {"ext": EXT})
    rows = land(
        declared,
        [
            {"id": "1", "ext": '{"a": 1.50}'},
            {"id": "2"},
            {"id": "3", "ext": '{"user":{"id":"u1"}}'},
            {"id": "4", "ext": "[]"},
        ],
    )
    assert reasons(rows) == [None, None, None, "contract"]
    pseudonym = hmac_hex(keys.pseudonym_key(), "u1")
    kept = ['{"a": 1.50}', None, f'{{"user":{{"id":"{pseudonym}"}}}}', None]
    assert [row["ext"] for row in rows] == kept


@pytest.mark.parametrize("carrier", ["kafka", "jsonl", "rest", "avro"])
def test_exactly_one_of_some_members_is_filled(carrier: str, land: Callable) -> None:
    members = {"site": thing("domain"), "app": thing("bundle")}
    declared = contract(carrier, members, **{"x-one-of": ["site", "app"]})
    site, app = {"site": {"domain": "d"}}, {"app": {"bundle": "b"}}
    neither, both = {"id": "3"}, {"id": "4", **site, **app}
    rows = land(declared, [{"id": "1", **site}, {"id": "2", **app}, neither, both])
    assert reasons(rows) == [None, None, "contract", "contract"]


@pytest.mark.parametrize("carrier", ["kafka", "jsonl", "rest", "avro"])
def test_exactly_the_member_that_the_record_names_is_filled(carrier: str, land: Callable) -> None:
    kind = {"type": "string", "enum": ["site", "app"], "description": "x"}
    members = {"kind": kind, "site": thing("domain"), "app": thing("bundle")}
    union = {"discriminator": "kind", "members": ["site", "app"]}
    declared = contract(carrier, members, **{"x-union": union})
    site, app = {"site": {"domain": "d"}}, {"app": {"bundle": "b"}}
    rows = land(
        declared,
        [
            {"id": "1", "kind": "site", **site},
            {"id": "2", "kind": "app", **site},
            {"id": "3", "kind": "app", **site, **app},
            {"id": "4", "kind": "site"},
        ],
    )
    assert reasons(rows) == [None, "contract", "contract", "contract"]
