from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from predictor.errors import UnreadableImage
from predictor.media.photographs.opening import open_photograph
from predictor.media.photographs.photograph import Saving


@pytest.mark.parametrize("target", ["keep", "png"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("is_big", [False, True])
@pytest.mark.parametrize(
    ("dtype", "samples", "kind"),
    [
        ("float32", 3, "3 samples a pixel, floating point of 32 bits"),
        ("float16", 3, "3 samples a pixel, floating point of 16 bits"),
        ("float32", 1, "1 sample a pixel, floating point of 32 bits"),
        ("float64", 4, "4 samples a pixel, floating point of 64 bits"),
        ("int16", 3, "3 samples a pixel, signed integers of 16 bits"),
        ("int32", 1, "1 sample a pixel, signed integers of 32 bits"),
        ("uint32", 3, "3 samples a pixel, unsigned integers of 32 bits"),
        ("complex64", 1, "1 sample a pixel, complex floating point of 64 bits"),
        ("uint8", 5, "5 samples a pixel, unsigned integers of 8 bits"),
    ],
)
def test_samples_that_are_not_read_are_named(
    tmp_path: Path, dtype: str, samples: int, kind: str, order: Any, is_big: bool, target: Any
) -> None:
    path = tmp_path / "a.tif"
    pixels = np.ones((9, 8, samples) if samples > 1 else (9, 8), dtype)
    tifffile.imwrite(
        path,
        pixels,
        photometric="rgb" if samples in (3, 4) else "minisblack",
        planarconfig="contig" if samples > 1 else None,
        byteorder=order,
        bigtiff=is_big,
    )
    with pytest.raises(UnreadableImage) as caught:
        open_photograph(path, Saving(target))
    assert str(caught.value) == (
        f"{path} is a TIFF with {kind}, expected 1 to 4 samples a pixel, unsigned integers of 8 or "
        "16 bits"
    )


def test_a_tiff_without_pages_or_cut_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for data, message in (
        (b"II*\0" + bytes(20), "it has no pages"),
        (b"II*\0\x08\0\0\0\x09\0", "it was cut off"),
        (b"MM\0*\0", "its header is damaged"),
    ):
        path.write_bytes(data)
        with pytest.raises(UnreadableImage, match=rf"a\.tif is not a whole picture: {message}"):
            open_photograph(path)


def test_usual_samples_in_unusual_colours_are_said(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.ones((8, 8, 3), np.uint8), photometric="linear_raw")
    with pytest.raises(UnreadableImage, match="of photometric interpretation 34892 with compress"):
        open_photograph(path, Saving())
