"""The figures of a report as drawings: SVG to stand inside a page.

Matplotlib's SVG backend draws on figures of their own, without the global state of pyplot. The
drawings carry no address, and their colours are the page's variables, so that they follow its light
or dark scheme. Each has a title and a description for those who do not see it.
"""

import html
import io
import json
import re
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline
from matplotlib.ticker import FuncFormatter, MaxNLocator

Row = Sequence[Any]

_TEXT, _MUTED, _RULE, _LAND = "#fe0001", "#fe0002", "#fe0003", "#fe0004"
_SERIES = tuple(f"#fe00{number:02d}" for number in range(11, 20))
_ORGANIC = "#fe0020"
_VARIABLES = {
    _TEXT: "currentColor",
    _MUTED: "var(--muted)",
    _RULE: "var(--rule)",
    _LAND: "var(--land)",
    _ORGANIC: "var(--organic)",
    **{code: f"var(--series-{number})" for number, code in enumerate(_SERIES, 1)},
}
"""Colours that stand for variables of the page while matplotlib draws."""

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.size": 9.5,
    "axes.edgecolor": _RULE,
    "axes.labelcolor": _MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": _RULE,
    "grid.linewidth": 0.6,
    "text.color": _TEXT,
    "xtick.color": _RULE,
    "ytick.color": _RULE,
    "xtick.labelcolor": _MUTED,
    "ytick.labelcolor": _MUTED,
    "legend.frameon": False,
    "legend.labelcolor": _MUTED,
    "legend.fontsize": 9,
}

_WIDTH = 4.5
"""Inches: 324 points, so that letters keep their size on a telephone."""

_LABEL = 32
"""Most letters of a label beside a bar."""


def draw(
    name: str, title: str, description: str, rows: Sequence[Row], columns: Sequence[str]
) -> str:
    """A topic's chart, as markup for an HTML page; nothing where it has none or there are no rows.

    Args:
        name: The topic.
        title: What the chart is called.
        description: What it shows, in words.
        rows: The topic's figures.
        columns: What they are called.
    """
    painter = _PAINTERS.get(name)
    if painter is None or not rows:
        return ""
    with mpl.rc_context(_STYLE):
        figure = painter(rows, columns)
        return _markup(figure, name, title, description)


def _markup(figure: Figure, name: str, title: str, description: str) -> str:
    """SVG without prologue, addresses and metadata, with ids that no other chart has."""
    stream = io.StringIO()
    mpl.rcParams["svg.hashsalt"] = name
    figure.savefig(
        stream,
        format="svg",
        transparent=True,
        metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")),
    )
    svg = stream.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\n?", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    for code, variable in _VARIABLES.items():
        svg = svg.replace(code, variable)
    size = re.search(r'viewBox="[^"]+"', svg)
    body = svg[svg.index(">") + 1 :]
    return (
        f'<svg {size[0] if size else ""} role="img" aria-labelledby="{name}-title {name}-desc">'
        f'<title id="{name}-title">{html.escape(title)}</title>'
        f'<desc id="{name}-desc">{html.escape(description)}</desc>{body}'
    )


def _figure(
    height: float, rows: int = 1, ratios: Sequence[float] | None = None
) -> tuple[Figure, Any]:
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, 1, sharex=True, height_ratios=ratios)
    return figure, axes


def _short(value: float, _position: object = None) -> str:
    """A number on an axis: 1.5k, 2M."""
    for size, unit in ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _cut(text: object) -> str:
    label = str(text)
    return label if len(label) <= _LABEL else f"{label[: _LABEL - 1]}…"


def _counts(axis: Any, bins: int = 5) -> None:
    axis.set_major_locator(MaxNLocator(bins, integer=True))
    axis.set_major_formatter(FuncFormatter(_short))


def _days(axes: Axes, days: Sequence[str]) -> None:
    """One place a day, however far apart they lie; as many names as there is room for."""
    step = -(-len(days) // 7)
    places = range(0, len(days), step)
    names = [f"{(day := date.fromisoformat(days[place])).day} {day:%b}" for place in places]
    axes.set_xticks(list(places), names)
    axes.set_xlim(-0.6, len(days) - 0.4)


def _legend(axes: Axes, columns: int = 2, **options: Any) -> None:
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1.0),
        ncols=columns,
        borderaxespad=0.2,
        handlelength=1,
        handleheight=0.8,
        columnspacing=1.2,
        borderpad=0,
        **options,
    )


