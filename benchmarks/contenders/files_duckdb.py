"""Bare DuckDB: typed columns from JSONL to zstd Parquet; no contract, no claims, no lineage."""

from pathlib import Path
from typing import Any

from benchmarks.contender import contend
from benchmarks.usage import Clock
from ingestion.contracts import Field, load_contract
from ingestion.lake.duckdb import connect
from ingestion.settings import Settings

_TYPES = {
    "int": "bigint",
    "bool": "boolean",
    "ts": "timestamp with time zone",
    "dec": "decimal(38, 9)",
    "date": "date",
}


def _type(field: Field) -> str:
    if field.type == "struct":
        members = ", ".join(f'"{child.name}" {_type(child)}' for child in field.fields)
        return f"struct({members})"
    return _TYPES.get(field.type, "varchar")


def work(arguments: dict[str, Any]) -> dict[str, Any]:
    """Convert all files in one statement."""
    home = Path(arguments["home"])
    fields = load_contract("adserver", "impressions").fields
    columns = ", ".join(f"'{field.name}': '{_type(field)}'" for field in fields)
    files = ", ".join(f"'{file}'" for file in arguments["files"])
    target = home / "impressions.parquet"
    connection = connect(Settings(home=home))
    clock = Clock()
    connection.execute(
        f"copy (select * from read_json([{files}], format = 'newline_delimited', "
        f"columns = {{{columns}}})) to '{target}' (format parquet, compression zstd)"
    )
    return {"cpu": clock.cpu, "wall": clock.wall, "files": str(target)}


if __name__ == "__main__":
    contend(work)
