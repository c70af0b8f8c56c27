import io
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
import torch
from made_photographs import HOLE, XMP, decoded, exif, jpeg, paint, smooth

from predictor.errors import UnreadableImage
from predictor.holes import Box
from predictor.media.photographs.opening import open_photograph
from predictor.media.photographs.photograph import Photograph, Saving
from predictor.media.photographs.segments import parsed_jpeg

jpegio = pytest.importorskip("jpegio")  # Python 3.14 has none yet

KINDS: dict[str, dict[str, Any]] = {
    "4:4:4": {"subsampling": 0},
    "4:2:2": {"subsampling": 1},
    "4:2:0": {"subsampling": 2},
    "progressive": {"subsampling": 2, "progressive": True},
    "optimised": {"subsampling": 2, "optimize": True},
    "restarts": {"subsampling": 2, "restart_marker_blocks": 3},
    "progressive with restarts": {"progressive": True, "restart_marker_rows": 1},
    "RGB without YCC": {"keep_rgb": True},
    "grey": {"mode": "L"},
    "grey progressive": {"mode": "L", "progressive": True},
    "CMYK": {"mode": "CMYK"},
    "YCCK": {"mode": "YCCK"},
    "best": {"quality": 100, "subsampling": 0},
    "worst": {"quality": 5},
}


def opened(tmp_path: Path, data: bytes, saving: Saving = Saving()) -> Photograph:  # noqa: B008 - frozen
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    return open_photograph(path, saving)


