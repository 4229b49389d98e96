"""What a benchmark gives: figures beside a peer's, and how they are shown."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """One measured ratio.

    Attributes:
        name: `<benchmark>: <what>`.
        ours: Our value.
        peer: The peer's value, or the bound that stands in its place.
        unit: Unit of both.
        ratio: Ours over the peer's.
        target: The ratio that is wanted.
        better: Whether a larger or a smaller ratio is better.
        peer_name: What the peer is.
    """

    name: str
    ours: float
    peer: float
    unit: str
    ratio: float
    target: float
    better: Literal["higher", "lower"]
    peer_name: str

    @classmethod
    def of(
        cls,
        name: str,
        ours: float,
        peer: float,
        unit: str,
        *,
        peer_name: str,
        at_least: float | None = None,
        at_most: float | None = None,
    ) -> "Figure":
        """A figure with one of the two kinds of target."""
        if (at_least is None) == (at_most is None):
            raise ValueError("a figure has one target")
        target = at_least if at_least is not None else at_most
        return cls(
            name=name,
            ours=round(ours, 4),
            peer=round(peer, 4),
            unit=unit,
            ratio=round(ours / peer, 3),
            target=float(target or 0),
            better="higher" if at_least is not None else "lower",
            peer_name=peer_name,
        )

    @property
    def met(self) -> bool:
        """Whether the target was reached."""
        return self.ratio >= self.target if self.better == "higher" else self.ratio <= self.target


def show(figures: Sequence[Figure], console: Console) -> None:
    """Print figures as a table."""
    table = Table("benchmark", "ours", "peer", "unit", "ratio", "target", "peer is")
    for figure in figures:
        sign = "≥" if figure.better == "higher" else "≤"
        style = "green" if figure.met else "red"
        table.add_row(
            figure.name,
            f"{figure.ours:,.3g}" if figure.ours < 1000 else f"{figure.ours:,.0f}",
            f"{figure.peer:,.3g}" if figure.peer < 1000 else f"{figure.peer:,.0f}",
            figure.unit,
            f"[{style}]{figure.ratio:.2f}[/]",
            f"{sign} {figure.target:g}",
            figure.peer_name,
        )
    console.print(table)


def write(figures: Sequence[Figure], path: Path) -> None:
    """Write figures as JSON, one object each."""
    values = [asdict(figure) for figure in figures]
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
