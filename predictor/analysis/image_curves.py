"""What an evaluation of generated pictures measured, as curves and bars of a report."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from predictor.analysis.charts import COLOURS, Curve, bar_chart, legend, line_chart
from predictor.metrics import SIGMAS

_COLOURS = {"samples": COLOURS[2], "real pictures": COLOURS[1]}

_BINS = 20


@dataclass(frozen=True, eq=False)
class ImageCurves:
    """Numbers behind the scores, of which a curve says more than a mean."""

    nats_of_widths: tuple[float, ...]
    """Mean log-likelihood, for each width of `SIGMAS`, of the pictures that choose the width."""
    units: str
    """Of the pixels, which are those of the widths."""
    to_each_other: tuple[Tensor, Tensor]
    """Distances of samples to the nearest other sample, and of real pictures to another real one,
    root mean square in grey levels of 0 to 255."""
    to_training: tuple[Tensor, Tensor] | None
    """Those of samples and of test pictures to the nearest training picture."""
    class_errors_percent: Mapping[str, float] | None
    """1-NN error of the test pictures of each class."""


def curve_section(curves: ImageCurves) -> str:
    """Return the charts as HTML."""
    charts = [
        line_chart(
            "Parzen log-likelihood by width of the window, nats",
            {"nats": Curve(curves.nats_of_widths)},
            step="width",
            steps=[f"{sigma:.2f}" for sigma in SIGMAS],
            across=f"width, pixels in {curves.units}",
        ),
        _distribution("To the nearest other one, % of pictures", curves.to_each_other),
    ]
    if curves.to_training is not None:
        name = "To the nearest training picture, % of pictures"
        charts.append(_distribution(name, curves.to_training))
    if curves.class_errors_percent:
        charts.append(
            bar_chart("1-NN error by class, %", curves.class_errors_percent, across="class")
        )
    return f'{legend(_COLOURS)}<div class="charts">{"".join(charts)}</div>'


def grey_levels(distances: Tensor, pixels: int) -> Tensor:
    """Return distances of pictures of so many `pixels` in [-1, 1] as root mean squares, 0 to 255.

    Of pixels of colour each channel counts as one.
    """
    return distances * 127.5 / pixels**0.5


def _distribution(title: str, sides: tuple[Tensor, Tensor]) -> str:
    """Return a chart of the shares of samples and of real pictures by distance."""
    highest = max(1.0, *(float(side.max()) for side in sides))
    curves = {
        name: Curve(
            (100 * torch.histc(side.float(), _BINS, 0, highest) / len(side)).tolist(), colour=colour
        )
        for (name, colour), side in zip(_COLOURS.items(), sides, strict=True)
    }
    middles = [(number + 0.5) * highest / _BINS for number in range(_BINS)]
    digits = 0 if highest >= _BINS else 1
    return line_chart(
        title,
        curves,
        step="distance",
        steps=[f"{middle:.{digits}f}" for middle in middles],
        across="distance, grey levels (root mean square)",
    )
