"""An evaluation of generated pictures as rows of a table, and as one HTML file."""

from collections.abc import Sequence
from html import escape

import torch
from torch import Tensor

from predictor import __version__
from predictor.analysis.image_curves import curve_section
from predictor.analysis.image_evaluation import ONE_NEAREST_NEIGHBOUR, ImageEvaluation, ImageScores
from predictor.analysis.network_scores import NetworkScores
from predictor.analysis.page import exact_picture, page, table_row
from predictor.analysis.repeats import ALIKE_LEVELS
from predictor.analysis.sheets import enlarged, sheet

_PICTURE_PX = 56

_PAIRS = 4
"""Pairs in a row."""


def score_rows(evaluation: ImageEvaluation) -> list[tuple[str, str]]:
    """Return what was measured in words and numbers, a line each."""
    scores = evaluation.scores
    rows = [
        (
            f"Parzen log-likelihood of {_counted(scores.part, scores.parzen_images)}, pixels in "
            f"{scores.units}",
            f"{scores.parzen_nats:.1f} ± {scores.parzen_standard_error_nats:.1f} nats",
        ),
        (
            f"width of the window, chosen on {_counted(scores.width_part, scores.width_images)}",
            f"{scores.parzen_sigma:.3f}",
        ),
        *_level_rows(scores),
        ("precision, raw pixels", f"{scores.precision_pixels:.3f}"),
        ("recall, raw pixels", f"{scores.recall_pixels:.3f}"),
        ("Fréchet distance of raw pixels", f"{scores.frechet_pixels:.2f}"),
        ("test picture to the nearest sample", f"{scores.nearest_sample_distance:.3f}"),
        ("variance of the samples over that of test pictures", f"{scores.variance_share:.2f}"),
        ("samples that repeat another", f"{scores.repeated_percent:.1f} %"),
    ]
    if scores.memory_ratio is not None:
        nearness = f"{scores.memory_ratio:.2f}"
        rows.append(("nearness to training pictures, test pictures at 1", nearness))
    if scores.one_nearest_neighbour_error_percent is not None:
        error = f"{scores.one_nearest_neighbour_error_percent:.2f} %"
        rows.insert(2, (ONE_NEAREST_NEIGHBOUR, error))
    for found in evaluation.in_networks:
        rows += _network_rows(found)
    counts = f"{scores.test_images:,}, {scores.samples:,}"
    return [*rows, (f"test pictures (part {scores.part}), samples", counts)]


def _level_rows(scores: ImageScores) -> list[tuple[str, str]]:
    nats, error = scores.multiscale_parzen_nats, scores.multiscale_parzen_standard_error_nats
    if nats is None or scores.multiscale_images is None:
        return []
    name = f"the same summed over the levels, {_counted(scores.part, scores.multiscale_images)}"
    return [(name, f"{nats:.1f} ± {error:.1f} nats")]


def _counted(part: str, count: int) -> str:
    return f"{count:,} {'picture' if count == 1 else 'pictures'} of {part}"


def _network_rows(found: NetworkScores) -> list[tuple[str, str]]:
    name = found.network
    return [
        (f"FD ({name}), {found.pictures:,} pictures", f"{found.frechet:.2f}"),
        (
            f"exp E KL of classes ({name}); test pictures",
            f"{found.class_score:.2f} ± {found.class_score_deviation:.2f}; "
            f"{found.class_score_of_test:.2f}",
        ),
        (f"precision, recall ({name})", f"{found.precision:.3f}, {found.recall:.3f}"),
    ]


def html_report(
    model: str,
    data: str,
    evaluation: ImageEvaluation,
    scores: Sequence[tuple[str, str]],
    more: Sequence[str] = (),
) -> str:
    """Return the page: `scores`, curves, a hundred samples, repeats, the training pictures nearest.

    `more` are sections of HTML that stand before the samples.
    """
    rows = "".join(table_row([escape(name), escape(value)], "td") for name, value in scores)
    sections = [
        f"<h1>{escape(model)}</h1>",
        f'<p class="note">on {escape(data)}; predictor {__version__}</p>',
        f"<table>{rows}</table>",
        *(f'<p class="note">skipped {escape(line)}</p>' for line in evaluation.skipped),
        "<h2>Curves</h2>",
        curve_section(evaluation.curves),
        *more,
        "<h2>Samples</h2>",
        _picture(evaluation.samples, 10),
    ]
    if len(evaluation.repeating):
        sections += _repeating_sections(evaluation.repeating, evaluation.scores.repeated_percent)
    if evaluation.neighbours is not None:
        sections += _nearest_sections(evaluation.neighbours)
    return page(model, sections)


def _repeating_sections(pairs: Tensor, percent: float) -> list[str]:
    gap = torch.ones_like(pairs[:, :1])
    spaced = torch.cat((pairs, gap), dim=1).flatten(0, 1)[:-1]
    return [
        "<h2>Samples that repeat another</h2>",
        f"<p>{percent:.1f} % of the samples are nearer to another one than 99 % of real pictures "
        "are, in contrast made equal, or hardly differ from it (by at most "
        f"{ALIKE_LEVELS:g} grey levels, root mean square). The most alike pairs:</p>",
        _picture(spaced, 3 * _PAIRS),
    ]


def _nearest_sections(neighbours: Tensor) -> list[str]:
    gap = torch.ones_like(neighbours[:, :1])
    pairs = torch.cat((neighbours[:, :1], gap, neighbours[:, 1:]), dim=1)
    return [
        "<h2>Nearest training pictures</h2>",
        "<p>A sample in each row; behind the gap the training pictures that are nearest to it.</p>",
        _picture(pairs.flatten(0, 1), pairs.shape[1]),
    ]


def _picture(images: Tensor, columns: int) -> str:
    return exact_picture(sheet(enlarged(images, _PICTURE_PX), columns))
