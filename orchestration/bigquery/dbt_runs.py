"""dbt's own runs for BigQuery, against a warehouse that analyzes and has no rows."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ingestion.contracts import all_contracts
from ingestion.settings import PROJECT_ROOT
from orchestration.warehouse.dbt import environment

PROJECT = "advertisex"
"""The project in Google's cloud that the statements name; there is none of that name."""

TOUCHED_DATES = ("2026-03-28", "2026-03-30")
"""The event dates that the increment's new rows lie on: two that are not neighbours."""

_ENVIRONMENT = PROJECT_ROOT / "environments" / "production.env"
"""The settings that the statements are made with, but for where and by whom they are run."""


def _settings() -> dict[str, str]:
    lines = _ENVIRONMENT.read_text(encoding="utf-8").splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return given | {
        "ADX_BIGQUERY_PROJECT": PROJECT,
        "ADX_BIGQUERY_DATASET_PREFIX": "",
        "DO_NOT_TRACK": "1",
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DBT_WRITE_JSON": "false",
    }


@dataclass(frozen=True)
class Node:
    """What became of one node of the project.

    Attributes:
        unique_id: dbt's name of it.
        name: Its own name.
        path: Its file, from the root of the repository.
        status: dbt's word: `success`, `pass`, `error`, `fail`, `skipped`.
        message: What the adapter said.
        source: Its text as it is written.
        compiled: Its query as it was compiled.
        manifest: dbt's own node.
    """

    unique_id: str
    name: str
    path: str
    status: str
    message: str
    source: str
    compiled: str
    manifest: Any


def window(*, first: bool) -> str:
    """A pin's window: the first of all, or an increment."""
    tables = {
        f"{contract.source}.{contract.table}": {
            "from_seq": 0 if first else 4,
            "to_seq": 9,
            "touched_dates": list(TOUCHED_DATES) if contract.is_event else [],
            "min_effective_date": None if contract.is_event else TOUCHED_DATES[0],
        }
        for contract in all_contracts()
    }
    return json.dumps(
        {
            "pin": 3,
            "previous_pin": None if first else 2,
            "is_first_of_day": True,  # the dearest build of a day
            "tables": tables,
        }
    )


class DbtRuns:
    """Runs of one dbt project against one warehouse; the project is parsed once."""

    def __init__(self, project: Path, endpoint: str, folder: Path) -> None:
        self._project = project
        self._folder = folder
        profiles = yaml.safe_load((PROJECT_ROOT / "profiles.yml").read_text(encoding="utf-8"))
        production = profiles["advertisex"]["outputs"]["production"]
        production |= {
            "method": "oauth-secrets",
            "token": "none",
            "api_endpoint": endpoint,
            "job_retries": 0,
            "threads": 1,
        }
        outputs = {"target": "production", "outputs": {"production": production}}
        profile = yaml.safe_dump({"advertisex": outputs})
        (folder / "profiles.yml").write_text(profile, encoding="utf-8")

    def run(self, command: Sequence[str], pin: str) -> list[Node]:
        """Run one dbt command with a pin's window.

        Raises:
            RuntimeError: dbt could not start.
        """
        from dbt.cli.main import dbtRunner

        arguments = [*command, "--project-dir", str(self._project)]
        arguments += ["--profiles-dir", str(self._folder)]
        arguments += ["--target-path", str(self._folder / "target")]
        arguments += ["--log-path", str(self._folder), "--log-level", "none", "--no-print"]
        arguments += ["--log-level-file", "error"]
        with environment(**_settings(), ADX_WINDOW=pin):
            answer = dbtRunner().invoke(arguments)
        if answer.exception is not None:
            raise RuntimeError(str(answer.exception)) from answer.exception
        results = getattr(answer.result, "results", [])
        # Exposures are listed, too, and there is nothing to run.
        return [self._node(one) for one in results if one.node.resource_type != "exposure"]

    def _node(self, result: Any) -> Node:
        node = result.node
        path = (self._project / node.original_file_path).resolve()
        return Node(
            unique_id=node.unique_id,
            name=node.name,
            path=str(path.relative_to(self._project.parent.resolve())),
            status=str(getattr(result.status, "value", result.status)),
            message=str(result.message or ""),
            source=getattr(node, "raw_code", "") or "",
            compiled=getattr(node, "compiled_code", "") or "",
            manifest=node,
        )
