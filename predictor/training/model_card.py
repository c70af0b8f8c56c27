"""The model card of an exported run."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from predictor.training.run import Run
from predictor.weights import Metadata, Provenance

CARD = "README.md"
"""The name of the card's file."""

DESCRIPTION = "To be written: one paragraph, what it does and for whom."
FAILURES = "To be written: what it does badly, seen in the report of `predictor evaluate`."
"""What stands in a new card where a person has to write."""

VALIDATED = "validation_"
"""Prefix of scores from the validation of the run itself."""


def model_card(
    file: Path, metadata: Metadata, trained: Sequence[tuple[Run, int]], beside: Sequence[Path] = ()
) -> str:
    """Return the card as Markdown; what only a person can write is marked ``To be written``.

    `trained` are the runs that the model is of, with the iterations of each; `beside` are the files
    of the companions of the network in `file`.
    """
    origin = metadata.provenance
    usage = trained[0][0].entry.usage.format(name=shlex.quote(f"path/to/{file.stem}"))
    hours, seconds = divmod(round(origin.training_time_s), 3600)
    done = ", ".join(
        f"{iterations:,} of {run.settings.iterations:,}" for run, iterations in trained
    )
    allowed = "allowed" if origin.commercial_use else "not allowed, or not known to be"
    return f"""# {file.stem}

{DESCRIPTION}

```
{usage}
```

## Contract
| | |
|---|---|
{_rows(_contract(metadata, (file, *beside)))}

## Training
| | |
|---|---|
| data | {_cell(origin.data)} |
| licence of the weights | {_cell(origin.licence)} |
| commercial use, by the terms of the data | {allowed} |
| command | `{origin.command}` |
| commit | {origin.commit} |
| iterations | {done} |
| time | {hours} h {seconds // 60} min |
| hardware | {origin.hardware} |

## Scores
{_measured_on(origin)}

| | |
|---|---|
{_rows({name: f"{value:g}" for name, value in origin.scores.items()}) or "| none | |"}

## Known failures
{FAILURES}
"""


def is_unfinished_card(text: str) -> bool:
    """Return whether `text` is a card of which a person has written nothing yet."""
    return DESCRIPTION in text and FAILURES in text


def _cell(text: str) -> str:
    """Return text that stays in its cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _rows(values: Mapping[str, str]) -> str:
    """Return the rows of a table of two columns."""
    return "\n".join(f"| {name} | {value} |" for name, value in values.items())


def _contract(metadata: Metadata, files: Sequence[Path]) -> dict[str, str]:
    """Return what the network takes and returns, and the sizes of its files."""
    contract = metadata.contract
    low, high = contract.pixel_range
    colours = "RGB, " if "3, H, W" in contract.layout else ""
    rows = {
        "network": f"`{metadata.network}`",
        "layout": f"`{contract.layout}`, {colours}{low:g} to {high:g}",
    }
    if contract.context is not None:
        rows["frames it looks at"] = str(contract.context)
    if metadata.short_side is not None:
        rows["pictures"] = f"shorter side resized to {metadata.short_side}, the middle cut out"
    if contract.multiple > 1 and "H, W" in contract.layout:  # else the layout has the sizes
        rows["height and width"] = (
            f"multiples of {contract.multiple} (padded and cropped by the tool)"
        )
    for path in files:
        rows[f"`{path.name}`"] = f"{path.stat().st_size / 1e6:.2f} MB, float16"
    return rows


def _measured_on(origin: Provenance) -> str:
    """Return the sentence that says what the scores were measured on."""
    if origin.measured_horizon:
        return f"Measured up to {origin.measured_horizon} frames ahead."
    if all(name.startswith(VALIDATED) for name in origin.scores):
        return "From validation in the run."
    return "Measured on data that it was not trained on."
