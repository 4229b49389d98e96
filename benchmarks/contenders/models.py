"""Models as statements, one after the other, in a file that has what they read."""

import resource
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.contender import contend
from benchmarks.usage import Clock

_SETTINGS = {"threads": 2, "memory_limit": "20GB", "preserve_insertion_order": False}


def work(arguments: dict[str, Any]) -> dict[str, Any]:
    """Make every table; the peak is of the whole process."""
    spill = {"temp_directory": str(Path(arguments["scratch"]))}
    seconds = {}
    with duckdb.connect(arguments["file"], config=_SETTINGS | spill) as connection:
        connection.execute("set TimeZone = 'UTC'")
        clock = Clock()
        for relation, statement in arguments["statements"]:
            begun = clock.wall
            connection.execute(f"create table {relation} as ({statement})")
            seconds[relation] = round(clock.wall - begun, 2)
        wall = clock.wall
        totals = connection.execute(arguments["totals"]).fetchone()
    return {
        "wall": wall,
        "seconds": seconds,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "totals": totals,
    }


if __name__ == "__main__":
    contend(work)
