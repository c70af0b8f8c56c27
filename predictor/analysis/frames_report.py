"""An evaluation as one HTML file: numbers, curves, the best and the worst to look at."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from math import isnan

import cv2
from torch import Tensor

from predictor import __version__
from predictor.analysis.charts import COLOURS, Curve, bar_chart, legend, line_chart
from predictor.analysis.frames_evaluation import (
    BASELINES,
    CONSTANT_VELOCITY,
    CONTEXT_FRAMES,
    MEASURES,
    REPEAT_LAST,
    STILL_DB,
    Evaluation,
    Extrapolation,
    WindowScores,
)
from predictor.analysis.frames_summary import (
    LOSS_DB,
    Mean,
    VideoGain,
    gain_over_baselines,
    mean_over_videos,
    share_worse,
    video_gains,
)
from predictor.media.images import to_uint8
from predictor.tensors import DIFFERENCE_GAIN, shown_difference

SHOWN_VIDEOS = 3
"""How many of the best and how many of the worst videos are shown."""

_PICTURE_WIDTH_PX = 300

_STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1f2328; background: #fff;
       max-width: 1240px; margin: 2.5rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; } h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; font-weight: 600; overflow-wrap: anywhere; }
p { margin: .4rem 0; } .note { color: #59636e; }
table { border-collapse: collapse; margin: .75rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid #e4e8ec; }
th { font-weight: 600; color: #59636e; } td:first-child, th:first-child { text-align: left; }
tr.own td { font-weight: 600; } small { color: #59636e; font-weight: 400; display: block; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(340px, 1fr)); gap: 1rem; }
svg { width: 100%; height: auto; } svg .title { font-size: 13px; font-weight: 600; }
svg .tick { font-size: 11px; fill: #59636e; } svg .grid { stroke: #e4e8ec; }
svg .axis { stroke: #1f2328; }
.legend span { margin-right: 1.4rem; }
.legend i { display: inline-block; width: .8em; height: .8em; border-radius: 2px;
            margin-right: .4em; }
.pictures { display: grid; grid-template-columns: repeat(6, 1fr); gap: .35rem; }
figure { margin: 0; } figure img { width: 100%; display: block; border-radius: 3px; }
figcaption { font-size: 12px; color: #59636e; }
"""


def html_report(evaluation: Evaluation, models: Mapping[str, Extrapolation]) -> str:
    """Return `evaluation` as a page that needs nothing but itself.

    `models` are those that were evaluated; they predict the pictures that are shown again. Best and
    worst are those of the first model.
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
        *_looks(evaluation, models, gains),
        _apart(evaluation, own),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(sections)}</body></html>\n"
    )


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
    rows = [_row(("", *(f"frame {step}" for step in steps)), "th")]
    for name in evaluation.methods:
        means = [mean_over_videos(evaluation, name, "psnr_db", step) for step in steps]
        own = ' class="own"' if name in models else ""
        rows.append(_row((escape(name), *map(_cell, means)), "td", own))
    for name in models:
        gained = [gain_over_baselines(evaluation, name, step) for step in steps]
        cells = [_cell(mean, sign="+") for mean in gained]
        rows.append(_row((f"{escape(name)}, gain over the better baseline", *cells), "td"))
    return f"<table>{''.join(rows)}</table>"


def _row(cells: Sequence[str], tag: str, attributes: str = "") -> str:
    return f"<tr{attributes}>{''.join(f'<{tag}>{cell}</{tag}>' for cell in cells)}</tr>"


def _cell(mean: Mean, sign: str = "") -> str:
    if isnan(mean.value):
        return ""
    return f"{mean.value:{sign}.2f}<small>{mean.low:{sign}.2f} … {mean.high:{sign}.2f}</small>"


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


def _looks(
    evaluation: Evaluation, models: Mapping[str, Extrapolation], gains: Sequence[VideoGain]
) -> list[str]:
    """Return the best and the worst videos, none of them in both; nothing if none moves."""
    if not gains:
        return []
    shown = min(SHOWN_VIDEOS, len(gains) // 2) if len(gains) > 1 else len(gains)
    parts = ["<h2>Best videos</h2>", *(_look(evaluation, models, g, True) for g in gains[:shown])]
    worst = list(reversed(gains[max(shown, len(gains) - shown) :]))
    if worst:
        parts += ["<h2>Worst videos</h2>", *(_look(evaluation, models, g, False) for g in worst)]
    return parts


def _look(
    evaluation: Evaluation, models: Mapping[str, Extrapolation], gain: VideoGain, is_best: bool
) -> str:
    """Return the pictures of one video: of its best window, or of its worst."""
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
            _figure(context[0, -1], "last frame seen"),
            _figure(truth, f"frame {step}, as it came"),
            _figure(ours, f"{own}, {_psnr(scored, own, step)}"),
            _figure(theirs, f"{CONSTANT_VELOCITY}, {_psnr(scored, CONSTANT_VELOCITY, step)}"),
            _figure(shown_difference(ours, truth), f"error of {own}, {DIFFERENCE_GAIN}x"),
            _figure(
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


def _figure(image: Tensor, caption: str) -> str:
    pixels = cv2.cvtColor(to_uint8(image), cv2.COLOR_RGB2BGR)
    height, width = pixels.shape[:2]
    if width > _PICTURE_WIDTH_PX:
        size = (_PICTURE_WIDTH_PX, max(1, round(height * _PICTURE_WIDTH_PX / width)))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    _, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 88])
    data = base64.b64encode(encoded.tobytes()).decode()
    name = escape(caption)
    return (
        f'<figure><img src="data:image/jpeg;base64,{data}" alt="{name}">'
        f"<figcaption>{name}</figcaption></figure>"
    )


def _apart(evaluation: Evaluation, own: str) -> str:
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
