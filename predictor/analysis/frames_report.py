"""An evaluation of frame prediction as one HTML file: numbers, curves, best and worst videos."""

from collections.abc import Mapping, Sequence
from html import escape

from predictor import __version__
from predictor.analysis.charts import COLOURS, Curve, bar_chart, legend, line_chart
from predictor.analysis.frames_evaluation import (
    BASELINES,
    CONSTANT_VELOCITY,
    MEASURES,
    REPEAT_LAST,
    STILL_DB,
    Evaluation,
    Extrapolation,
    WindowScores,
)
from predictor.analysis.frames_summary import (
    LOSS_DB,
    VideoGain,
    gain_over_baselines,
    mean_over_videos,
    share_worse,
    video_gains,
)
from predictor.analysis.intervals import Mean
from predictor.analysis.page import figure, mean_cell, page, table_row
from predictor.cadence import CONTEXT_FRAMES
from predictor.tensors import DIFFERENCE_GAIN, shown_difference

SHOWN_VIDEOS = 3
"""How many of the best and how many of the worst videos are shown."""


def html_report(evaluation: Evaluation, models: Mapping[str, Extrapolation]) -> str:
    """Return `evaluation` as a self-contained page.

    `models` are those that were evaluated; they predict the frames that are shown once more. Best
    and worst videos are those of the first model.
    """
    own = next(iter(models))
    colours = _colours(evaluation.methods)
    steps = range(1, evaluation.horizon + 1)
    title = f"{' and '.join(models)}: predicted frames"
    gains = video_gains(evaluation, own, 1)
    sections = [
        f"<h1>{escape(title)}</h1>",
        _facts(evaluation),
        "<h2>PSNR in dB, by frames ahead</h2>",
        _psnr_table(evaluation, models),
        _share_line(evaluation, models),
        "<h2>All measures</h2>",
        legend(colours),
        '<div class="charts">',
        *(_measure_chart(evaluation, measure, colours) for measure in MEASURES),
        "</div>",
        "<h2>Gain over the better baseline</h2>",
        '<div class="charts">',
        line_chart(
            "PSNR gain, dB, by frames ahead",
            {
                name: _curve([gain_over_baselines(evaluation, name, s) for s in steps], colour)
                for name, colour in colours.items()
                if name not in BASELINES
            },
            zero=True,
        ),
        bar_chart(f"{own}: gain of each video, frame 1, dB", {g.video: g.gain_db for g in gains}),
        "</div>",
        *_best_and_worst(evaluation, models, gains),
        _listed_apart(evaluation, own),
    ]
    return page(title, sections)


def _colours(methods: Sequence[str]) -> dict[str, str]:
    return {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(methods)}


def _facts(evaluation: Evaluation) -> str:
    videos = len({scored.video for scored in evaluation.moving})
    return (
        f'<p class="note">{escape(evaluation.source.index.root.name)}: '
        f"{len(evaluation.moving)} windows of {CONTEXT_FRAMES} + {evaluation.horizon} frames from "
        f"{videos} videos, mean over windows, then over videos, with the bootstrap 95 % interval "
        f"over videos. PSNR is capped at 60 dB. predictor {__version__}.</p>"
    )


def _psnr_table(evaluation: Evaluation, models: Mapping[str, Extrapolation]) -> str:
    steps = range(1, evaluation.horizon + 1)
    rows = [table_row(("", *(f"frame {step}" for step in steps)), "th")]
    for name in evaluation.methods:
        means = [mean_over_videos(evaluation, name, "psnr_db", step) for step in steps]
        own = ' class="own"' if name in models else ""
        rows.append(table_row((escape(name), *map(mean_cell, means)), "td", own))
    for name in models:
        gained = [gain_over_baselines(evaluation, name, step) for step in steps]
        cells = [mean_cell(mean, sign="+") for mean in gained]
        rows.append(table_row((f"{escape(name)}, gain over the better baseline", *cells), "td"))
    return f"<table>{''.join(rows)}</table>"


def _share_line(evaluation: Evaluation, models: Mapping[str, Extrapolation]) -> str:
    if not evaluation.moving:
        return "<p>Nothing moves in any window.</p>"
    shares = ", ".join(
        f"{escape(name)} {share_worse(evaluation, name, 1):.1%}"
        for name in (CONSTANT_VELOCITY, *models)
    )
    return f"<p>Windows worse than {REPEAT_LAST} by over {LOSS_DB} dB at frame 1: {shares}.</p>"


