import io
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.PngImagePlugin
import pytest
from made_photographs import by_pillow, exif, exif_with_thumbnail, paint, smooth

from predictor.media.photographs.opening import open_photograph
from predictor.media.photographs.photograph import Photograph, Saving

NOTE = "its thumbnail is kept and may still show what was there"
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF")
TARGETS = ("keep", "jpeg", "png", "webp")
WITHOUT = exif()
WITH = {
    "JPEG": exif_with_thumbnail(),
    "JPEG, little-endian": exif_with_thumbnail("<"),
    "without compression": exif_with_thumbnail(is_jpeg=False),
    "without compression, little-endian": exif_with_thumbnail("<", is_jpeg=False),
}


def opened(tmp_path: Path, data: bytes, target: Any = "keep") -> Photograph:
    path = tmp_path / "a.file"
    path.write_bytes(data)
    return open_photograph(path, Saving(target))


def picture() -> PIL.Image.Image:
    return PIL.Image.fromarray(smooth(3))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", FORMATS)
def test_a_thumbnail_is_said_wherever_it_is_kept(tmp_path: Path, source: str, target: str) -> None:
    data = by_pillow(picture(), source, exif=WITH["JPEG"])
    photograph = opened(tmp_path, data, target)
    thumbnail = by_pillow(PIL.Image.fromarray(smooth(3, size=(16, 16))), "JPEG")
    assert thumbnail in paint(photograph)
    assert photograph.notes.count(NOTE) == 1


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", FORMATS)
def test_exif_without_a_thumbnail_is_no_reason_to_warn(
    tmp_path: Path, source: str, target: str
) -> None:
    data = by_pillow(picture(), source, exif=WITHOUT)
    assert NOTE not in opened(tmp_path, data, target).notes


@pytest.mark.parametrize("kind", WITH)
@pytest.mark.parametrize("source", FORMATS)
def test_every_kind_of_thumbnail_is_found(tmp_path: Path, source: str, kind: str) -> None:
    data = by_pillow(picture(), source, exif=WITH[kind])
    assert NOTE in opened(tmp_path, data).notes


def test_a_lossless_webp_says_it_too(tmp_path: Path) -> None:
    data = by_pillow(picture(), "WEBP", lossless=True, exif=WITH["JPEG"])
    photograph = opened(tmp_path, data)
    assert photograph.keeps == "samples"
    assert photograph.notes == (NOTE,)


def test_exif_in_a_text_of_a_png_is_looked_through_and_taken_over(tmp_path: Path) -> None:
    said = PIL.PngImagePlugin.PngInfo()
    held = exif_with_thumbnail()
    digits = "\n".join(held.hex()[start : start + 72] for start in range(0, 2 * len(held), 72))
    said.add_text("Raw profile type exif", f"\nexif\n{len(held):8}\n{digits}\n", zip=True)
    data = by_pillow(picture(), "PNG", pnginfo=said)
    assert opened(tmp_path, data).notes == (NOTE,)
    converted = opened(tmp_path, data, "webp")
    assert converted.notes == ("written as WEBP", NOTE)
    assert PIL.Image.open(io.BytesIO(converted.encoded())).info["exif"] == held[6:]


def test_a_tiff_takes_it_over_and_says_so(tmp_path: Path) -> None:
    data = by_pillow(picture(), "JPEG", exif=WITH["JPEG"])
    converted = opened(tmp_path, data, "tiff")
    assert converted.notes == ("written as TIFF", NOTE)
    assert WITH["JPEG"].removeprefix(b"Exif\0\0")[8:] in converted.encoded()


def test_a_thumbnail_that_is_left_out_is_not_said(tmp_path: Path) -> None:
    # longer than a segment of JPEG
    grain = np.random.default_rng(1).integers(0, 256, 70_000, np.uint8).tobytes()
    data = by_pillow(picture(), "WEBP", exif=WITH["JPEG"] + grain)
    converted = opened(tmp_path, data, "jpeg")
    assert converted.notes == (
        "written as JPEG", "EXIF is left out: JPEG has room for 64 kB of it",
    )  # fmt: skip


def test_damaged_exif_is_no_reason_to_refuse(tmp_path: Path) -> None:
    whole = exif_with_thumbnail(is_jpeg=False)
    for end in range(10, 62, 3):
        data = by_pillow(picture(), "WEBP", exif=whole[:end])
        assert opened(tmp_path, data).encoded()