def _spend(rows: Sequence[Row], _columns: Sequence[str]) -> Figure:
    figure, axes = _figure(2.6)
    axes.grid(visible=True)
    places = range(len(rows))
    axes.bar(
        [one - 0.2 for one in places],
        [float(row[2]) for row in rows],
        0.4,
        color=_SERIES[0],
        label="billed",
    )
    axes.bar(
        [one + 0.2 for one in places],
        [float(row[3]) for row in rows],
        0.4,
        color=_SERIES[1],
        label="media cost",
    )
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(FuncFormatter(_short))
    axes.set_ylabel(rows[0][1] or "")
    _days(axes, [row[0] for row in rows])
    _legend(axes)
    return figure


def _pacing(rows: Sequence[Row], columns: Sequence[str]) -> Figure:
    """The line items that are furthest from their plan, by how much of it they delivered."""
    index, state = columns.index("index"), columns.index("state")
    running = [row for row in rows if row[index] is not None and row[state] != "ended"]
    running.sort(key=lambda row: abs(row[index] - 1), reverse=True)
    furthest = (running or [row for row in rows if row[index] is not None])[:12]
    shown = sorted(furthest, key=lambda row: row[index])
    figure, axes = _figure(0.9 + 0.24 * max(len(shown), 1))
    axes.axvspan(0.9, 1.1, color=_LAND, linewidth=0)
    axes.axvline(1, color=_MUTED, linewidth=0.8)
    places = range(len(shown))
    axes.barh(places, [float(row[index]) for row in shown], 0.62, color=_SERIES[0])
    axes.set_yticks(places, [_cut(row[0]) for row in shown])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("delivered / planned (band: on track)")
    return figure


def _hours(rows: Sequence[Row], _columns: Sequence[str]) -> Figure:
    figure, (shown, clicked) = _figure(3.1, 2, (2, 1))
    hours = [row[0] for row in rows]
    net, invalid, clicks = ([row[index] for row in rows] for index in (1, 2, 3))
    shown.bar(hours, net, 0.8, color=_SERIES[0], label="net impressions")
    shown.bar(hours, invalid, 0.8, bottom=net, color=_SERIES[3], label="invalid")
    clicked.bar(hours, clicks, 0.8, color=_SERIES[2])
    clicked.set_ylabel("net clicks")
    clicked.set_xlabel("hour (UTC)")
    clicked.set_xticks(range(0, 24, 3))
    clicked.set_xlim(-0.7, 23.7)
    for axes in (shown, clicked):
        axes.grid(visible=True)
        _counts(axes.yaxis, 4 if axes is shown else 2)
    _legend(shown)
    return figure


def _viewability(rows: Sequence[Row], _columns: Sequence[str]) -> Figure:
    figure, axes = _figure(0.85 + 0.62 * len(rows))
    for place, row in enumerate(reversed(rows)):
        for offset, rate, whole, part, color in (
            (0.2, row[3], row[1], "net", _SERIES[0]),
            (-0.2, row[5], row[2], "measurable", _SERIES[2]),
        ):
            width = float(rate or 0)
            axes.barh(place + offset, 100, 0.34, color=_LAND)
            axes.barh(place + offset, width, 0.34, color=color)
            text = "not measured" if rate is None else f"{rate} % of {whole:,} {part}"
            axes.text(102, place + offset, text, va="center", fontsize=8.5)
    axes.set_xlim(0, 168)
    axes.set_xticks([0, 50, 100], ["0 %", "50 %", "100 %"])
    axes.set_yticks(range(len(rows)), [_cut(row[0]) for row in reversed(rows)])
    axes.tick_params(axis="y", length=0)
    axes.spines["bottom"].set_visible(False)
    axes.spines["left"].set_visible(False)
    _named(axes, {"measured rate": _SERIES[0], "viewable rate": _SERIES[2]})
    return figure


def _named(axes: Axes, colors: dict[str, str], columns: int = 2) -> None:
    """A legend of colours that were drawn piece by piece."""
    for label, color in colors.items():
        axes.bar([0], [0], 0, color=color, label=label)
    _legend(axes, columns)


