"""Curves over time as a picture, drawn without a plotting library."""

from collections.abc import Mapping, Sequence
from math import isnan
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from predictor.analysis.charts import round_ticks

_SIZE = (1280, 720)
_LEFT, _RIGHT, _TOP, _BOTTOM = 80, 24, 48, 48
_INK, _GRID, _CUT = "#222222", "#dddddd", "#bbbbbb"
_COLOURS = ("#1f5fb4", "#c23b22", "#2e7d32")
_COLUMNS = _SIZE[0] - _LEFT - _RIGHT


def write_curves(
    path: Path,
    title: str,
    times_s: Sequence[float],
    curves: Mapping[str, Sequence[float]],
    marks_s: Sequence[float] = (),
) -> None:
    """Write a PNG with one panel a curve over `times_s`; NaN interrupts a curve.

    Where there are more points than columns of pixels, each column shows its least and most, so
    that no outlier is lost. `marks_s` are dotted verticals.
    """
    image = Image.new("RGB", _SIZE, "white")
    draw = ImageDraw.Draw(image)
    drawable = title.encode("latin-1", errors="replace").decode("latin-1")  # what the font has
    draw.text((_LEFT, 12), drawable, _INK, _font(20))
    height = (_SIZE[1] - _TOP - _BOTTOM) / max(1, len(curves))
    for index, (name, values) in enumerate(curves.items()):
        top = _TOP + index * height
        box = (top + 24, top + height - 12)
        draw.text((_LEFT, top), name, _COLOURS[index % len(_COLOURS)], _font(15))
        _panel(draw, box, times_s, values, marks_s, _COLOURS[index % len(_COLOURS)])
    if times_s:
        for time in round_ticks(times_s[0], times_s[-1], 10):
            x = _column(time, times_s)
            draw.text((x, _SIZE[1] - _BOTTOM), f"{time:g} s", _INK, _font(13), anchor="ma")
    image.save(path, format="PNG")


def _panel(
    draw: ImageDraw.ImageDraw,
    box: tuple[float, float],
    times_s: Sequence[float],
    values: Sequence[float],
    marks_s: Sequence[float],
    colour: str,
) -> None:
    top, bottom = box
    known = [value for value in values if not isnan(value)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5

    def row(value: float) -> float:
        return bottom - (value - low) / (high - low) * (bottom - top)

    for value in round_ticks(low, high, 4):
        draw.line((_LEFT, row(value), _SIZE[0] - _RIGHT, row(value)), _GRID)
        draw.text((_LEFT - 8, row(value)), f"{value:g}", _INK, _font(13), anchor="rm")
    for mark in marks_s:
        for y in range(int(top), int(bottom), 8):
            draw.line((_column(mark, times_s), y, _column(mark, times_s), y + 3), _CUT)
    run: list[tuple[float, float]] = []
    for x, value in _thinned(times_s, values):
        if isnan(value):
            _line(draw, run, colour)
            run = []
        else:
            run.append((x, row(value)))
    _line(draw, run, colour)


def _line(draw: ImageDraw.ImageDraw, points: list[tuple[float, float]], colour: str) -> None:
    if len(points) == 1:
        draw.point(points, colour)
    draw.line(points, colour, width=2)


def _thinned(times_s: Sequence[float], values: Sequence[float]) -> list[tuple[float, float]]:
    """Return points ``(column, value)``: at most two a column, its least and its most in order."""
    columns: dict[int, list[tuple[int, float]]] = {}
    for number, (time, value) in enumerate(zip(times_s, values, strict=True)):
        columns.setdefault(int(_column(time, times_s)), []).append((number, value))
    points = []
    for column, members in columns.items():
        known = [member for member in members if not isnan(member[1])] or members[:1]
        extremes = {min(known, key=lambda m: m[1]), max(known, key=lambda m: m[1])}
        points += [(float(column), value) for _, value in sorted(extremes)]
    return points


def _column(time: float, times_s: Sequence[float]) -> float:
    span = (times_s[-1] - times_s[0]) or 1.0
    return _LEFT + (time - times_s[0]) / span * _COLUMNS


def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)
