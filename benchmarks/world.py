"""How fast the ad world makes its bytes, files and answer key included."""

from pathlib import Path

from benchmarks.contender import run_contender
from benchmarks.figures import Figure

_WANTED = 30_000


def run(folder: Path, *, smoke: bool) -> list[Figure]:
    """Measure; `folder` is scratch."""
    scale = 20_000 if smoke else 1_000_000
    report = run_contender("world_play", {"folder": str(folder), "scale": scale})
    return [
        Figure.of(
            "world: generation",
            report["events"] / report["wall"],
            _WANTED,
            "events per second",
            peer_name="the speed that is wanted",
            at_least=1.0,
        )
    ]
