"""An evaluation of a classifier as rows of a table, and as one HTML file."""

from html import escape
from math import isnan

from predictor import __version__
from predictor.analysis.charts import COLOURS, Curve, legend, line_chart
from predictor.analysis.classification_evaluation import ClassificationEvaluation
from predictor.analysis.page import page, table_row

_CURVES = {"said": COLOURS[1], "true": COLOURS[2]}


def classification_rows(evaluation: ClassificationEvaluation) -> list[tuple[str, str]]:
    """Return what was measured in words and numbers, a line each."""
    count = len(evaluation.wrong_by_model)
    whose = "" if count == 1 else f" by {count} models together"
    rows = [
        (
            f"wrong of {evaluation.pictures:,} pictures (part {evaluation.part}){whose}",
            f"{evaluation.wrong:,}, {evaluation.error_percent:.2f} %",
        )
    ]
    if count > 1:
        average, deviation = evaluation.mean_wrong
        rows.append(("by one of them, mean and deviation", f"{average:.1f} ± {deviation:.1f}"))
    expected = 100 * evaluation.calibration.expected_error
    present = [each for each in evaluation.classes() if each.pictures]
    worst = min(present, key=lambda each: each.recall_percent)
    return [
        *rows,
        ("expected calibration error", f"{expected:.2f} %"),
        ("cross entropy", f"{evaluation.cross_entropy_nats:.4f} nats"),
        (f"right among pictures of the worst class, {worst.name}", f"{worst.recall_percent:.2f} %"),
    ]


def classification_page(model: str, data: str, evaluation: ClassificationEvaluation) -> str:
    """Return the page: the numbers, each class, who is taken for whom, and how sure it is."""
    rows = "".join(
        table_row([escape(name), escape(value)], "td")
        for name, value in classification_rows(evaluation)
    )
    sections = [
        f"<h1>{escape(model)}</h1>",
        f'<p class="note">on {escape(data)}; predictor {__version__}</p>',
        f"<table>{rows}</table>",
        *(f'<p class="note">skipped {escape(line)}</p>' for line in evaluation.skipped),
        *_models(evaluation),
        "<h2>Classes</h2>",
        _classes(evaluation),
        "<h2>Taken for</h2>",
        "<p>A row for each true class, a column for each answer.</p>",
        _confusion(evaluation),
        "<h2>Calibration</h2>",
        "<p>Pictures by how sure the answer is: what was said, and how often it was true.</p>",
        _reliability(evaluation),
    ]
    return page(model, sections)


def _models(evaluation: ClassificationEvaluation) -> list[str]:
    if len(evaluation.wrong_by_model) == 1:
        return []
    rows = [table_row(["model", "wrong"], "th")] + [
        table_row([escape(name), f"{wrong:,}"], "td")
        for name, wrong in evaluation.wrong_by_model.items()
    ]
    return ["<h2>Models</h2>", f"<table>{''.join(rows)}</table>"]


def _classes(evaluation: ClassificationEvaluation) -> str:
    heads = ["class", "pictures", "of these right, %", "taken for it", "of these right, %"]
    rows = [table_row(heads, "th")] + [
        table_row(
            [
                escape(each.name),
                f"{each.pictures:,}",
                _number(each.recall_percent),
                f"{each.answers:,}",
                _number(each.precision_percent),
            ],
            "td",
        )
        for each in evaluation.classes()
    ]
    return f"<table>{''.join(rows)}</table>"


def _confusion(evaluation: ClassificationEvaluation) -> str:
    names = [escape(name) for name in evaluation.class_names]
    rows = [table_row(["", *names], "th")] + [
        table_row([name, *(str(count) if count else "" for count in counts)], "td")
        for name, counts in zip(names, evaluation.confusion.tolist(), strict=True)
    ]
    return f"<table>{''.join(rows)}</table>"


def _reliability(evaluation: ClassificationEvaluation) -> str:
    bins = evaluation.calibration
    curves = {
        name: Curve([100 * value for value in values.tolist()], colour=_CURVES[name])
        for name, values in (("said", bins.confidence), ("true", bins.accuracy))
    }
    count = len(bins.counts)
    chart = line_chart("Sure by, and right, in %", curves, step="bin")
    rows = [table_row(["sure by, %", "pictures", "said, %", "true, %"], "th")] + [
        table_row(
            [
                f"{100 * number / count:.0f} to {100 * (number + 1) / count:.0f}",
                f"{int(bins.counts[number]):,}",
                _number(100 * float(bins.confidence[number])),
                _number(100 * float(bins.accuracy[number])),
            ],
            "td",
        )
        for number in range(count)
        if bins.counts[number]
    ]
    table = f"<table>{''.join(rows)}</table>"
    return f'{legend(_CURVES)}<div class="charts">{chart}</div>{table}'


def _number(value: float) -> str:
    return "" if isnan(value) else f"{value:.2f}"
