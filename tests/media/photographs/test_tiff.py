import io
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import PIL.ImageOps
import PIL.TiffImagePlugin
import pytest
import tifffile
from made_photographs import (
    HEIGHT,
    HOLE,
    PROFILE,
    WIDTH,
    XMP,
    by_pillow,
    decoded,
    paint,
    smooth,
    tiff,
)

from predictor.errors import UnreadableImage
from predictor.media.photographs.opening import open_photograph
from predictor.media.photographs.photograph import Photograph, Saving
from predictor.media.photographs.tiff import TiffFile

KINDS: dict[str, dict[str, Any]] = {
    "grey": {"channels": 1},
    "grey 16": {"channels": 1, "dtype": np.uint16},
    "RGB": {"channels": 3},
    "RGB 16": {"channels": 3, "dtype": np.uint16},
    "RGBA 16": {"channels": 4, "dtype": np.uint16},
    "big-endian 16": {"channels": 3, "dtype": np.uint16, "order": ">"},
    "ZIP": {"channels": 3, "compression": 8},
    "ZIP 16, differences": {"channels": 3, "dtype": np.uint16, "compression": 8, "predictor": 2},
    "ZIP, differences, big-endian": {"channels": 3, "compression": 8, "predictor": 2, "order": ">"},
    "tiles": {"channels": 3, "tile": 16},
    "ZIP tiles, differences": {"channels": 3, "compression": 8, "predictor": 2, "tile": 32},
    "planar": {"channels": 3, "planar": True},
    "planar ZIP": {"channels": 3, "planar": True, "compression": 8, "dtype": np.uint16},
    "CMYK": {"channels": 4, "photometric": 5},
    "white is zero": {"channels": 1, "photometric": 0},
    "BigTIFF": {"channels": 3, "compression": 8, "big": True},
}


def made(kind: str, **more: Any) -> bytes:
    options = dict(KINDS[kind]) | more
    pixels = smooth(options.pop("channels"), options.pop("dtype", np.uint8))
    return tiff(pixels, **options)


def opened(tmp_path: Path, data: bytes, saving: Saving = Saving()) -> Photograph:  # noqa: B008 - frozen
    path = tmp_path / "a.tif"
    path.write_bytes(data)
    return open_photograph(path, saving)


def pages(data: bytes) -> list[np.ndarray[Any, np.dtype[Any]]]:
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        return [
            np.moveaxis(page.asarray(), 0, 2) if page.planarconfig == 2 and page.samplesperpixel > 1
            else page.asarray() for page in file.pages
        ]  # fmt: skip


def tags(data: bytes) -> list[dict[int, Any]]:
    strips = (273, 279, 324, 325)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        return [{t.code: t.value for t in page.tags if t.code not in strips} for page in file.pages]


@pytest.mark.parametrize("kind", KINDS)
def test_known_samples_tags_and_pages_are_identical(tmp_path: Path, kind: str) -> None:
    data = made(kind)
    photograph = opened(tmp_path, data)
    assert photograph.keeps == "samples"
    written = paint(photograph)
    (old, old_copy), (new, new_copy) = pages(data), pages(written)
    is_hole = np.zeros((HEIGHT, WIDTH), bool)
    is_hole[HOLE.rows, HOLE.columns] = True
    assert old.dtype == new.dtype
    assert np.array_equal(old[~is_hole], new[~is_hole])
    assert len(np.unique(new[is_hole].reshape(is_hole.sum(), -1)[:, :3], axis=0)) <= 40
    assert not np.array_equal(old[is_hole], new[is_hole])
    assert np.array_equal(old_copy, new_copy)
    assert tags(data) == tags(written)
    assert tags(written)[0][34675] == PROFILE
    assert bytes(tags(written)[0][700]) == XMP


