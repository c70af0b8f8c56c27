import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from made_photographs import (
    HEIGHT,
    HOLE,
    WIDTH,
    decoded,
    deep_png,
    paint,
    png,
    raw_png,
    smooth,
)

from predictor.errors import UnreadableImage
from predictor.media.photographs.canvas import RasterCanvas
from predictor.media.photographs.mask import mask_brightness
from predictor.media.photographs.opening import open_photograph
from predictor.media.photographs.photograph import Photograph, Saving

PALETTE = np.random.default_rng(5).integers(0, 256, (16, 3), np.uint8)


def _palette(depth: int) -> bytes:
    numbers = (smooth(1) >> (8 - depth)).astype(np.uint8)
    return raw_png(numbers, 3, depth, b"PLTE" + PALETTE[: 1 << depth].tobytes())


def _adam7() -> bytes:
    return raw_png(smooth(3), 2, 8, interlaced=True)


KINDS: dict[str, Callable[[], bytes]] = {
    "grey": lambda: png(smooth(1)),
    "grey and opacity": lambda: png(smooth(2)),
    "RGB": lambda: png(smooth(3)),
    "RGBA": lambda: png(smooth(4)),
    "grey 16": lambda: png(smooth(1, np.uint16)),
    "RGB 16": lambda: deep_png(3),
    "RGBA 16": lambda: deep_png(4),
    "black and white": lambda: png(smooth(1) > 128),
    "palette 8": lambda: raw_png(smooth(1) >> 4, 3, 8, b"PLTE" + PALETTE.tobytes()),
    "palette 4": lambda: _palette(4),
    "palette 2": lambda: _palette(2),
    "palette 1": lambda: _palette(1),
    "grey 4": lambda: raw_png(smooth(1) >> 4, 0, 4),
    "grey 2": lambda: raw_png(smooth(1) >> 6, 0, 2),
    "interlaced": _adam7,
}


def opened(tmp_path: Path, data: bytes) -> Photograph:
    path = tmp_path / "a.png"
    path.write_bytes(data)
    return open_photograph(path)


def chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, place = [], 8
    while place < len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        found.append((kind, data[place + 8 : place + 8 + length]))
        place += 12 + length
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_known_samples_are_identical_and_the_hole_is_painted(tmp_path: Path, kind: str) -> None:
    data = KINDS[kind]()
    photograph = opened(tmp_path, data)
    assert photograph.keeps == "samples"
    written = paint(photograph)
    old, new = decoded(data), decoded(written)
    assert old.dtype == new.dtype
    assert old.shape == new.shape
    is_hole = np.zeros((HEIGHT, WIDTH), bool)
    is_hole[HOLE.rows, HOLE.columns] = True
    assert np.array_equal(old[~is_hole], new[~is_hole])
    painted = opened(tmp_path, written).canvases[0].pixels(HOLE)
    assert painted.flatten(1).std(1).max() < 1e-6
    assert not np.array_equal(old[is_hole], new[is_hole])


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "interlaced"])
def test_every_chunk_but_the_samples_stays(tmp_path: Path, kind: str) -> None:
    data = KINDS[kind]()
    written = paint(opened(tmp_path, data))
    old, new = ([c for c in chunks(d) if c[0] != b"IDAT"] for d in (data, written))
    assert old == new
    assert (tmp_path / "a.png").read_bytes() == data


@pytest.mark.parametrize(
    ("kind", "stays"),
    [(b"iDOT", False), (b"dSIG", False), (b"teST", False), (b"teSt", True), (b"pCAL", True)],
)
def test_what_is_unsafe_to_copy_does_not_stay_with_new_samples(
    tmp_path: Path, kind: bytes, stays: bool
) -> None:
    data = raw_png(smooth(3), 2, 8, kind + struct.pack(">7I", 2, 0, 31, 40, 31, 30, 900))
    photograph = opened(tmp_path, data)
    assert photograph.data == data  # a copy of a file that has no hole keeps it
    assert (kind in dict(chunks(paint(photograph)))) == stays


def test_colours_are_exact_at_16_bits(tmp_path: Path) -> None:
    written = decoded(paint(opened(tmp_path, deep_png(3)), colour=(1.0, -1.0, 256 / 65535 * 2 - 1)))
    assert written[HOLE.top, HOLE.left].tolist() == [256, 0, 65535]  # BGR


def test_painted_pixels_get_the_nearest_colour_of_the_palette(tmp_path: Path) -> None:
    data = KINDS["palette 8"]()
    written = PIL.Image.open(io.BytesIO(paint(opened(tmp_path, data), (0.2, -0.4, 0.6))))
    wanted = (np.array((0.2, -0.4, 0.6)) + 1) * 127.5
    nearest = ((PALETTE - wanted) ** 2).sum(1).argmin()
    assert np.asarray(written)[HOLE.top, HOLE.left] == nearest


