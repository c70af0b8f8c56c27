"""Curves and bars as inline SVG, for reports that are one file."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, isnan, log10

COLOURS = ("#8a8f98", "#d98a2b", "#1f6feb", "#8250df")
"""Baselines first: grey, amber, then the models."""

_WIDTH, _HEIGHT = 380, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 12, 30, 34

_NAMES, _LETTERS = 16, 8
"""Names that fit below a chart, and letters of one."""


@dataclass(frozen=True)
class Curve:
    """One line over the steps 1, 2, …, with an interval where there is one."""

    values: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    colour: str = COLOURS[2]


@dataclass(frozen=True)
class _Scale:
    low: float
    high: float

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def line_chart(
    title: str,
    curves: Mapping[str, Curve],
    *,
    zero: bool = False,
    step: str = "frame",
    steps: Sequence[str] = (),
    across: str = "",
) -> str:
    """Return an SVG of `curves` over 1, 2, …; `zero` draws the line that a gain must exceed.

    Each point says its `step` and value to whoever points at it. NaN interrupts a curve. `steps`
    are names in place of 1, 2, …, and `across` stands below them.
    """
    known = [
        value
        for curve in curves.values()
        for value in (*curve.values, *curve.low, *curve.high)
        if not isnan(value)
    ]
    if zero:
        known.append(0.0)
    scale = _padded(known)
    count = max((len(curve.values) for curve in curves.values()), default=1)
    names = steps or [str(number) for number in range(1, count + 1)]

    def x(number: int) -> float:
        span = _WIDTH - _LEFT - _RIGHT
        return _LEFT + span * (0.5 if count == 1 else (number - 1) / (count - 1))

    parts = [_opened(title), *_grid(scale), *_across(across)]
    parts += [_below(x(number), names[number - 1]) for number in _shown(count)]
    if zero:
        parts.append(_line(_LEFT, scale.y(0), _WIDTH - _RIGHT, scale.y(0), "axis"))
    for name, curve in curves.items():
        parts += _band(curve, x, scale)
        for run in _runs(curve.values):
            points = " ".join(f"{x(s):.1f},{scale.y(v):.1f}" for s, v in run)
            parts.append(
                f'<polyline points="{points}" fill="none" stroke="{curve.colour}" '
                'stroke-width="2" stroke-linejoin="round"/>'
            )
            parts += [
                f'<circle cx="{x(s):.1f}" cy="{scale.y(v):.1f}" r="3" fill="{curve.colour}">'
                f"<title>{escape(name)}, {escape(step)} {escape(names[s - 1])}: {v:.3f}</title>"
                "</circle>"
                for s, v in run
            ]
    return "".join([*parts, "</svg>"])


def bar_chart(title: str, bars: Mapping[str, float], *, across: str = "") -> str:
    """Return an SVG with a bar for each name, in the order given, from zero up or down.

    With `across`, what the names are, they stand below the bars; else only who points at one sees
    its name.
    """
    scale = _padded([*bars.values(), 0.0])
    slot = (_WIDTH - _LEFT - _RIGHT) / max(1, len(bars))
    parts = [_opened(title), *_grid(scale), *_across(across)]
    if across:
        names = list(bars)
        parts += [
            _below(_LEFT + (number - 0.5) * slot, names[number - 1])
            for number in _shown(len(names))
        ]
    for place, (name, value) in enumerate(bars.items()):
        top, bottom = sorted((scale.y(value), scale.y(0)))
        colour = COLOURS[2] if value >= 0 else "#cf222e"
        parts.append(
            f'<rect x="{_LEFT + place * slot:.2f}" y="{top:.1f}" width="{max(slot - 1, 0.5):.2f}" '
            f'height="{max(bottom - top, 0.5):.1f}" fill="{colour}">'
            f"<title>{escape(name)}: {value:+.2f}</title></rect>"
        )
    parts.append(_line(_LEFT, scale.y(0), _WIDTH - _RIGHT, scale.y(0), "axis"))
    return "".join([*parts, "</svg>"])


def legend(colours: Mapping[str, str]) -> str:
    """Return one line of HTML that says which colour is which."""
    entries = (
        f'<span><i style="background:{colour}"></i>{escape(name)}</span>'
        for name, colour in colours.items()
    )
    return f'<p class="legend">{"".join(entries)}</p>'


def round_ticks(low: float, high: float, most: int) -> list[float]:
    """Return round numbers from `low` to `high`, at most `most` + 1 of them."""
    if high <= low:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    return [round(place * step, 10) for place in range(ceil(low / step), floor(high / step) + 1)]


def _opened(title: str) -> str:
    name = escape(title)
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{name}">'
        f'<text x="{_LEFT}" y="18" class="title">{name}</text>'
    )


def _grid(scale: _Scale) -> list[str]:
    parts = []
    for value in round_ticks(scale.low, scale.high, 5):
        y = scale.y(value)
        parts.append(_line(_LEFT, y, _WIDTH - _RIGHT, y, "grid"))
        parts.append(
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" class="tick" text-anchor="end">{value:g}</text>'
        )
    return parts


def _shown(count: int) -> range:
    """Return the numbers from 1 to `count` that have room for their names."""
    return range(1, count + 1, max(1, -(-count // _NAMES)))


def _below(x: float, name: str) -> str:
    short = name if len(name) <= _LETTERS else f"{name[: _LETTERS - 1]}…"
    return (
        f'<text x="{x:.1f}" y="{_HEIGHT - 18}" class="tick" text-anchor="middle">'
        f"{escape(short)}</text>"
    )


def _across(name: str) -> list[str]:
    if not name:
        return []
    x = (_LEFT + _WIDTH - _RIGHT) / 2
    return [
        f'<text x="{x:.1f}" y="{_HEIGHT - 4}" class="tick" text-anchor="middle">'
        f"{escape(name)}</text>"
    ]


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def _band(curve: Curve, x: Callable[[int], float], scale: _Scale) -> list[str]:
    if not curve.low or any(map(isnan, (*curve.low, *curve.high))):
        return []
    above = [f"{x(s):.1f},{scale.y(v):.1f}" for s, v in enumerate(curve.high, 1)]
    below = [f"{x(s):.1f},{scale.y(v):.1f}" for s, v in enumerate(curve.low, 1)]
    points = " ".join([*above, *reversed(below)])
    return [f'<polygon points="{points}" fill="{curve.colour}" opacity="0.15"/>']


def _runs(values: Sequence[float]) -> list[list[tuple[int, float]]]:
    """Return the points ``(step, value)``, cut where a value is NaN."""
    runs: list[list[tuple[int, float]]] = [[]]
    for step, value in enumerate(values, 1):
        if isnan(value):
            runs.append([])
        else:
            runs[-1].append((step, value))
    return [run for run in runs if run]


def _padded(values: Sequence[float]) -> _Scale:
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    margin = (high - low) * 0.06 or 0.5
    return _Scale(low - margin, high + margin)
