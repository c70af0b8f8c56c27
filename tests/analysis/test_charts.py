"""Charts are well-formed and put each value where the scale says."""

from xml.etree import ElementTree

import pytest

from predictor.analysis.charts import Curve, bar_chart, legend, line_chart

NAN = float("nan")
NAMES = "a < b & “c”"


def circles(svg: str) -> list[tuple[float, float, str]]:
    root = ElementTree.fromstring(svg)
    return [
        (float(c.attrib["cx"]), float(c.attrib["cy"]), c.findtext("title") or "")
        for c in root.iter("circle")
    ]


def test_a_point_says_its_step_and_its_value() -> None:
    svg = line_chart("t", {"said": Curve([1.0, 2.0])}, step="bin")
    assert "said, bin 2: 2.000" in svg
    assert "frame" not in svg


def texts(svg: str) -> list[str]:
    return [text.text or "" for text in ElementTree.fromstring(svg).iter("text")]


def test_steps_have_names_and_the_axis_too() -> None:
    svg = line_chart("t", {"m": Curve([1.0, 2.0])}, step="width", steps=["<0.1", "7"], across="w&")
    assert {"<0.1", "7", "w&"} <= set(texts(svg))
    assert [title for _, _, title in circles(svg)] == ["m, width <0.1: 1.000", "m, width 7: 2.000"]
    many = texts(line_chart("t", {"m": Curve([0.0] * 40)}, steps=[f"s{k}" for k in range(40)]))
    assert [name for name in many if name.startswith("s")] == [f"s{k}" for k in range(0, 40, 3)]


def test_bars_have_their_names_below_where_the_axis_has_one() -> None:
    bars = {"cat": 2.0, "a very long name": 1.0}
    assert texts(bar_chart("t", bars, across="class"))[-2:] == ["cat", "a very …"]
    assert "class" in texts(bar_chart("t", bars, across="class"))
    assert "cat" not in texts(bar_chart("t", bars))


def test_points_stand_in_proportion_to_their_values() -> None:
    points = circles(line_chart("t", {"m": Curve([1.0, 2.0, 4.0])}))
    (x1, y1, _), (x2, y2, _), (x3, y3, _) = points
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.11)
    assert y1 > y2 > y3  # larger is higher
    assert (y2 - y3) == pytest.approx(2 * (y1 - y2), abs=0.2)
    assert points[2][2] == "m, frame 3: 4.000"


def test_missing_values_interrupt_the_curve() -> None:
    svg = line_chart("t", {"m": Curve([1.0, 2.0, NAN, 3.0])})
    assert svg.count("<polyline") == 2
    assert len(circles(svg)) == 3
    assert "nan" not in svg


def test_chart_without_a_value_is_still_a_chart() -> None:
    ElementTree.fromstring(line_chart("t", {"m": Curve([NAN, NAN])}))
    ElementTree.fromstring(line_chart("t", {"m": Curve([5.0])}))
    ElementTree.fromstring(bar_chart("t", {}))


def test_interval_is_drawn_around_the_curve() -> None:
    root = ElementTree.fromstring(line_chart("t", {"m": Curve([2.0], [1.0], [3.0])}, zero=True))
    (band,) = root.iter("polygon")
    ys = [float(point.split(",")[1]) for point in band.attrib["points"].split()]
    ((_, y, _),) = circles(line_chart("t", {"m": Curve([2.0], [1.0], [3.0])}, zero=True))
    assert min(ys) < y < max(ys)


def test_bars_hang_from_zero() -> None:
    svg = bar_chart("t", {"up": 2.0, "down": -1.0})
    up, down = ElementTree.fromstring(svg).iter("rect")
    zero = float(up.attrib["y"]) + float(up.attrib["height"])
    assert float(down.attrib["y"]) == pytest.approx(zero, abs=0.11)
    ratio = float(up.attrib["height"]) / float(down.attrib["height"])
    assert ratio == pytest.approx(2, abs=0.01)


def test_names_are_escaped() -> None:
    for html in (
        line_chart(NAMES, {NAMES: Curve([1.0])}),
        bar_chart(NAMES, {NAMES: 1.0}),
        legend({NAMES: "#000"}),
    ):
        ElementTree.fromstring(html)
        assert "a &lt; b &amp; “c”" in html
