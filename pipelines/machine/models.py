"""The models that came with this package, as a table for people and rows for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table

from predictor.model_files import bundled_models, companion_files
from predictor.weights import read_metadata


@dataclass(frozen=True)
class ModelRow:
    """One bundled model: its task, its terms of use, and its scores."""

    name: str
    task: str
    network: str
    size_mb: float
    """Size of the weights of all its networks in 10^6 bytes."""
    licence: str
    commercial_use: bool
    """Whether the terms of the training data allow commercial use."""
    measured_horizon: int | None
    scores: dict[str, float]
    file: Path
    card: Path

    def as_json(self) -> dict[str, Any]:
        """Return what `json.dump` takes."""
        return asdict(self) | {"file": str(self.file), "card": str(self.card)}


def model_rows() -> list[ModelRow]:
    """Return one row for each bundled model, by name. Raises `DamagedWeights`."""
    rows = []
    for name, file in bundled_models().items():
        metadata = read_metadata(file)
        parts = [file, *companion_files(file).values()]
        rows.append(
            ModelRow(
                name=name,
                task=metadata.task,
                network=metadata.network,
                size_mb=round(sum(part.stat().st_size for part in parts) / 1e6, 3),
                licence=metadata.provenance.licence,
                commercial_use=metadata.provenance.commercial_use,
                measured_horizon=metadata.provenance.measured_horizon,
                scores=dict(metadata.provenance.scores),
                file=file,
                card=file.with_name("README.md"),
            )
        )
    return rows


def model_table(rows: Sequence[ModelRow]) -> Table:
    """Return `rows` as a table for a terminal."""
    table = _table(
        "Bundled models",
        ("model", "task", "MB", "licence", "commercial"),
        "commercial: no where the training data may not be licensed for commercial use.",
    )
    for row in rows:
        table.add_row(
            row.name,
            row.task,
            f"{row.size_mb:.1f}",
            row.licence,
            "yes" if row.commercial_use else "no",
        )
    return table


_HEADLINES = (
    ("gain_frame_1_db", "next frame, PSNR over classical methods", "{:+.2f} dB"),
    ("centre_gain_db", "filled middle, PSNR over classical ones", "{:+.2f} dB"),
    ("c1_error_percent", "test pictures that c1 tells wrong", "{:.2f} %"),
    ("error_percent", "test pictures classified wrong", "{:.2f} %"),
    ("accuracy_percent", "test pictures classified right", "{:.2f} %"),
    ("one_nearest_neighbour_error_percent", "nearest sample is of another class", "{:.2f} %"),
    ("parzen_nats", "log-likelihood of test pictures (Parzen)", "{:.1f} nats"),
)
"""Scores by the names that evaluations give them, in words; the first that a model has is shown."""


def score_table(rows: Sequence[ModelRow]) -> Table:
    """Return the score that matters most of each model in `rows`, as a table for a terminal."""
    table = _table(
        "How good they are",
        ("model", "measure", "score"),
        "On data they were not trained on. Their cards say on which, and where they\n"
        "fail; --json says where the cards are, and has all scores.",
    )
    for row in rows:
        table.add_row(row.name, *_headline(row.scores))
    return table


def _table(title: str, headings: Sequence[str], caption: str) -> Table:
    table = Table(
        title=title,
        title_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        caption=caption,
        caption_justify="left",
    )
    for heading in headings:
        is_number = heading in ("MB", "score")
        table.add_column(heading, justify="right" if is_number else "left", no_wrap=True)
    return table


def _headline(scores: Mapping[str, float]) -> tuple[str, str]:
    """Return what was measured, and the number with its unit."""
    for key, what, form in _HEADLINES:
        if key in scores:
            return what, form.format(scores[key])
    return "not measured", ""