def coefficients(tmp_path: Path, data: bytes) -> list[np.ndarray[Any, np.dtype[np.int32]]]:
    path = tmp_path / "read.jpg"
    path.write_bytes(data)
    planes = jpegio.read(path).coef_arrays
    return [p.reshape(p.shape[0] // 8, 8, p.shape[1] // 8, 8).swapaxes(1, 2).copy() for p in planes]


def touched(data: bytes, box: Box, component: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which blocks of a component the stored `box` covers, from the sampling alone."""
    file = parsed_jpeg(data, "a")
    part = file.components[component]
    most_across = max(c.horizontal for c in file.components)
    most_down = max(c.vertical for c in file.components)
    across, down = 8 * most_across // part.horizontal, 8 * most_down // part.vertical
    rows, columns = np.mgrid[: -(-file.size[0] // down), : -(-file.size[1] // across)]
    return (
        (rows * down < box.bottom)
        & ((rows + 1) * down > box.top)
        & (columns * across < box.right)
        & ((columns + 1) * across > box.left)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_outside_of_the_hole_keep_their_coefficients(tmp_path: Path, kind: str) -> None:
    data = jpeg(**KINDS[kind])
    photograph = opened(tmp_path, data)
    assert photograph.keeps == "blocks"
    written = paint(photograph)
    before, after = coefficients(tmp_path, data), coefficients(tmp_path, written)
    for component, (old, new) in enumerate(zip(before, after, strict=True)):
        is_changed = (old != new).any(axis=(2, 3))
        is_touched = touched(data, HOLE, component)
        assert not (is_changed & ~is_touched).any()
    assert any((old != new).any() for old, new in zip(before, after, strict=True))


@pytest.mark.parametrize("kind", KINDS)
def test_the_hole_has_the_colour_that_was_painted(tmp_path: Path, kind: str) -> None:
    data = jpeg(**KINDS[kind])
    inside = Box(HOLE.top + 4, HOLE.left + 4, HOLE.bottom - 4, HOLE.right - 4)
    written = opened(tmp_path, paint(opened(tmp_path, data)))
    painted = torch.tensor((0.2, -0.4, 0.6))
    if kind.startswith("grey"):
        painted = (painted * torch.tensor((0.299, 0.587, 0.114))).sum().expand(3)
    found = written.canvases[0].pixels(inside).mean(dim=(1, 2))
    assert (found - painted).abs().max() < (0.3 if kind == "worst" else 0.06)


@pytest.mark.parametrize("kind", KINDS)
def test_frame_tables_and_restarts_stay(tmp_path: Path, kind: str) -> None:
    data = jpeg(**KINDS[kind])
    old, new = parsed_jpeg(data, "a"), parsed_jpeg(paint(opened(tmp_path, data)), "b")
    assert (new.frame, new.size, new.components) == (old.frame, old.size, old.components)
    tables = [
        PIL.Image.open(io.BytesIO(d)).quantization for d in (data, paint(opened(tmp_path, data)))
    ]
    assert tables[0] == tables[1]
    intervals = [[s.content for s in file.head if s.marker == 0xDD] for file in (old, new)]
    assert intervals[0] == intervals[1]


def test_segments_stay_byte_for_byte(tmp_path: Path) -> None:
    data = jpeg(orientation=6, subsampling=2)
    # What no library knows: a segment of its own, twice the same, and padding before a marker.
    private = b"\xff\xeb\x00\x09private" + b"\xff\xeb\x00\x09private" + b"\xff"
    data = data[:2] + private + data[2:] + b"notes of the camera\xff\xd8\xff behind the end"
    written = paint(opened(tmp_path, data))
    about = [
        [(s.marker, s.content) for s in parsed_jpeg(d, "a").head if s.is_about]
        for d in (data, written)
    ]
    assert about[0] == about[1]
    assert len(about[0]) >= 7
    assert written.endswith(b"notes of the camera\xff\xd8\xff behind the end")
    picture = PIL.Image.open(io.BytesIO(written))
    assert picture.info["comment"] == b"by hand"
    assert picture.info["dpi"] == (300, 300)
    assert picture.info["exif"] == exif(6)
    assert picture.info["xmp"] == XMP


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_boxes_are_those_of_the_displayed_picture(
    tmp_path: Path, orientation: int, subsampling: int
) -> None:
    data = jpeg(orientation=orientation, subsampling=subsampling)
    box = Box(9, 14, 36, 51)

    def shown(content: bytes) -> np.ndarray[Any, np.dtype[np.int64]]:
        picture = PIL.ImageOps.exif_transpose(PIL.Image.open(io.BytesIO(content)))
        return np.asarray(picture).astype(int)

    written = paint(opened(tmp_path, data), box=box)
    difference = np.abs(shown(written) - shown(data)).max(axis=2)
    assert difference[box.top + 2 : box.bottom - 2, box.left + 2 : box.right - 2].min() > 0
    outside = difference.copy()
    outside[: box.bottom + 16, : box.right + 16] = 0
    assert outside.max() == 0
    assert PIL.Image.open(io.BytesIO(written)).getexif()[0x0112] == orientation


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("orientation", [1, 6])
def test_pixels_are_what_a_decoder_shows(tmp_path: Path, kind: str, orientation: int) -> None:
    data = jpeg(orientation=orientation, **KINDS[kind])
    canvas = opened(tmp_path, data).canvases[0]
    shown = np.asarray(PIL.ImageOps.exif_transpose(PIL.Image.open(io.BytesIO(data)))).astype(float)
    if shown.ndim == 2:
        shown = shown[..., None].repeat(3, 2)
    if shown.shape[2] == 4:
        light = 1 - shown / 255
        shown = light[..., :3] * light[..., 3:] * 255
    found = (canvas.pixels().permute(1, 2, 0).numpy() + 1) * 127.5
    assert canvas.size == shown.shape[:2]
    assert np.abs(found - shown).max() < (6 if kind == "worst" else 3.5)
    box = Box(7, 3, 30, 40)
    part = (canvas.pixels(box).permute(1, 2, 0).numpy() + 1) * 127.5
    assert np.abs(part - found[box.rows, box.columns]).max() < 0.01


def test_nothing_painted_is_nothing_changed(tmp_path: Path) -> None:
    data = jpeg(subsampling=2)
    assert opened(tmp_path, data).encoded() == data


def test_known_pixels_in_a_touched_block_are_changed_by_its_quantisation_alone(
    tmp_path: Path,
) -> None:
    # The hole is filled with what is there, as a perfect network would fill it.
    data = jpeg(quality=95, subsampling=0)
    photograph = opened(tmp_path, data)
    canvas = photograph.canvases[0]
    canvas.paint(HOLE, canvas.pixels(HOLE), torch.ones(1, HOLE.height, HOLE.width))
    difference = np.abs(decoded(photograph.encoded()).astype(int) - decoded(data).astype(int))
    assert difference.max() <= 2


def test_a_weight_mixes(tmp_path: Path) -> None:
    data = jpeg(quality=98, subsampling=0)
    photograph = opened(tmp_path, data)
    canvas = photograph.canvases[0]
    before = canvas.pixels(HOLE)
    canvas.paint(HOLE, torch.full_like(before, 0.9), torch.full((1, *before.shape[1:]), 0.25))
    expected = 0.75 * before + 0.25 * 0.9
    assert (canvas.pixels(HOLE) - expected).abs().mean() < 0.02


def test_a_hole_at_the_edge_leaves_nothing_of_the_old_picture_behind_it(tmp_path: Path) -> None:
    # 61x83 pixels end inside of their last blocks; what was painted goes on to the blocks' ends.
    data = jpeg(subsampling=0, quality=100)
    box = Box(40, 60, 61, 83)
    photograph = opened(tmp_path, data)
    canvas: Any = photograph.canvases[0]
    canvas.paint(box, torch.zeros(3, box.height, box.width), torch.ones(1, box.height, box.width))
    last = canvas.coefficients.blocks(0)[-1, -1]
    assert np.abs(last[1:, 1:]).max() == 0


def test_further_pictures_are_still_found(tmp_path: Path) -> None:
    first, second = PIL.Image.fromarray(smooth(3)), PIL.Image.fromarray(smooth(3)[::-1])
    stream = io.BytesIO()
    first.save(stream, "MPO", save_all=True, append_images=[second], quality=85)
    data = stream.getvalue()
    photograph = opened(tmp_path, data)
    assert any("further picture" in note for note in photograph.notes)
    written = paint(photograph)
    assert len(written) != len(data)
    with PIL.Image.open(io.BytesIO(data)) as old, PIL.Image.open(io.BytesIO(written)) as new:
        assert new.format == "MPO"
        for pictures in (old, new):
            pictures.seek(1)
        assert np.array_equal(np.asarray(old), np.asarray(new))


def test_a_thumbnail_that_shows_what_was_there_is_said(tmp_path: Path) -> None:
    data = jpeg()
    thumbnail = jpeg(pixels=smooth(3, size=(16, 16)))[:2000]
    segment = b"\xff\xe1" + (len(thumbnail) + 8).to_bytes(2, "big") + b"Exif\0\0" + thumbnail
    photograph = opened(tmp_path, data[:2] + segment + data[2:])
    assert photograph.notes == ("its thumbnail is kept and may still show what was there",)


@pytest.mark.parametrize(
    "kind", ["4:2:0", "progressive", "grey", "CMYK", "YCCK", "RGB without YCC"]
)
def test_a_quality_asked_for_encodes_again_and_keeps_the_segments(
    tmp_path: Path, kind: str
) -> None:
    data = jpeg(orientation=3, **KINDS[kind])
    photograph = opened(tmp_path, data, Saving(quality=97))
    assert photograph.keeps == "nothing"
    assert "quality 97" in photograph.notes[0]
    written = photograph.encoded()
    old, new = parsed_jpeg(data, "a"), parsed_jpeg(written, "b")
    is_adobe = kind in ("CMYK", "YCCK")
    about = [
        [s for s in file.head if s.is_about and not (is_adobe and s.is_adobe)]
        for file in (old, new)
    ]
    assert about[0] == about[1]
    assert new.frame == old.frame
    assert np.abs(decoded(written).astype(int) - decoded(data).astype(int)).mean() < 3


def test_without_the_library_it_is_encoded_again_with_its_own_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "jpegio", None)
    data = jpeg(subsampling=2, progressive=True)
    photograph = opened(tmp_path, data)
    assert photograph.keeps == "nothing"
    assert "own tables" in photograph.notes[0]
    assert "pyjpegio" in photograph.notes[0]
    written = paint(photograph)
    tables = [PIL.Image.open(io.BytesIO(d)).quantization for d in (data, written)]
    assert tables[0] == tables[1]
    assert parsed_jpeg(written, "b").components == parsed_jpeg(data, "a").components


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_off_is_refused(tmp_path: Path, keep: float) -> None:
    data = jpeg(subsampling=2)
    with pytest.raises(UnreadableImage, match=r"a\.jpg"):
        opened(tmp_path, data[: int(len(data) * keep)])


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (8, 8), (16, 17)])
def test_small_pictures(tmp_path: Path, size: tuple[int, int]) -> None:
    data = jpeg(pixels=smooth(3, size=size), subsampling=2)
    written = paint(opened(tmp_path, data), box=Box(0, 0, 1, 1))
    assert decoded(written).shape == (*size, 3)
