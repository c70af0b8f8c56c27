import io
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from made_photographs import HOLE, by_pillow, jpeg, paint, png, smooth

from predictor.errors import UnreadableImage
from predictor.media.photographs.opening import open_photograph
from predictor.media.photographs.photograph import Saving


def refusal(path: Path, data: bytes | None = None, most_pixels: int = 10_000_000) -> str:
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(UnreadableImage) as caught:
        open_photograph(path, most_pixels=most_pixels)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_the_content_counts_and_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(jpeg())
    assert open_photograph(path).format == "jpeg"
    path.write_bytes(png(smooth(3)))
    assert open_photograph(path).format == "png"


def test_what_is_no_picture_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    assert "does not exist" in refusal(path)
    assert "is empty" in refusal(path, b"")
    assert "not a picture" in refusal(path, b"some text, and more of it" * 20)
    assert "cannot be read" in refusal(tmp_path)
    path.unlink()
    path.symlink_to(tmp_path / "nowhere.jpg")
    assert "link to nothing" in refusal(path)
    assert "raw file" in refusal(tmp_path / "a.nef", b"II*\0 whatever")


def bomb(side: int) -> bytes:
    """Return a PNG that is small as a file and large as a picture."""
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * (side // 8 + 1) * side, 9)
    chunks = [(b"IHDR", head), (b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks
    )


def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    data = bomb(20_000)
    assert len(data) < 100_000
    message = refusal(tmp_path / "a.png", data)
    assert "20000x20000 = 400 megapixels, expected at most 10" in message
    assert "--max-megapixels" in message


def test_the_limit_can_be_raised_above_pillows_own(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(bomb(14_000))  # 196 megapixels: Pillow alone refuses from 179 on
    before = PIL.Image.MAX_IMAGE_PIXELS
    assert open_photograph(path, most_pixels=200_000_000).canvases[0].size == (14_000, 14_000)
    assert before == PIL.Image.MAX_IMAGE_PIXELS


def test_strips_above_pillows_limit_are_read_and_coded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = by_pillow(PIL.Image.fromarray(smooth(3)), "TIFF", compression="tiff_lzw")
    path = tmp_path / "a.tif"
    path.write_bytes(data)
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 1000)
    written = paint(open_photograph(path))
    assert written != data
    path.write_bytes(written)
    assert open_photograph(path).canvases[0].pixels(HOLE).flatten(1).std(1).max() < 1e-6


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_an_animation_is_refused_with_its_frames(tmp_path: Path, kind: str) -> None:
    frames = [PIL.Image.fromarray(np.roll(smooth(3), k, 0)) for k in range(3)]
    data = by_pillow(frames[0], kind, save_all=True, append_images=frames[1:])
    assert "3 frames: it is animated" in refusal(tmp_path / "a.x", data)


def test_pages_are_not_lost_in_a_conversion(tmp_path: Path) -> None:
    frames = [PIL.Image.fromarray(smooth(3))] * 2
    path = tmp_path / "a.tif"
    path.write_bytes(by_pillow(frames[0], "TIFF", save_all=True, append_images=frames[1:]))
    with pytest.raises(UnreadableImage, match="2 pages, expected one"):
        open_photograph(path, Saving("png"))


@pytest.mark.jpeg_blocks
def test_damaged_metadata_is_no_reason_to_refuse(tmp_path: Path) -> None:
    data = jpeg()
    path = tmp_path / "a.jpg"
    damaged = data.replace(b"Exif\0\0MM\0*", b"Exif\0\0MM\xff\xff")
    assert damaged != data
    path.write_bytes(damaged)
    photograph = open_photograph(path)
    assert photograph.encoded() == damaged
    stream = io.BytesIO(data)
    assert stream.read(2) == b"\xff\xd8"