@pytest.mark.parametrize("kind", KINDS)
def test_only_touched_strips_are_coded_anew(tmp_path: Path, kind: str) -> None:
    data = made(kind)
    written = paint(opened(tmp_path, data))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        places = list(zip(page.dataoffsets, page.databytecounts, strict=True))
    rows = 16 if "tiles" not in kind else KINDS[kind]["tile"]
    per_row = 1 if "tiles" not in kind else -(-WIDTH // rows)
    per_plane = -(-HEIGHT // rows) * per_row
    for number, (place, length) in enumerate(places):
        top = number % per_plane // per_row * rows
        if top + rows <= HOLE.top or top >= HOLE.bottom:
            assert data[place : place + length] == written[place : place + length]


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "tiff_adobe_deflate", None])
def test_what_pillow_compressed_stays_compressed_so(
    tmp_path: Path, compression: str | None
) -> None:
    data = by_pillow(PIL.Image.fromarray(smooth(3)), "TIFF", compression=compression)
    photograph = opened(tmp_path, data)
    assert photograph.notes == ()
    written = paint(photograph)
    old, new = PIL.Image.open(io.BytesIO(data)), PIL.Image.open(io.BytesIO(written))
    assert old.info["compression"] == new.info["compression"]
    difference = (np.asarray(old) != np.asarray(new)).any(2)
    assert difference[HOLE.rows, HOLE.columns].any()
    difference[HOLE.rows, HOLE.columns] = False
    assert not difference.any()


def test_nothing_is_left_of_what_was_there(tmp_path: Path) -> None:
    pixels = smooth(3)
    secret = b"removed-from-the-picture!"
    pixels[HOLE.top + 1, HOLE.left : HOLE.left + 9].flat[: len(secret)] = list(secret)
    data = tiff(pixels)
    assert secret in data
    assert secret not in paint(opened(tmp_path, data))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_displayed_orientation_is_painted(tmp_path: Path, orientation: int) -> None:
    data = made("ZIP 16, differences", orientation=orientation)
    photograph = opened(tmp_path, data)
    written = paint(photograph)
    assert tags(written)[0][274] == orientation
    assert written != data
    again = opened(tmp_path, written).canvases[0].pixels(HOLE)
    assert again.flatten(1).std(1).max() < 1e-6
    with PIL.Image.open(io.BytesIO(data)) as picture:
        shown = PIL.ImageOps.exif_transpose(picture).size
    assert photograph.canvases[0].size == shown[::-1]


def test_every_page_of_the_first_ones_size_can_be_painted(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        for number, size in enumerate([(40, 50), (40, 50), (30, 20)]):
            file.write(smooth(3, size=size) + np.uint8(number), photometric="rgb", metadata=None)
    data = stream.getvalue()
    photograph = opened(tmp_path, data)
    assert photograph.notes == ("2 of 3 pages have the size of the first and are filled",)
    assert len(photograph.canvases) == 2
    box = HOLE._replace(top=3, left=4, bottom=9, right=12)
    import torch

    for canvas in photograph.canvases:
        canvas.paint(box, torch.zeros(3, 6, 8), torch.ones(1, 6, 8))
    old, new = pages(data), pages(photograph.encoded())
    for before, after in zip(old[:2], new[:2], strict=True):
        assert (after[box.rows, box.columns] == 128).all()
        assert np.array_equal(before[9:], after[9:])
    assert np.array_equal(old[2], new[2])


def test_a_lossy_compression_becomes_one_that_loses_nothing(tmp_path: Path) -> None:
    options = {"compression": "jpeg", "quality": 60, "dpi": (300, 300)}
    data = by_pillow(PIL.Image.fromarray(smooth(3)), "TIFF", **options)
    photograph = opened(tmp_path, data)
    assert any("jpeg compression" in note for note in photograph.notes)
    written = paint(photograph)
    old, new = PIL.Image.open(io.BytesIO(data)), PIL.Image.open(io.BytesIO(written))
    assert new.info["compression"] == "tiff_adobe_deflate"
    assert tuple(map(float, new.info["dpi"])) == (300, 300)
    assert np.array_equal(np.asarray(old)[: HOLE.top], np.asarray(new)[: HOLE.top])


def test_fax_pages_stay_fax_pages(tmp_path: Path) -> None:
    data = by_pillow(PIL.Image.fromarray(smooth(1) > 128), "TIFF", compression="group4")
    written = paint(opened(tmp_path, data), (1, 1, 1))
    new = PIL.Image.open(io.BytesIO(written))
    assert new.info["compression"] == "group4"
    assert np.asarray(new)[HOLE.rows, HOLE.columns].all()
    assert np.array_equal(
        np.asarray(PIL.Image.open(io.BytesIO(data)))[: HOLE.top], np.asarray(new)[: HOLE.top]
    )


def test_a_turned_page_that_is_written_whole_is_upright(tmp_path: Path) -> None:
    exif_tags = PIL.Image.Exif()
    exif_tags[0x0112] = 6
    picture = PIL.Image.fromarray(smooth(3))
    data = by_pillow(picture, "TIFF", compression="jpeg", quality=95, exif=exif_tags)
    photograph = opened(tmp_path, data)
    assert photograph.canvases[0].size == (WIDTH, HEIGHT)
    assert photograph.notes[-1] == "it is written upright"
    written = PIL.Image.open(io.BytesIO(paint(photograph)))
    assert written.size == (HEIGHT, WIDTH)
    shown, before = np.asarray(written), np.asarray(PIL.Image.open(io.BytesIO(data)))
    assert np.array_equal(shown[: HOLE.top], before[: HOLE.top])


def test_a_palette_keeps_its_colours(tmp_path: Path) -> None:
    data = by_pillow(PIL.Image.fromarray(smooth(3)).quantize(32), "TIFF")
    written = paint(opened(tmp_path, data))
    old, new = PIL.Image.open(io.BytesIO(data)), PIL.Image.open(io.BytesIO(written))
    assert old.getpalette() == new.getpalette()
    assert np.array_equal(np.asarray(old)[: HOLE.top], np.asarray(new)[: HOLE.top])


def test_floats_and_raw_files_are_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.ones((8, 8), np.float32))
    with pytest.raises(UnreadableImage, match=r"a\.tif is a TIFF with 1 sample a pixel, floating"):
        opened(tmp_path, stream.getvalue())
    stream = io.BytesIO()
    tifffile.imwrite(stream, smooth(3), extratags=[(50706, 1, 4, (1, 4, 0, 0), True)])
    with pytest.raises(UnreadableImage, match="raw file"):
        opened(tmp_path, stream.getvalue())


