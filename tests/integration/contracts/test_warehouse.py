"""A new column in vault and marts, and another hash contract, on a warehouse with data.

The project under test is a slice of the real one: the models of user actions, word for word, with
all macros. Code that changes is a file that changes, so builds decide as they would for anybody.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ingestion.errors import AdxError
from ingestion.lake import Lake
from ingestion.settings import PROJECT_ROOT, Settings
from orchestration.upgrade import upgrade
from orchestration.warehouse import dbt
from orchestration.warehouse.build import Result, build
from orchestration.warehouse.publish import publish
from orchestration.warehouse.query import query
from tests.integration.landings import land_messages

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("dbt")]

MODELS = (
    "staging/user_events/stg_user_events__user_actions.sql",
    "staging/user_events/_user_events__sources.yml",
    "staging/ops/_ops__sources.yml",
    "raw_vault/hubs/hub_product.sql",
    "raw_vault/satellites/sat_product__user_events.sql",
    "raw_vault/event_links/nhl_user_action__user_events.sql",
    "business_vault/bv_user_actions.sql",
    "marts/core/fct_user_actions.sql",
)
CONTRACT = """
models:
  - name: fct_user_actions
    config: {contract: {enforced: true}}
    columns:
      - {name: user_action_key, data_type: string}
      - {name: event_at, data_type: timestamp}
      - {name: event_date, data_type: date}
      - {name: event_hour, data_type: bigint}
      - {name: event_name, data_type: string}
      - {name: platform, data_type: string}
      - {name: user_key, data_type: string}
      - {name: product_key, data_type: string}
      - {name: sku, data_type: string}
