"""Inpainting measured: known fills get known numbers, tables and pages say them."""

import io
import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from rich.console import Console
from torch import Tensor

from predictor.analysis import inpaint_evaluation
from predictor.analysis.inpaint_evaluation import KINDS, InpaintEvaluation, evaluated
from predictor.analysis.inpaint_report import inpaint_report
from predictor.analysis.inpaint_summary import (
    by_gain,
    inpaint_json,
    mean_over_holes,
    perceptual_ratio,
    psnr_gain,
)
from predictor.analysis.inpaint_table import inpaint_table
from predictor.errors import UnusableData


def brighter(images: Tensor, masks: Tensor) -> Tensor:
    """The truth, in holes 0.2 of the range of 2 brighter: known levels, so that nothing clips."""
    return images + 0.2 * masks


def truth(images: Tensor, masks: Tensor) -> Tensor:
    return images


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    y, x = np.mgrid[:70, :90]
    for number in range(4):
        levels = 110 + 60 * np.sin(x / (7 + number)) * np.cos(y / 9)
        pixels = np.stack([levels] * 3, -1).astype(np.uint8)
        PIL.Image.fromarray(pixels).save(folder / f"{number}.png")
    (folder / "bad.jpg").write_bytes(b"no picture")
    return folder


@pytest.fixture(scope="module")
def evaluation(photos: Path) -> InpaintEvaluation:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inpaint_evaluation, "SIDE_PX", 64)
        patch.setattr(inpaint_evaluation, "perceptual_distance", lambda: None)
        return evaluated(photos, {"brighter": brighter, "truth": truth})


def test_a_known_error_has_its_known_numbers(evaluation: InpaintEvaluation) -> None:
    for kind in KINDS:
        found = {
            measure: mean_over_holes(evaluation, "brighter", measure, kind).value
            for measure in ("psnr_db", "l1_percent", "l2_percent")
        }
        # An error of a tenth of the range; 25.5 levels are rounded up or down.
        assert found["psnr_db"] == pytest.approx(20, abs=0.2)
        assert found["l1_percent"] == pytest.approx(10, abs=0.2)
        assert found["l2_percent"] == pytest.approx(1, abs=0.04)
        assert mean_over_holes(evaluation, "truth", "psnr_db", kind).value == 60


def test_the_gain_is_over_the_best_baseline(evaluation: InpaintEvaluation) -> None:
    assert evaluation.baselines == ("telea", "navier-stokes", "biharmonic")
    for kind in KINDS:
        best = max(
            mean_over_holes(evaluation, name, "psnr_db", kind).value
            for name in evaluation.baselines
        )
        assert psnr_gain(evaluation, "truth", kind).value == pytest.approx(60 - best)
        ranked = by_gain(evaluation, "brighter", kind)
        assert [hole.kind for hole in ranked] == [kind] * 4


def test_biharmonic_is_exact_for_a_plane() -> None:
    ramp = torch.linspace(-0.5, 0.5, 32).expand(1, 3, 32, 32)
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 12:20, 12:20] = 1
    filled = inpaint_evaluation.baseline_fills()["biharmonic"](ramp * (1 - mask), mask)
    assert (filled - ramp).abs().max() < 1e-5


def test_all_is_said_in_table_document_and_page(evaluation: InpaintEvaluation) -> None:
    said = io.StringIO()
    Console(file=said, width=80).print(inpaint_table(evaluation))
    lines = said.getvalue().splitlines()
    assert "each of 4 photographs." in said.getvalue()
    assert "with the best of telea, navier-stokes, biharmonic." in said.getvalue()
    assert "skipped bad.jpg" in said.getvalue()
    assert max(map(len, lines)) <= 80
    assert sum(line.split()[:1] == ["navier-stokes"] for line in lines) == 3
    place = next(place for place, line in enumerate(lines) if line.lstrip().startswith("gain"))
    method = evaluation.methods[3]
    assert lines[place + 1].split()[0] == method
    for kind in ("centre", "strokes"):
        assert str(psnr_gain(evaluation, method, kind)) in lines[place + 1]
    document = json.loads(json.dumps(inpaint_json(evaluation)))
    assert document["photographs"] == 4
    assert document["scores"]["centre_psnr_db"] == pytest.approx(20, abs=0.2)
    assert document["means"]["strokes"]["truth"]["psnr_db"]["mean"] == 60
    assert len(document["per_hole"]) == 8
    page = inpaint_report(evaluation, {"brighter": brighter})
    assert page.count("<figure>") == 2 * 3 * 4  # kinds, best, middle and worst, four pictures
    assert "bad.jpg" in page


def test_a_perceptual_distance_is_measured_where_there_is_one(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def distance(first: Tensor, second: Tensor) -> Tensor:
        return (first - second).abs().mean(dim=(1, 2, 3))

    monkeypatch.setattr(inpaint_evaluation, "SIDE_PX", 32)
    monkeypatch.setattr(inpaint_evaluation, "perceptual_distance", lambda: distance)
    found = evaluated(photos, {"truth": truth}, most_photos=2)
    assert len(found.holes) == 4
    assert perceptual_ratio(found, "truth", "centre").value < 1e-4  # rounded to levels
    assert inpaint_json(found)["scores"]["centre_perceptual_ratio"] == 0


def test_a_folder_without_photographs(tmp_path: Path) -> None:
    with pytest.raises(UnusableData):
        evaluated(tmp_path, {})