@pytest.mark.parametrize("kind", ["RGB", "ZIP", "ZIP tiles, differences"])
def test_a_file_cut_off_is_refused(tmp_path: Path, kind: str) -> None:
    data = made(kind)
    for keep in (0.02, 0.3, 0.6):
        with pytest.raises(UnreadableImage, match=r"a\.tif"):
            opened(tmp_path, data[: int(len(data) * keep)])


def written_by_tifffile(pixels: np.ndarray[Any, np.dtype[Any]], **options: Any) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, pixels, metadata=None, **options)
    return stream.getvalue()


GREY, GREY_16, RGB_16 = smooth(1), smooth(1, np.uint16), smooth(3, np.uint16)
FOUR, FOUR_16, FIVE = smooth(4), smooth(4, np.uint16), smooth(5)
CONVERTED: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "big-endian grey 16": ({"photometric": "minisblack", "byteorder": ">"}, GREY_16, GREY_16),
    "white is zero": ({"photometric": "miniswhite"}, GREY, 255 - GREY),
    "white is zero 16": ({"photometric": "miniswhite"}, GREY_16, 65535 - GREY_16),
    "planar": (
        {"photometric": "rgb", "planarconfig": "separate"}, np.moveaxis(smooth(3), 2, 0), smooth(3)
    ),
    "planar 16": (
        {"photometric": "rgb", "planarconfig": "separate"}, np.moveaxis(RGB_16, 2, 0), RGB_16
    ),
    "RGB and more": (
        {"photometric": "rgb", "extrasamples": ["unspecified"]}, FOUR, FOUR[..., :3]
    ),
    "RGB, opacity and more": (
        {"photometric": "rgb", "extrasamples": ["unassalpha", "unspecified"]}, FIVE, FIVE[..., :4]
    ),
    "RGB 16 and more": (
        {"photometric": "rgb", "extrasamples": ["unspecified"]}, FOUR_16, FOUR_16[..., :3]
    ),
}  # fmt: skip


@pytest.mark.parametrize("target", ["png", "webp"])
@pytest.mark.parametrize("kind", CONVERTED)
def test_what_others_misread_is_converted_right(tmp_path: Path, kind: str, target: Any) -> None:
    options, stored, shown = CONVERTED[kind]
    photograph = opened(tmp_path, written_by_tifffile(stored, **options), Saving(target))
    written = photograph.encoded()
    if target == "png":
        found = cv2.imdecode(np.frombuffer(written, np.uint8), cv2.IMREAD_UNCHANGED)
        assert found is not None
        found = found[..., [2, 1, 0, 3][: found.shape[2]]] if found.ndim == 3 else found
        assert np.array_equal(found, shown)
        return
    if shown.dtype == np.uint16:
        shown = np.rint(shown / 257).astype(np.uint8)
    picture = PIL.Image.open(io.BytesIO(written))
    assert np.array_equal(picture, np.repeat(shown[..., None], 3, 2) if shown.ndim == 2 else shown)


