"""A reproduction as JSON and as a table: published values, measured values and their gap."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from predictor import __version__
from predictor.recipes import published_table
from predictor.reproduction.budget import duration_text
from predictor.reproduction.reproduction import Reproduction
from predictor.wording import counted


@dataclass(frozen=True)
class Summary:
    """One measure of one method over the seeds."""

    mean: float
    spread: float | None
    """Deviation over the seeds; for a single one the spread that its protocol gives, if any."""
    values: tuple[float, ...]
    """One for each seed."""


def summaries(found: Reproduction) -> dict[str, dict[str, Summary]]:
    """Return what was measured by method, the recipe's own first, and by measure."""
    result: dict[str, dict[str, Summary]] = {}
    for number, row in enumerate(found.seeds[0].measured.rows):
        rows = [seed.measured.rows[number] for seed in found.seeds]
        for measure in row.scores:
            values = tuple(each.scores[measure] for each in rows)
            spread = stdev(values) if len(values) > 1 else row.spreads.get(measure)
            summary = Summary(mean(values), spread, values)
            result.setdefault(row.method, {})[measure] = summary
    return result


def published_values(found: Reproduction) -> tuple[str, dict[str, dict[str, float]]]:
    """Return what the paper measured on, and its values by method and measure."""
    where, rows = published_table(found.request.recipe)
    return where, {
        row.method: {measure: values[0] for measure, values in row.scores.items()} for row in rows
    }


def gaps(found: Reproduction) -> dict[str, float]:
    """Return by measure how far the mean is above the published value of the recipe's method."""
    _, published = published_values(found)
    wanted = published.get(found.request.recipe.published_as or "", {})
    own = next(iter(summaries(found).values()))
    return {name: own[name].mean - value for name, value in wanted.items() if name in own}


def notes(found: Reproduction) -> list[str]:
    """Return the conditions under which the numbers were measured, one line each."""
    first = found.seeds[0]
    lines = list(first.measured.notes)
    if len(found.seeds) > 1:
        seeds = ", ".join(str(each.seed) for each in found.seeds)
        lines.append(f"mean ± deviation over {len(found.seeds)} seeds ({seeds})")
    else:
        spread = f"; ± {first.measured.spread}" if first.measured.spread else ""
        lines.append(f"one seed ({first.seed}){spread}")
    for run in first.runs:
        spent_s = run["training_time_s"]
        spent = f"{spent_s:.0f} s" if spent_s < 60 else f"{spent_s / 60:.0f} min"
        facts = run["facts"]
        lines.append(
            f"{run['recipe']}: {run['iterations']:,} of {run['published_iterations']:,} "
            f"iterations, {spent} on {facts['device']}, {counted(facts['threads'], 'thread')}"
        )
    if found.scale is not None and found.scale < 1:
        budget = found.request.budget_s
        asked = f" for a budget of {duration_text(budget)}" if budget else ""
        lines.append(
            f"SCALED DOWN to {100 * found.scale:.3g} % of the iterations{asked}, the schedules "
            "with them: not the published training"
        )
    return lines


def entry(found: Reproduction, output: str | None) -> dict[str, Any]:
    """Return the reproduction as one of the command's results, ready for `json.dump`."""
    request = found.request
    where, published = published_values(found)
    measured = summaries(found)
    own = next(iter(measured.values()))
    return {
        "input": str(request.data),
        "output": output,
        "status": "done",
        "error": None,
        "recipe": request.recipe.name,
        "system": request.recipe.system,
        "title": request.recipe.title,
        "source": request.recipe.source,
        "protocol": request.recipe.protocol,
        "version": __version__,
        "model": request.model,
        "published_data": where,
        "published": [{"method": method, **scores} for method, scores in published.items()],
        "published_as": request.recipe.published_as,
        "measured": [
            {"method": method, **{name: vars(each) for name, each in scores.items()}}
            for method, scores in measured.items()
        ],
        "scores": {name: each.mean for name, each in own.items()},
        "gaps": gaps(found),
        "seeds": [each.seed for each in found.seeds],
        "scale": found.scale,
        "budget_s": request.budget_s,
        "runs": [run for each in found.seeds for run in each.runs],
        "notes": notes(found),
    }


def table(found: Reproduction) -> Group:
    """Return the published and the measured rows, the gap between them, and the notes."""
    recipe = found.request.recipe
    headings = found.seeds[0].measured.headings
    drawn = Table(title=Text(recipe.title), title_justify="left")
    drawn.add_column("")
    for heading in headings.values():
        drawn.add_column(heading, justify="right")
    where, published = published_values(found)
    if published:
        drawn.add_row(Text(f"published: {where}"), style="bold")
        for method, scores in published.items():
            name = f"  {method}{' *' if method == recipe.published_as else ''}"
            drawn.add_row(Text(name), *_cells(headings, scores, "{:.2f}"))
        drawn.add_section()
    drawn.add_row("measured here", style="bold")
    for method, found_scores in summaries(found).items():
        cells = {name: _with_spread(each) for name, each in found_scores.items()}
        drawn.add_row(Text(f"  {method}"), *[cells.get(name, "") for name in headings])
    difference = gaps(found)
    if difference:
        drawn.add_section()
        drawn.add_row("here less published *", *_cells(headings, difference, "{:+.2f}"))
    return Group(drawn, *map(Text, notes(found)))


def _cells(headings: Mapping[str, str], scores: Mapping[str, float], style: str) -> Sequence[str]:
    return [style.format(scores[name]) if name in scores else "" for name in headings]


def _with_spread(summary: Summary) -> str:
    spread = "" if summary.spread is None else f" ± {summary.spread:.2f}"
    return f"{summary.mean:.2f}{spread}"
