"""What the channels are worth in the conversions of a month, by the data.

- A converting path is that of a conversion of the month. A null path is what a user id saw and
  clicked of an advertiser in the month, less the touches of the month's conversions, and less
  impressions with a click of the month.
- Markov: the chance to convert of a chain of order 1 over the channels, by solving its equations;
  the removal effect of a channel is the part of that chance which goes when all who come to the
  channel are lost. In whole millionths.
- Shapley: the worth of a set of channels is the number of conversions whose channels all lie in
  it; the value of a channel is its weighted marginal worth over all sets. In sixtieths.
- Half a has the paths whose first touch was in an even second, half b the others.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import combinations, pairwise
from math import factorial

from ingestion.adworld.config import SECOND_US
from ingestion.adworld.market import CHANNELS

START, CONVERSION, NULL = -1, -2, -3
COUNT = len(CHANNELS)
SIXTIETHS = 60

Counts = Mapping[tuple[int, int], int]
"""How often a path went from a channel (or the start) to a channel (or an end)."""


def transitions(paths: Iterable[tuple[Sequence[int], bool]]) -> Counter[tuple[int, int]]:
    """The steps of paths; each with its channels, and whether it converts."""
    counts: Counter[tuple[int, int]] = Counter()
    for channels, converts in paths:
        counts.update(pairwise([START, *channels, CONVERSION if converts else NULL]))
    return counts


def conversion_chance(counts: Counts, removed: int | None = None) -> Fraction:
    """The chance that a path from the start converts, by Gaussian elimination."""
    states = [START, *(channel for channel in range(COUNT) if channel != removed)]
    rows: list[list[Fraction]] = []
    for state in states:
        leaving = sum(number for (source, _), number in counts.items() if source == state)
        share = [Fraction(counts.get((state, to), 0), max(1, leaving)) for to in states]
        row = [Fraction(int(to == state)) - part for to, part in zip(states, share, strict=True)]
        rows.append([*row, Fraction(counts.get((state, CONVERSION), 0), max(1, leaving))])
    for place in range(len(states) - 1, -1, -1):
        pivot = rows[place][place]
        rows[place] = [value / pivot for value in rows[place]]
        for other in range(len(states)):
            if other != place and rows[other][place]:
                factor = rows[other][place]
                rows[other] = [
                    value - factor * part
                    for value, part in zip(rows[other], rows[place], strict=True)
                ]
    return rows[0][-1]


def markov_weights(counts: Counts) -> list[int]:
    """Removal effects in millionths, by channel."""
    whole = conversion_chance(counts)
    if not whole:
        return [0] * COUNT
    effects = (1 - conversion_chance(counts, channel) / whole for channel in range(COUNT))
    return [int(effect * 1_000_000 + Fraction(1, 2)) for effect in effects]


def shapley_weights(sets: Mapping[frozenset[int], int]) -> list[int]:
    """Shapley values in sixtieths of a conversion, by channel."""

    def worth(members: Iterable[int]) -> int:
        coalition = frozenset(members)
        return sum(number for needed, number in sets.items() if needed <= coalition)

    weights = []
    for channel in range(COUNT):
        others = [other for other in range(COUNT) if other != channel]
        value = Fraction(0)
        for size in range(COUNT):
            weight = Fraction(factorial(size) * factorial(COUNT - 1 - size), factorial(COUNT))
            for members in combinations(others, size):
                value += weight * (worth((*members, channel)) - worth(members))
        weights.append(int(value * SIXTIETHS))
    return weights


@dataclass
class Month:
    """The paths of a month.

    Attributes:
        paths: Half (0, 1), channels in order, and whether the path converts.
    """

    paths: list[tuple[int, tuple[int, ...], bool]] = field(default_factory=list)

    def add(self, ts: int, channels: Iterable[int], *, converts: bool) -> None:
        """One more path, which began at a moment."""
        self.paths.append((ts // SECOND_US % 2, tuple(channels), converts))

    def weights(self, model: str, half: int | None = None) -> list[int]:
        """What the channels weigh, by all paths or those of one half."""
        paths = [path[1:] for path in self.paths if half is None or path[0] == half]
        if model == "markov":
            return markov_weights(transitions(paths))
        return shapley_weights(
            Counter(frozenset(channels) for channels, converts in paths if converts)
        )

    def count(self, *, converts: bool) -> int:
        """Number of paths that convert, or do not."""
        return sum(path[2] is converts for path in self.paths)


Months = defaultdict[str, Month]
"""Months by their first date."""


def months() -> Months:
    """No month yet."""
    return defaultdict(Month)