def test_colours_multiplied_by_their_opacity_are_divided_by_it(tmp_path: Path) -> None:
    straight = smooth(4, np.uint16)
    share = straight[..., 3:] / 65535
    stored = np.concatenate([np.rint(straight[..., :3] * share), straight[..., 3:]], 2)
    data = written_by_tifffile(
        stored.astype(np.uint16), photometric="rgb", extrasamples=["assocalpha"]
    )
    written = opened(tmp_path, data, Saving("tiff")).encoded()
    assert np.array_equal(pages(written)[0], stored)  # a TIFF stays one
    found = decoded(opened(tmp_path, data, Saving("png")).encoded())[..., [2, 1, 0, 3]]
    assert np.abs(found - straight.astype(float)).max() <= 0.5 / share.min() + 1


@pytest.mark.parametrize("compression", ["zstd", "lzma"])
def test_newer_compressions_are_read_as_the_others(tmp_path: Path, compression: str) -> None:
    data = by_pillow(PIL.Image.fromarray(GREY_16), "TIFF", compression=compression)
    black_is_zero, white_is_zero = (struct.pack("<HHIHH", 262, 3, 1, kind, 0) for kind in (1, 0))
    assert data.count(black_is_zero) == 1
    data = data.replace(black_is_zero, white_is_zero)
    written = opened(tmp_path, data, Saving("png")).encoded()
    assert np.array_equal(decoded(written), 65535 - GREY_16)
    photograph = opened(tmp_path, data)
    assert photograph.notes == ()
    new = PIL.Image.open(io.BytesIO(paint(photograph)))
    assert new.info["compression"] == compression
    assert np.array_equal(np.asarray(new)[: HOLE.top], GREY_16[: HOLE.top])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_converted_page_is_upright(tmp_path: Path, orientation: int) -> None:
    photograph = opened(tmp_path, made("RGB", orientation=orientation, order=">"))
    shown = photograph.canvases[0].pixels()
    path = tmp_path / "a.tif"
    path.write_bytes(tiff_of_one_page(orientation))
    written = open_photograph(path, Saving("png")).encoded()
    picture = PIL.ImageOps.exif_transpose(PIL.Image.open(io.BytesIO(written)))
    assert np.abs(np.asarray(picture) / 127.5 - 1 - shown.permute(1, 2, 0).numpy()).max() < 1e-5


def tiff_of_one_page(orientation: int) -> bytes:
    return written_by_tifffile(
        smooth(3), photometric="rgb", extratags=[(274, 3, 1, orientation, True)]
    )


@pytest.mark.parametrize("compression", ["tiff_lzw", "jpeg"])
def test_layers_are_kept_with_a_note_and_not_unpacked(tmp_path: Path, compression: str) -> None:
    layers = PIL.TiffImagePlugin.ImageFileDirectory_v2()
    layers[37724] = b"Adobe Photoshop Document Data Block\0" + bytes(4_000_000)
    layers.tagtype[37724] = 7
    picture = PIL.Image.fromarray(smooth(3))
    data = by_pillow(picture, "TIFF", compression=compression, tiffinfo=layers)
    tracemalloc.start()
    try:
        TiffFile(data, "a.tif").pages[0].size  # noqa: B018 - its tags are read
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()
    photograph = opened(tmp_path, data)
    assert "its layers are kept and may still show what was there" in photograph.notes
    assert layers[37724] in paint(photograph)
    plain = opened(tmp_path, by_pillow(picture, "TIFF", compression=compression))
    assert not any("layers" in note for note in plain.notes)


def test_a_tag_whose_values_are_cut_off_is_refused(tmp_path: Path) -> None:
    data = by_pillow(PIL.Image.fromarray(smooth(3)), "TIFF", tiffinfo={65000: "private " * 9})
    entry = struct.pack("<HHI", 65000, 2, 73)
    place = data.index(entry) + len(entry)
    damaged = data[:place] + struct.pack("<I", len(data) - 72) + data[place + 4 :]
    with pytest.raises(UnreadableImage, match=r"a\.tif is not a whole picture: it was cut off"):
        TiffFile(damaged, "a.tif")
