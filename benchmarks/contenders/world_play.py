"""A world of one day: messages, files, table changes and the answer key."""

from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.contender import contend
from benchmarks.usage import Clock
from ingestion.adworld.config import WorldConfig
from ingestion.adworld.sources import script_of


def work(arguments: dict[str, Any]) -> dict[str, Any]:
    """Make everything that a player would send, without a broker."""
    folder = Path(arguments["folder"])
    config = WorldConfig(seed=1, scale=arguments["scale"], days=1, start=date(2026, 3, 28))
    clock = Clock()
    script = script_of(config, 1)
    messages = sum(len(chunk) for chunk in script.chunks())
    script.save_stream(folder)
    files = 0
    for name, content in script.files():
        path = folder / "drop" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        files += 1
    script.save_files(folder)
    answers = script.key(folder, 1, [1])
    # The scale is the number of records of all sources; the messages are counted as a check.
    if messages > config.scale or not answers:
        raise RuntimeError(f"{messages} messages, {len(answers)} answers for {config.scale}")
    return {"wall": clock.wall, "cpu": clock.cpu, "events": config.scale, "files": files}


if __name__ == "__main__":
    contend(work)
