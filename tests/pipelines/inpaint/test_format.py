"""A photograph is of the format that its name says, whoever calls."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from pipelines.inpaint.format import format_of_output
from pipelines.inpaint.photograph import fill_photograph
from predictor.classical_fill import ClassicalInpainter
from predictor.errors import SettingsError
from predictor.media.photographs.photograph import Saving

BOX = "box:4,4,8,8"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.jpg"
    PIL.Image.fromarray(np.full((24, 32, 3), 99, np.uint8)).save(path)
    return path


@pytest.mark.parametrize(
    ("name", "kind"), [("b.png", "PNG"), ("b.WEBP", "WEBP"), ("b.jpeg", "JPEG"), ("b.tif", "TIFF")]
)
def test_an_output_is_what_its_name_says(source: Path, name: str, kind: str) -> None:
    output = source.with_name(name)
    fill_photograph(source, output, BOX, ClassicalInpainter("telea"))
    with PIL.Image.open(output) as written:
        assert written.format == kind


@pytest.mark.parametrize("name", ["b.txt", "b", "b.xyz"])
def test_a_name_of_no_format_is_refused(source: Path, name: str) -> None:
    output = source.with_name(name)
    with pytest.raises(SettingsError, match=r"expected the input's \.jpg, or one of \.png"):
        fill_photograph(source, output, BOX, ClassicalInpainter("telea"))
    assert not output.exists()


def test_a_format_that_is_asked_for_needs_no_name(source: Path) -> None:
    output = source.with_name("b")
    fill_photograph(source, output, BOX, ClassicalInpainter("telea"), saving=Saving("png"))
    with PIL.Image.open(output) as written:
        assert written.format == "PNG"


def test_a_format_that_is_not_written_is_kept_under_its_own_name() -> None:
    assert format_of_output(Path("b.heic"), Path("a.HEIC")) == "keep"
    assert format_of_output(Path("b"), Path("a")) == "keep"
    assert format_of_output(Path("b.jpe"), Path("a.jpeg")) == "keep"
    assert format_of_output(Path("b.jpe"), Path("a.heic")) == "jpeg"
    assert format_of_output(Path("b.png"), Path("a.png"), "png") == "png"


def test_a_mask_may_be_a_path(source: Path, tmp_path: Path) -> None:
    mask = tmp_path / "mask.png"
    white = np.zeros((24, 32), np.uint8)
    white[4:12, 4:12] = 255
    PIL.Image.fromarray(white).save(mask)
    found = fill_photograph(source, tmp_path / "b.jpg", mask, ClassicalInpainter("telea"))
    assert found.filled_pixels == 64
