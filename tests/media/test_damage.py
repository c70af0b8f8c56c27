"""Damaged pictures: what the person reads who has one."""

import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from predictor.errors import UnreadableImage
from predictor.media.damage import not_whole
from predictor.media.images import read_image


@pytest.mark.parametrize("suffix", ["webp", "bmp", "gif", "png", "jpeg", "tiff"])
def test_a_picture_that_was_cut_off_is_said_without_the_terms_of_a_library(
    suffix: str, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 60, 3), np.uint8)
    whole = io.BytesIO()
    PIL.Image.fromarray(pixels).save(whole, suffix)
    path = tmp_path / f"a.{suffix}"
    for length in (len(whole.getvalue()) // 2, 30):
        path.write_bytes(whole.getvalue()[:length])
        with pytest.raises(UnreadableImage) as raised:
            read_image(path)
        said = str(raised.value).removeprefix(str(path))
        assert said in {
            " is not a whole picture: it was cut off",
            " is not a whole picture: its data are damaged",
            " is not a picture that can be decoded",
        }


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        ("image file is truncated (573 bytes not processed)", "it was cut off"),
        ("Truncated File Read", "it was cut off"),
        ("could not create decoder object", "its data are damaged"),
        ("", "its data are damaged"),
        ("decoder jpeg2k not available", "decoder jpeg2k not available"),
        ("unknown compression 77", "unknown compression 77"),
    ],
)
def test_what_libraries_say(raised: str, said: str) -> None:
    assert str(not_whole("a.png", OSError(raised))) == f"a.png is not a whole picture: {said}"