def _measure_chart(evaluation: Evaluation, measure: str, colours: Mapping[str, str]) -> str:
    steps = range(1, evaluation.horizon + 1)
    curves = {
        name: Curve(
            [mean_over_videos(evaluation, name, measure, step).value for step in steps],
            colour=colour,
        )
        for name, colour in colours.items()
    }
    return line_chart(MEASURES[measure], curves)


def _curve(means: Sequence[Mean], colour: str) -> Curve:
    return Curve(
        [mean.value for mean in means],
        [mean.low for mean in means],
        [mean.high for mean in means],
        colour,
    )


def _best_and_worst(
    evaluation: Evaluation, models: Mapping[str, Extrapolation], gains: Sequence[VideoGain]
) -> list[str]:
    """Return sections of the best and the worst videos, none in both; nothing if none moves."""
    if not gains:
        return []
    shown = min(SHOWN_VIDEOS, len(gains) // 2) if len(gains) > 1 else len(gains)
    parts = [
        "<h2>Best videos</h2>",
        *(_video_section(evaluation, models, g, True) for g in gains[:shown]),
    ]
    worst = list(reversed(gains[max(shown, len(gains) - shown) :]))
    if worst:
        parts += [
            "<h2>Worst videos</h2>",
            *(_video_section(evaluation, models, g, False) for g in worst),
        ]
    return parts


def _video_section(
    evaluation: Evaluation, models: Mapping[str, Extrapolation], gain: VideoGain, is_best: bool
) -> str:
    """Return the frames of one video, from its best or its worst window."""
    own, predict = next(iter(models.items()))
    ranked = sorted(gain.windows, key=lambda scored: _lead(scored, own))
    scored = ranked[-1 if is_best else 0]
    clip = evaluation.source[scored.number]["clip"][None]
    context, targets = clip[:, :CONTEXT_FRAMES], clip[:, CONTEXT_FRAMES:]
    predicted = predict(context, evaluation.horizon)
    classical = BASELINES[CONSTANT_VELOCITY](context, evaluation.horizon)
    figures = []
    for step in sorted({1, (evaluation.horizon + 1) // 2, evaluation.horizon}):
        truth, ours, theirs = (x[0, step - 1] for x in (targets, predicted, classical))
        figures += [
            figure(context[0, -1], "last frame seen"),
            figure(truth, f"frame {step}, as it came"),
            figure(ours, f"{own}, {_psnr(scored, own, step)}"),
            figure(theirs, f"{CONSTANT_VELOCITY}, {_psnr(scored, CONSTANT_VELOCITY, step)}"),
            figure(shown_difference(ours, truth), f"error of {own}, {DIFFERENCE_GAIN}x"),
            figure(
                shown_difference(theirs, truth), f"error of {CONSTANT_VELOCITY}, {DIFFERENCE_GAIN}x"
            ),
        ]
    return (
        f"<h3>{escape(gain.video)}</h3>"
        f'<p class="note">{gain.gain_db:+.2f} dB over its better baseline; the window at '
        f'{scored.start_s:.2f} s</p><div class="pictures">{"".join(figures)}</div>'
    )


def _lead(scored: WindowScores, method: str) -> float:
    """Return the PSNR of frame 1 less the better baseline's."""
    first = {name: by["psnr_db"][0] or 0.0 for name, by in scored.scores.items()}
    return first[method] - max(first[name] for name in BASELINES)


def _psnr(scored: WindowScores, method: str, step: int) -> str:
    value = scored.scores[method]["psnr_db"][step - 1]
    return f"{value:.2f} dB"


def _listed_apart(evaluation: Evaluation, own: str) -> str:
    parts = ["<h2>Listed apart</h2>"]
    if evaluation.still:
        means = {
            name: sum(w.scores[name]["psnr_db"][0] or 0.0 for w in evaluation.still)
            / len(evaluation.still)
            for name in (REPEAT_LAST, own)
        }
        parts.append(
            f"<p>{len(evaluation.still)} still windows, where {REPEAT_LAST} is above "
            f"{STILL_DB:g} dB at frame 1: {REPEAT_LAST} {means[REPEAT_LAST]:.2f} dB, "
            f"{escape(own)} {means[own]:.2f} dB.</p>"
        )
    parts += [f"<p>Skipped: {escape(name)}: {escape(why)}</p>" for name, why in evaluation.skipped]
    return "".join(parts) if len(parts) > 1 else ""