def test_a_transparent_colour_of_the_palette_is_not_painted(tmp_path: Path) -> None:
    colours = np.array([[0, 0, 0], [255, 255, 255], [200, 200, 200]], np.uint8)
    numbers = np.zeros((HEIGHT, WIDTH), np.uint8)
    numbers[0, 0] = 2
    stream = io.BytesIO()
    picture = PIL.Image.fromarray(numbers)
    picture.putpalette(colours.tobytes())
    picture.save(stream, "PNG", transparency=b"\xff\x00\xff")
    photograph = opened(tmp_path, stream.getvalue())
    hidden = photograph.canvases[0].transparent()
    assert hidden is not None
    assert not hidden.any()
    written = decoded(paint(photograph, (1, 1, 1)))
    assert np.unique(written[HOLE.rows, HOLE.columns]).tolist() == [2]


@pytest.mark.parametrize("depth", [2, 4])
def test_a_painted_grey_is_the_nearest_of_a_few(tmp_path: Path, depth: int) -> None:
    most = (1 << depth) - 1
    data = raw_png(smooth(1) >> (8 - depth), 0, depth)
    for level in (-1.0, -0.6, -0.3, 0.1, 0.5, 0.9, 1.0):
        written = decoded(paint(opened(tmp_path, data), (level, level, level)))
        found = np.unique(written[HOLE.rows, HOLE.columns])
        assert found.tolist() == [round((level + 1) / 2 * most) * (255 // most)]


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_grey_that_stands_for_transparency_is_understood(tmp_path: Path, depth: int) -> None:
    most = (1 << depth) - 1
    numbers = smooth(1) >> (8 - depth)
    for key in sorted({0, 1, most // 2, most}):
        numbers[:5, :5] = key
        data = raw_png(numbers, 0, depth, b"tRNS" + struct.pack(">H", key))
        photograph = opened(tmp_path, data)
        hidden = photograph.canvases[0].transparent()
        assert hidden is not None
        assert np.array_equal(hidden, numbers == key)
        grey = key / most * 2 - 1
        written = paint(photograph, (grey, grey, grey))
        assert (b"tRNS", struct.pack(">H", key)) in chunks(written)
        again = opened(tmp_path, written).canvases[0]
        hidden[HOLE.rows, HOLE.columns] = False
        assert np.array_equal(again.transparent(), hidden)
        step = abs(float(again.pixels(HOLE).mean()) - grey)
        assert step == pytest.approx(2 / most, abs=1e-6)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
@pytest.mark.parametrize("target", ["webp", "tiff"])
def test_a_grey_that_stands_for_transparency_becomes_opacity(
    tmp_path: Path, target: Any, depth: int
) -> None:
    most = (1 << depth) - 1
    numbers = smooth(1) >> (8 - depth)
    for key in {0, 1, most // 2, most}:
        numbers[:5, :5] = key
        (tmp_path / "a.png").write_bytes(
            raw_png(numbers, 0, depth, b"tRNS" + struct.pack(">H", key))
        )
        written = paint(open_photograph(tmp_path / "a.png", Saving(target)))
        found = np.asarray(PIL.Image.open(io.BytesIO(written)).convert("RGBA"))
        assert np.array_equal(found[..., 3] == 0, numbers == key)
        above = slice(0, HOLE.top)
        assert np.array_equal(found[above, :, 0], numbers[above] * (255 // most))


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_grey_that_stands_for_transparency_is_no_hole_in_a_mask(
    tmp_path: Path, depth: int
) -> None:
    most = (1 << depth) - 1
    numbers = smooth(1) >> (8 - depth)
    path = tmp_path / "mask.png"
    path.write_bytes(raw_png(numbers, 0, depth, b"tRNS" + struct.pack(">H", most)))
    expected = np.where(numbers == most, 0, numbers) / most
    assert np.abs(mask_brightness(path) - expected).max() < 1e-6


def test_a_colour_that_stands_for_transparency_is_not_painted(tmp_path: Path) -> None:
    key = b"tRNS" + struct.pack(">HHH", 255, 0, 255)
    data = raw_png(smooth(3), 2, 8, key)
    written = decoded(paint(opened(tmp_path, data), (1, -1, 1)))
    assert written[HOLE.top, HOLE.left].tolist() == [254, 0, 255]


def test_a_colour_of_16_bits_that_stands_for_transparency_stays_one(tmp_path: Path) -> None:
    pixels = smooth(3, np.uint16)
    pixels[:4, :9] = (513, 0, 65535)
    key = struct.pack(">HHH", 513, 0, 65535)
    data = raw_png(pixels, 2, 16, b"tRNS" + key)
    photograph = opened(tmp_path, data)
    assert (photograph.keeps, photograph.notes) == ("samples", ())
    hidden = photograph.canvases[0].transparent()
    assert hidden is not None
    assert np.array_equal(hidden, (pixels == (513, 0, 65535)).all(axis=2))
    written = paint(photograph, (513 / 65535 * 2 - 1, -1, 1))
    assert [chunk for chunk in chunks(written) if chunk[0] != b"IDAT"] == [
        chunk for chunk in chunks(data) if chunk[0] != b"IDAT"
    ]
    again = opened(tmp_path, written).canvases[0]
    assert isinstance(again, RasterCanvas)
    pixels[HOLE.rows, HOLE.columns] = (514, 0, 65535)
    assert np.array_equal(again.samples, pixels)


def test_alpha_stays_and_can_be_made_opaque(tmp_path: Path) -> None:
    pixels = smooth(4)
    pixels[:30, :, 3] = 0
    data = png(pixels)
    photograph = opened(tmp_path, data)
    canvas = photograph.canvases[0]
    hidden = canvas.transparent()
    assert hidden is not None
    assert np.array_equal(hidden, pixels[..., 3] < 128)
    assert np.array_equal(decoded(paint(photograph))[..., 3], pixels[..., 3])
    canvas.make_opaque(HOLE, np.ones((HOLE.height, HOLE.width), bool))
    written = decoded(photograph.encoded())
    assert (written[HOLE.rows, HOLE.columns, 3] == 255).all()
    assert (written[:20, :, 3] == 0).all()


def test_the_displayed_orientation_is_painted_and_the_tag_stays(tmp_path: Path) -> None:
    data = png(smooth(3), orientation=6)
    written = paint(opened(tmp_path, data))
    with PIL.Image.open(io.BytesIO(written)) as picture:
        assert picture.getexif()[0x0112] == 6
        assert picture.size == (WIDTH, HEIGHT)
        shown = np.asarray(PIL.ImageOps.exif_transpose(picture))
    assert np.unique(shown[HOLE.rows, HOLE.columns].reshape(-1, 3), axis=0).shape == (1, 3)


def test_what_png_writers_here_cannot_do_is_said(tmp_path: Path) -> None:
    assert opened(tmp_path, _adam7()).notes == ("it is written without interlacing",)
    grey_alpha = opened(tmp_path, deep_png(2))
    assert "RGB with opacity" in grey_alpha.notes[0]
    canvas = grey_alpha.canvases[0]
    levels = (canvas.pixels()[0].double() + 1) * 32767.5
    assert np.array_equal(levels.round().numpy(), smooth(2, np.uint16)[..., 0])


def test_a_file_cut_off_or_damaged_is_refused(tmp_path: Path) -> None:
    data = png(smooth(3))
    for damaged in (data[:40], data[: len(data) // 2], data[:-13], data[:300] + b"x" + data[301:]):
        with pytest.raises(UnreadableImage, match=r"a\.png"):
            opened(tmp_path, damaged)


def test_one_pixel(tmp_path: Path) -> None:
    photograph = opened(tmp_path, png(smooth(3, size=(1, 1))))
    box = HOLE._replace(top=0, left=0, bottom=1, right=1)
    assert decoded(paint(photograph, (1, 1, 1), box)).tolist() == [[[255, 255, 255]]]


def test_a_weight_mixes_in_the_colours_of_the_file(tmp_path: Path) -> None:
    data = png(np.full((HEIGHT, WIDTH, 3), 100, np.uint8))
    photograph = opened(tmp_path, data)
    weight = torch.full((1, HOLE.height, HOLE.width), 0.25)
    weight[:, 0] = 0
    photograph.canvases[0].paint(HOLE, torch.ones(3, HOLE.height, HOLE.width), weight)
    written = decoded(photograph.encoded())
    assert (written[HOLE.top, HOLE.columns] == 100).all()
    assert (written[HOLE.top + 1 : HOLE.bottom, HOLE.columns] == round(100 + 0.25 * 155)).all()


def test_samples_that_fail_their_checksum_are_refused(tmp_path: Path) -> None:
    whole = bytearray(png(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)))
    start = whole.index(b"IDAT")
    length = int.from_bytes(whole[start - 4 : start], "big")
    whole[start + 4 + length] ^= 1  # the checksum: Pillow, which does not look at it, decodes all
    with pytest.raises(
        UnreadableImage, match=r"a\.png is not a whole picture: its data are damaged"
    ):
        opened(tmp_path, bytes(whole))