def _invalid(rows: Sequence[Row], _columns: Sequence[str]) -> Figure:
    shown = list(reversed(rows))
    figure, axes = _figure(0.75 + 0.24 * len(shown))
    names = [_cut(row[0]) for row in shown]
    places = range(len(shown))
    impressions = [row[2] for row in shown]
    axes.barh(places, impressions, 0.66, color=_SERIES[0], label="impressions")
    axes.barh(
        places, [row[3] for row in shown], 0.66, left=impressions, color=_SERIES[2], label="clicks"
    )
    axes.set_yticks(places, names, fontsize=8.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True, axis="x")
    _counts(axes.xaxis, 4)
    _legend(axes)
    return figure


def _attribution(rows: Sequence[Row], columns: Sequence[str]) -> Figure:
    groups = columns[1:]
    legend_rows = -(-len(groups) // 3)
    figure, axes = _figure(0.45 + 0.2 * legend_rows + 0.27 * len(rows))
    shown = list(reversed(rows))
    left = [Decimal(0)] * len(shown)
    for index, group in enumerate(groups, 1):
        color = _ORGANIC if group == "organic" else _SERIES[(index - 1) % len(_SERIES)]
        widths = [row[index] for row in shown]
        axes.barh(
            range(len(shown)),
            [float(width) for width in widths],
            0.7,
            left=[float(start) for start in left],
            color=color,
            label=_cut(group),
        )
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.set_yticks(range(len(shown)), [row[0] for row in shown])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True, axis="x")
    _counts(axes.xaxis)
    _legend(axes, 3)
    return figure


def _reach(rows: Sequence[Row], _columns: Sequence[str]) -> Figure:
    figure, axes = _figure(2.6)
    axes.grid(visible=True)
    places = list(range(len(rows)))
    axes.bar(places, [row[1] for row in rows], 0.6, color=_SERIES[2], label="reach of the day")
    known = [(place, row) for place, row in enumerate(rows) if row[3] is not None]
    if known:
        at = [place for place, _ in known]
        curve = [float(row[3]) for _, row in known]
        error = [float(row[3]) * float(row[4]) / 100 for _, row in known]
        low = [value - one for value, one in zip(curve, error, strict=True)]
        high = [value + one for value, one in zip(curve, error, strict=True)]
        axes.fill_between(at, low, high, color=_SERIES[0], alpha=0.25, linewidth=0)
        axes.plot(at, curve, color=_SERIES[0], marker="o", markersize=3, label="cumulative")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("user ids")
    _counts(axes.yaxis)
    _days(axes, [row[0] for row in rows])
    _legend(axes)
    return figure


@cache
def _land() -> Outline:
    """Outlines of the land; `land.json` says whose."""
    rings = json.loads((Path(__file__).parent / "land.json").read_text("utf-8"))["rings"]
    return Outline.make_compound_path(*(Outline(ring, closed=True) for ring in rings))


def _places(rows: Sequence[Row], _columns: Sequence[str]) -> Figure:
    figure, axes = _figure(1.85)
    axes.add_patch(PathPatch(_land(), facecolor=_LAND, edgecolor=_RULE, linewidth=0.4))
    counts: dict[tuple[float, float], int] = {}
    for row in rows:
        if row[2] is not None and row[3] is not None:
            place = float(row[3]), float(row[2])
            counts[place] = counts.get(place, 0) + row[4]
    if counts:
        most = max(counts.values())
        axes.scatter(
            [longitude for longitude, _ in counts],
            [latitude for _, latitude in counts],
            s=[8 + 292 * count / most for count in counts.values()],
            color=_SERIES[0],
            alpha=0.55,
            linewidth=0.5,
            edgecolor=_SERIES[0],
        )
    axes.set_xlim(-170, 180)
    axes.set_ylim(-57, 80)
    axes.set_aspect("equal")
    axes.axis("off")
    return figure


_PAINTERS: dict[str, Callable[[Sequence[Row], Sequence[str]], Figure]] = {
    "spend": _spend,
    "pacing": _pacing,
    "hours": _hours,
    "viewability": _viewability,
    "invalid_traffic": _invalid,
    "attribution": _attribution,
    "reach": _reach,
    "places": _places,
}