"""
CATEGORY = {
    "type": ["string", "null"],
    "description": "Category of the product.",
    "x-column": "product_category",
}


def richer(node: dict[str, Any]) -> None:
    node["properties"]["product_information"]["properties"]["category"] = CATEGORY


@dataclass
class Project:
    """A copy of the code, and a lake that it builds from."""

    root: Path
    settings: Settings

    def edit(self, path: str, before: str, after: str) -> None:
        """Change one place of one file; fails where the code has moved on."""
        file = self.root / path
        text = file.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{path} does not have {before!r} once"
        file.write_text(text.replace(before, after), encoding="utf-8")

    def add_the_category(self) -> None:
        """What the runbook says for a column in staging, event link, satellite and mart."""
        models = "dbt_project/models"
        staging = f"{models}/staging/user_events/stg_user_events__user_actions.sql"
        self.edit(
            staging,
            "        landed.product_name,\n",
            "        landed.product_name,\n        landed.product_category,\n",
        )
        self.edit(staging, "['product_name']", "['product_name', 'product_category']")
        satellite = f"{models}/raw_vault/satellites/sat_product__user_events.sql"
        self.edit(satellite, "['product_name']", "['product_name', 'product_category']")
        link = f"{models}/raw_vault/event_links/nhl_user_action__user_events.sql"
        self.edit(link, "'product_name',\n", "'product_name',\n        'product_category',\n")
        self.edit(
            f"{models}/marts/core/fct_user_actions.sql",
            "user_actions.sku\n",
            "user_actions.sku,\n        user_actions.product_category\n",
        )
        self.edit(
            f"{models}/contract.yml",
            "{name: sku, data_type: string}",
            "{name: sku, data_type: string}\n      - {name: product_category, data_type: string}",
        )

    def change_the_hash(self) -> None:
        """Another delimiter in keys, and the version that says so."""
        self.edit(
            "macros/data_vault/hash_key.sql",
            "parts | join(\" || '|' || \")",
            "(parts + [\"''\"]) | join(\" || '~' || \")",
        )
        self.edit("dbt_project/dbt_project.yml", "hash_contract: 1", "hash_contract: 2")

    def land(self, *actions: tuple[str, str, str | None]) -> None:
        """Land actions on products (SKU, name, category), as the stream does."""
        values = [
            json.dumps(
                {
                    "timestamp": "2026-03-28T09:00:00Z",
                    "event_name": "view",
                    "user_identifiers": {"platform": "web", "id": "user_1"},
                    "product_information": {"SKU": sku, "name": name}
                    | ({} if category is None else {"category": category}),
                }
            ).encode()
            for sku, name, category in actions
        ]
        Lake.open(self.settings).ensure_tables()
        land_messages(self.settings, "user-events", {0: [(value, None) for value in values]})

    def build(self, **how: Any) -> Result:
        result = build(self.settings, **how)
        publish(self.settings)
        return result

    def rows(self, sql: str, build_id: str | None = None) -> list[tuple[Any, ...]]:
        return query(self.settings, sql, limit=None, build=build_id).rows

    def demand_what_a_rebuild_has(self) -> None:
        """The published build has the rows that a build from nothing has."""
        sums = "from meta.table_checksums order by all"
        rebuilt = build(self.settings, full_refresh=True)
        assert self.rows(sums, rebuilt.build_id) == self.rows(sums)


@pytest.fixture
def project(
    tmp_path: Path,
    settings: Settings,
    contract_folders: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> Project:
    root = tmp_path / "code"
    shutil.copytree(PROJECT_ROOT / "macros", root / "macros")
    (root / "seeds").mkdir()
    (root / "tests" / "dbt").mkdir(parents=True)
    shutil.copy(PROJECT_ROOT / "profiles.yml", root)
    for name in ("dbt_project.yml", *(f"models/{model}" for model in MODELS)):
        (root / "dbt_project" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT_ROOT / "dbt_project" / name, root / "dbt_project" / name)
    (root / "dbt_project" / "models" / "contract.yml").write_text(CONTRACT)
    monkeypatch.setattr(dbt, "PROJECT_ROOT", root)
    monkeypatch.setattr(dbt, "PROJECT_FOLDER", root / "dbt_project")
    monkeypatch.setenv("ADX_HOME", str(settings.home))
    contract_folders.use(contract_folders.first("user_events.events"))
    return Project(root, settings)


NAMES = """
select product_bk, product_name
from raw_vault.sat_product__user_events join raw_vault.hub_product using (product_hk)
order by all
"""
CATEGORIES = """
select product_bk, product_name, product_category
from raw_vault.sat_product__user_events join raw_vault.hub_product using (product_hk)
order by all
"""


def test_a_new_column_comes_to_vault_and_marts(
    project: Project, contract_folders: Any, settings: Settings
) -> None:
    first = contract_folders.first("user_events.events")
    contract_folders.use(first)
    # The category comes before the contract knows it: it is an unknown field, and kept as one.
    project.land(("A1", "Mouse", None), ("A1", "Mouse", None), ("A2", "Keyboard", "input"))
    assert project.build().full_refresh
    assert project.rows(NAMES) == [("A1", "Mouse"), ("A2", "Keyboard")]

    contract_folders.use(contract_folders.newer(first, "user_events.events", richer))
    with pytest.raises(AdxError, match="adx upgrade"):
        project.land(("A1", "Mouse", "pc"))
    planned = upgrade(settings, check=True)
    assert [table.columns for table in planned.tables] == [("product_category",)]
    assert not planned.is_done
    done = upgrade(settings, check=False)
    assert (done.is_done, done.full_refresh) == (True, False)
    assert upgrade(settings, check=True).tables == []
    project.land(("A1", "Mouse", "pc"), ("A2", "Keyboard", None), ("A3", "Screen", "pc"))

    project.add_the_category()
    outlook = upgrade(settings, check=True)
    assert outlook.full_refresh
    assert "code has changed" in outlook.reason
    published = project.rows(NAMES)
    # Rows cannot be kept when a table gets a column: dbt stops at the first one.
    with pytest.raises(AdxError, match=r"out of sync|product_category"):
        build(settings, keep_rows=True)
    assert project.rows(NAMES) == published

    assert project.build().full_refresh
    # One version more where the category is new; none for A2, which was only sent again.
    versions = [
        ("A1", "Mouse", None),
        ("A1", "Mouse", "pc"),
        ("A2", "Keyboard", None),
        ("A3", "Screen", "pc"),
    ]
    assert project.rows(CATEGORIES) == versions
    by_category = "select sku, product_category, count(*) from {} group by all order by all"
    facts = [("A1", None, 2), ("A1", "pc", 1), ("A2", None, 2), ("A3", "pc", 1)]
    for table in ("core.fct_user_actions", "raw_vault.nhl_user_action__user_events"):
        assert project.rows(by_category.format(table)) == facts
    drift = "select drift_count from ops.source_loads order by ingest_seq"
    assert project.rows(drift) == [(1,), (0,)]

    project.land(("A2", "Keyboard", None), ("A3", "Screen", "tv"))
    increment = project.build()
    assert not increment.full_refresh
    assert project.rows(CATEGORIES) == [*versions, ("A3", "Screen", "tv")]
    project.demand_what_a_rebuild_has()


def test_vault_keys_of_another_hash_contract_are_never_mixed(
    project: Project, settings: Settings
) -> None:
    project.land(("A1", "Mouse", None), ("A2", "Keyboard", None))
    project.build()
    keys = "select product_bk, product_hk from raw_vault.hub_product order by all"
    before = project.rows(keys)
    assert project.rows("select hash_contract from meta.build") == [(1,)]

    project.change_the_hash()
    project.land(("A1", "Mouse 2", None))
    outlook = upgrade(settings, check=True)
    assert outlook.full_refresh
    assert "follow version 1 of the hash contract, the code is at 2" in outlook.reason
    with pytest.raises(AdxError, match="follow version 1 of the hash contract") as caught:
        build(settings, keep_rows=True)
    assert "without --keep-rows" in caught.value.remedy

    rebuilt = project.build()
    assert rebuilt.full_refresh
    assert "hash contract" in rebuilt.reason
    after = project.rows(keys)
    assert [name for name, _ in after] == [name for name, _ in before]
    assert not {key for _, key in after} & {key for _, key in before}
    assert project.rows("select hash_contract from meta.build") == [(2,)]
    assert project.rows(NAMES) == [("A1", "Mouse"), ("A1", "Mouse 2"), ("A2", "Keyboard")]

    project.land(("A2", "Keyboard", None), ("A3", "Screen", None))
    assert not project.build().full_refresh
    assert [name for name, _ in project.rows(keys)] == ["A1", "A2", "A3"]
