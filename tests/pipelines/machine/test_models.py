"""The list of models says what each file says about itself."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from pipelines.machine import models
from pipelines.machine.models import model_rows, model_table
from predictor.errors import DamagedWeights

Bundle = Callable[..., Path]


@pytest.fixture
def bundle(monkeypatch: pytest.MonkeyPatch, small_model: Bundle, tmp_path: Path) -> Bundle:
    """Bundle a network of random weights under a name."""
    files: dict[str, Path] = {}
    monkeypatch.setattr(models, "bundled_models", lambda: files)

    def place(name: str, *, commercial_use: bool = True, licence: str = "MIT") -> Path:
        files[name] = small_model(
            tmp_path / name / f"{name}.safetensors",
            licence=licence,
            commercial_use=commercial_use,
            scores={"psnr_frame_1_db": 30.5},
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


def test_table_of_the_bundled_models_fits_a_terminal() -> None:
    screen = io.StringIO()
    Console(file=screen, width=80).print(model_table(model_rows()))
    assert "…" not in screen.getvalue()


def test_damaged_model_is_named(bundle: Bundle) -> None:
    bundle("frames").write_bytes(b"cut")
    with pytest.raises(DamagedWeights, match="frames.safetensors".replace(".", r"\.")):
        model_rows()
