"""The list of models says what each file says about itself."""

import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from rich.console import Console

from pipelines.machine import models
from pipelines.machine.models import model_rows, model_table, score_table
from predictor.errors import DamagedWeights
from predictor.model_files import bundled_models, companion_files
from predictor.weights import read_metadata

Bundle = Callable[..., Path]


@pytest.fixture
def bundle(monkeypatch: pytest.MonkeyPatch, small_model: Bundle, tmp_path: Path) -> Bundle:
    """Bundle a network of random weights under a name."""
    files: dict[str, Path] = {}
    monkeypatch.setattr(models, "bundled_models", lambda: files)

    def place(
        name: str,
        *,
        commercial_use: bool = True,
        licence: str = "MIT",
        scores: Mapping[str, float] | None = None,
    ) -> Path:
        files[name] = small_model(
            tmp_path / name / f"{name}.safetensors",
            licence=licence,
            commercial_use=commercial_use,
            scores=scores or {"psnr_frame_1_db": 30.5},
            measured_horizon=8,
        )
        return files[name]

    return place


def test_row_is_what_the_file_says(bundle: Bundle) -> None:
    path = bundle("frames", commercial_use=False, licence="CC-BY-4.0")
    path.with_name("frames.discriminator.safetensors").write_bytes(bytes(3000))
    (row,) = model_rows()
    assert row.size_mb == round(path.stat().st_size / 1e6 + 0.003, 3)
    assert (row.name, row.task, row.network) == ("frames", "frames", "multiscale")
    assert (row.licence, row.commercial_use, row.measured_horizon) == ("CC-BY-4.0", False, 8)
    assert row.card == path.with_name("README.md")
    assert json.loads(json.dumps(row.as_json()))["scores"] == {"psnr_frame_1_db": 30.5}


@pytest.mark.parametrize(("commercial_use", "said"), [(True, "yes"), (False, "no")])
def test_table_says_whether_commercial_use_is_allowed(
    bundle: Bundle, commercial_use: bool, said: str
) -> None:
    bundle("frames", commercial_use=commercial_use, licence="CC-BY-NC-SA-4.0")
    screen = io.StringIO()
    Console(file=screen, width=80).print(model_table(model_rows()))
    (line,) = [line for line in screen.getvalue().splitlines() if "frames" in line]
    cells = line.split()
    assert (cells[0], cells[3], cells[4]) == ("frames", "CC-BY-NC-SA-4.0", said)


def test_tables_of_the_bundled_models_fit_a_terminal() -> None:
    screen = io.StringIO()
    Console(file=screen, width=80).print(model_table(model_rows()), score_table(model_rows()))
    assert "…" not in screen.getvalue()
    assert "not measured" not in screen.getvalue()


def test_the_score_that_matters_is_shown(bundle: Bundle) -> None:
    scores = {"error_percent": 0.724, "wrong": 72, "parzen_nats": 200.0}
    bundle("digits", scores=scores)
    bundle("new", scores={"validation_error_percent": 3.0})
    screen = io.StringIO()
    Console(file=screen, width=80).print(score_table(model_rows()))
    digits, new = [line for line in screen.getvalue().splitlines() if line[1:4] in ("dig", "new")]
    assert digits.split() == ["digits", "test", "pictures", "classified", "wrong", "0.72", "%"]
    assert new.split() == ["new", "not", "measured"]


@pytest.mark.parametrize("name", bundled_models())
def test_file_and_card_of_a_bundled_model_have_the_same_terms(name: str) -> None:
    file = bundled_models()[name]
    card = file.with_name("README.md").read_text()
    for path in (file, *companion_files(file).values()):
        origin = read_metadata(path).provenance
        assert f"| licence of the weights | {origin.licence} |" in card
        allowed = "allowed" if origin.commercial_use else "not allowed, or not known to be"
        assert f"| commercial use, by the terms of the data | {allowed} |" in card


def test_damaged_model_is_named(bundle: Bundle) -> None:
    bundle("frames").write_bytes(b"cut")
    with pytest.raises(DamagedWeights, match="frames.safetensors".replace(".", r"\.")):
        model_rows()
