"""What EXIF says of a photograph, taken over into TIFF."""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
from made_photographs import HEIGHT, HOLE, WIDTH, by_pillow, decoded, exif, paint, smooth

from predictor.media.photographs.opening import open_photograph
from predictor.media.photographs.photograph import Photograph, Saving

IN_PART = "EXIF is damaged: what is whole of it is kept"


def opened(tmp_path: Path, data: bytes, saving: Saving = Saving()) -> Photograph:  # noqa: B008 - frozen
    path = tmp_path / "a.file"
    path.write_bytes(data)
    return open_photograph(path, saving)


def rgb() -> PIL.Image.Image:
    return PIL.Image.fromarray(smooth(3))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_exif_and_place_reach_tiff_in_either_order_of_bytes(
    tmp_path: Path, order: str, dtype: Any
) -> None:
    tags = PIL.Image.Exif()
    tags.endian = order
    tags[0x010F], tags[0x011A] = "Maker of cameras", 72.0
    tags[0x4746] = 4  # the rating
    tags.get_ifd(0x8769)[0x9003] = "2020:01:01 00:00:00"
    tags.get_ifd(0x8825)[2] = (47.0, 22.0, 11.5)
    held = tags.tobytes()
    assert held[6:8] == (b"II" if order == "<" else b"MM"), "the premise"
    data = by_pillow(PIL.Image.fromarray(smooth(1, dtype)), "PNG", exif=held)
    photograph = opened(tmp_path, data, Saving("tiff"))
    written = paint(photograph)
    assert photograph.notes == ("written as TIFF",)
    assert photograph.keeps == "samples"
    differs = decoded(data) != decoded(written)
    assert differs[HOLE.rows, HOLE.columns].any()
    differs[HOLE.rows, HOLE.columns] = False
    assert not differs.any()
    found = PIL.Image.open(io.BytesIO(written)).getexif()
    assert (found[0x010F], found[0x4746]) == ("Maker of cameras", 4)
    assert found.get_ifd(0x8769)[0x9003] == "2020:01:01 00:00:00"
    assert found.get_ifd(0x8825)[2] == (47.0, 22.0, 11.5)
    # and out of the TIFF again
    again = opened(tmp_path, written, Saving("png")).encoded()
    assert PIL.Image.open(io.BytesIO(again)).getexif()[0x010F] == "Maker of cameras"


def test_damaged_exif_is_left_out_of_a_tiff(tmp_path: Path) -> None:
    for held, notes in (
        (b"Exif\0\0nothing", ("written as TIFF", "EXIF is left out: it is damaged")),
        (b"Exif\0\0MM\0*\0\0\0\x08\0\x09", ("written as TIFF", IN_PART)),
        (exif()[:-4], ("written as TIFF", IN_PART)),
        (
            b"Exif\0\0MM\0*\0\0\0\x08\0\x01" + struct.pack(">HHIIxx", 270, 2, 50, 0xFFFFFF),
            ("written as TIFF", IN_PART),
        ),
    ):
        photograph = opened(tmp_path, by_pillow(rgb(), "WEBP", exif=held), Saving("tiff"))
        assert photograph.notes == notes
        written = photograph.encoded()
        assert PIL.Image.open(io.BytesIO(written)).size == (WIDTH, HEIGHT)
        assert opened(tmp_path, written).encoded()
