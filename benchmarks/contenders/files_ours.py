"""Our landing: drop queue, strict contract, privacy, lineage, claims, one fenced commit."""

import shutil
from pathlib import Path
from typing import Any

from benchmarks.contender import contend
from benchmarks.usage import Clock
from ingestion.contracts import load_contract
from ingestion.lake import Lake
from ingestion.settings import Settings
from ingestion.sources.adserver import land


def work(arguments: dict[str, Any]) -> dict[str, Any]:
    """Land the files of the drop folder."""
    settings = Settings(home=Path(arguments["home"]))
    Lake.open(settings).ensure_tables()
    incoming = settings.drop / "adserver"
    incoming.mkdir(parents=True)
    for file in arguments["files"]:
        shutil.copy(file, incoming)
        (incoming / f"{Path(file).name}.done").touch()
    clock = Clock()
    report = land(settings)
    if report.problems:
        raise report.problems[0]
    head = Lake.open(settings).head(load_contract("adserver", "impressions"))
    return {"cpu": clock.cpu, "wall": clock.wall, "metadata": head.metadata_location}


if __name__ == "__main__":
    contend(work)
