import errno
import io
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
import tifffile
import torch
from torch import Tensor

from pipelines.inpaint.masks import MaskSettings
from pipelines.inpaint.photograph import FilledPhotograph, fill_photograph
from pipelines.inpaint.verification import verified
from predictor.classical_fill import ClassicalInpainter
from predictor.errors import (
    OutputExists,
    OutputIsInput,
    OutputNotWritten,
    UnreadableImage,
    UnusableMask,
)
from predictor.holes import Box, Hole
from predictor.media.photographs.photograph import Saving

Pixels = np.ndarray[Any, np.dtype[Any]]

HEIGHT, WIDTH = 90, 130
BOX = "box:40,30,24,20"


class OneColour:
    """Fills with one colour; remembers how large the parts are that it was shown."""

    def __init__(self, level: float = 1.0) -> None:
        self.level = level
        self.shown: list[tuple[int, int]] = []

    def fill(self, images: Tensor, masks: Tensor) -> Tensor:
        self.shown.append((images.shape[-2], images.shape[-1]))
        return images * (1 - masks) + self.level * masks

    def seen(self, hole: Hole, size: tuple[int, int]) -> Box:
        return hole.box.grown(8).within(*size)


def scene(channels: int = 3, dtype: type = np.uint8) -> Pixels:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    waves = [0.4 + 0.25 * np.sin(x / (15 + 4 * k)) * np.cos(y / 17 + k) for k in range(channels)]
    return np.rint(np.stack(waves, -1) * np.iinfo(dtype).max).astype(dtype)


def saved(path: Path, pixels: Pixels | None = None, **options: Any) -> Path:
    PIL.Image.fromarray(scene() if pixels is None else pixels).save(path, **options)
    return path


def done(source: Path, mask: str = BOX, filler: Any = None, **options: Any) -> FilledPhotograph:
    output = options.pop("output", source.with_name(f"out-{source.name}"))
    return fill_photograph(source, output, mask, filler or OneColour(), verify=True, **options)


def hole(top: int = 30, left: int = 40, bottom: int = 50, right: int = 64) -> Pixels:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top:bottom, left:right] = True
    return mask


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "webp", "ppm"])
def test_lossless_formats_change_in_the_hole_alone(tmp_path: Path, suffix: str) -> None:
    options = {"lossless": True} if suffix == "webp" else {}
    source = saved(tmp_path / f"a.{suffix}", **options)
    result = done(source)
    written = np.asarray(PIL.Image.open(result.output))
    assert (written[hole()] == 255).all()
    assert np.array_equal(written[~hole()], scene()[~hole()])
    assert result.keeps == "samples"
    assert result.filled_pixels == 480
    assert result.verification is not None
    assert result.verification.known_pixels == HEIGHT * WIDTH - 480
    assert result.verification.changed_pixels == 0


def test_16_bits_in_colour_change_in_the_hole_alone(tmp_path: Path) -> None:
    source = tmp_path / "a.png"
    pixels = scene(3, np.uint16)
    cv2.imwrite(str(source), pixels)
    result = done(source)
    written = cv2.imread(str(result.output), cv2.IMREAD_UNCHANGED)
    assert written is not None
    assert written.dtype == np.uint16
    assert np.array_equal(written[~hole()], pixels[~hole()])
    assert (written[hole()] == 0xFFFF).all()


@pytest.mark.jpeg_blocks
@pytest.mark.parametrize("subsampling", [0, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_keeps_the_blocks_that_no_hole_touches(
    tmp_path: Path, subsampling: int, progressive: bool
) -> None:
    source = saved(tmp_path / "a.jpg", quality=88, subsampling=subsampling, progressive=progressive)
    result = done(source, filler=ClassicalInpainter("telea"))
    assert result.keeps == "blocks"
    found = result.verification
    assert found is not None
    assert found.changed_blocks == 0
    # 12 x 17 blocks, of which the hole touches 4 x 3; chroma of 4:2:0 has 6 x 9 and 3 x 2.
    chroma = 12 * 17 - 12 if subsampling == 0 else 6 * 9 - 3 * 2
    assert found.kept_blocks == 12 * 17 - 12 + 2 * chroma
    assert found.changed_pixels < 48 * 48
    truth, written = (np.asarray(PIL.Image.open(p)).astype(int) for p in (source, result.output))
    assert np.abs(truth - written)[hole()].mean() < 12  # a smooth scene is filled well


def test_a_tiff_of_luma_and_chroma_keeps_its_colours(tmp_path: Path) -> None:
    source = tmp_path / "a.tif"
    PIL.Image.fromarray(scene()).convert("YCbCr").save(source)
    result = done(source)
    assert result.verification is not None
    assert result.verification.changed_pixels == 0
    before, after = (
        np.asarray(PIL.Image.open(path).convert("RGB")) for path in (source, result.output)
    )
    assert np.array_equal((before != after).any(2) | hole(), hole())


def test_a_broken_promise_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = saved(tmp_path / "a.png")
    other = io.BytesIO()
    PIL.Image.fromarray(scene() ^ 1).save(other, "PNG")
    import predictor.media.photographs.png as module

    monkeypatch.setattr(module, "with_chunks_of", lambda *_: other.getvalue())
    with pytest.raises(OutputNotWritten, match=r"out-a\.png: not written: \d+ known pixels"):
        done(source)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.jpeg_blocks
def test_only_the_neighbourhoods_of_holes_are_looked_at(tmp_path: Path) -> None:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[5:9, 5:9] = mask[70:80, 100:110] = 255
    filler = OneColour()
    done(saved(tmp_path / "a.jpg"), str(saved(tmp_path / "m.png", mask)), filler)
    assert filler.shown == [(17, 17), (26, 26)]


@pytest.mark.jpeg_blocks
@pytest.mark.parametrize("orientation", [3, 6, 7])
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_masks_are_meant_in_the_displayed_photograph(
    tmp_path: Path, orientation: int, suffix: str
) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if suffix == "jpg" else {}
    source = saved(tmp_path / f"a.{suffix}", exif=exif.tobytes(), **options)
    shown = PIL.ImageOps.exif_transpose(PIL.Image.open(source))
    mask = np.zeros(shown.size[::-1], np.uint8)
    mask[8:24, 16:40] = 255
    result = done(source, str(saved(tmp_path / "m.png", mask)))
    with PIL.Image.open(result.output) as written:
        assert written.getexif()[0x0112] == orientation
        after = np.asarray(PIL.ImageOps.exif_transpose(written)).astype(int)
    assert after[10:22, 18:38].min() > 235
    assert np.abs(after - np.asarray(shown))[40:, 56:].max() == 0


def test_transparent_pixels_are_filled_and_become_opaque(tmp_path: Path) -> None:
    pixels = np.concatenate([scene(), np.full((HEIGHT, WIDTH, 1), 255, np.uint8)], axis=2)
    pixels[hole(), 3] = 0
    pixels[0, 0, 3] = 200
    result = done(saved(tmp_path / "a.png", pixels), "alpha")
    written = np.asarray(PIL.Image.open(result.output))
    assert (written[hole()] == 255).all()
    assert np.array_equal(written[~hole()], pixels[~hole()])


def test_dilate_and_feather_grow_what_is_changed_and_nothing_else(tmp_path: Path) -> None:
    source = saved(tmp_path / "a.png")
    result = done(source, mask_settings=MaskSettings(dilate_px=2, feather_px=3))
    written = np.asarray(PIL.Image.open(result.output)).astype(int)
    row, before = written[40, 64:72, 0], scene()[40, 64:72, 0].astype(int)
    assert (row[:2] == 255).all()
    for place, part in ((2, 0.75), (3, 0.5), (4, 0.25)):
        assert abs(row[place] - (part * 255 + (1 - part) * before[place])) <= 1
    assert np.array_equal(row[5:], before[5:])
    assert result.verification is not None
    assert result.verification.changed_pixels == 0


@pytest.mark.jpeg_blocks
def test_an_empty_mask_copies_the_file_byte_for_byte(tmp_path: Path) -> None:
    source = saved(tmp_path / "a.jpg")
    with source.open("ab") as file:
        file.write(b"whatever the camera put there")
    empty = saved(tmp_path / "m.png", np.zeros((HEIGHT, WIDTH), np.uint8))
    result = done(source, str(empty))
    assert result.output.read_bytes() == source.read_bytes()
    assert result.warnings == ("its mask is empty: copied unchanged",)


@pytest.mark.jpeg_blocks
def test_a_format_and_a_quality_can_be_asked_for(tmp_path: Path) -> None:
    source = saved(tmp_path / "a.jpg", quality=80)
    result = done(source, output=tmp_path / "b.png", saving=Saving("png"))
    before, after = (np.asarray(PIL.Image.open(p)) for p in (source, result.output))
    assert np.array_equal(before[~hole()], after[~hole()])
    assert (after[hole()] == 255).all()
    again = done(source, output=tmp_path / "c.jpg", saving=Saving(quality=50))
    assert again.keeps == "nothing"
    assert any("quality 50" in warning for warning in again.warnings)


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite", "rgb"])
@pytest.mark.parametrize("target", ["png", "tiff", "keep"])
def test_a_tiff_of_16_bits_is_verified_in_every_format(
    tmp_path: Path, photometric: str, target: Any
) -> None:
    pixels = scene(3 if photometric == "rgb" else 1, np.uint16).squeeze()
    order = "<" if photometric == "miniswhite" else ">"  # Pillow knows no other
    tifffile.imwrite(tmp_path / "a.tif", pixels, byteorder=order, photometric=photometric)
    name = "b.tif" if target == "keep" else f"b.{target}"
    result = done(tmp_path / "a.tif", output=tmp_path / name, saving=Saving(target))
    assert result.keeps == "samples"
    assert result.verification is not None
    assert result.verification.changed_pixels == 0


def test_pictures_above_pillows_limit_are_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = saved(tmp_path / "a.png")
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 1000)
    result = done(source, output=tmp_path / "a.tif", saving=Saving("tiff"))
    assert result.verification is not None
    assert result.verification.changed_pixels == 0


def test_a_grey_of_16_bits_that_stands_for_transparency_is_verified(tmp_path: Path) -> None:
    pixels = scene(1, np.uint16)[..., 0]
    source = saved(tmp_path / "a.png", pixels, transparency=int(pixels[3, 5]))
    result = done(source, output=tmp_path / "a.tif", saving=Saving("tiff"))
    assert result.verification is not None
    assert result.verification.changed_pixels == 0
    assert tifffile.imread(result.output)[3, 5].tolist() == [pixels[3, 5], 0]


def test_a_negative_is_not_verified(tmp_path: Path) -> None:
    for name in ("minisblack", "miniswhite"):
        tifffile.imwrite(tmp_path / name, scene(1, np.uint16)[..., 0], photometric=name)
    before, after = ((tmp_path / name).read_bytes() for name in ("minisblack", "miniswhite"))
    assert verified(before, after, hole()).changed_pixels == HEIGHT * WIDTH - 480


@pytest.mark.parametrize("target", ["jpeg", "webp"])
def test_16_bits_written_with_8_are_compared_as_8(tmp_path: Path, target: Any) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), scene(dtype=np.uint16))
    result = done(tmp_path / "a.png", output=tmp_path / "a.out", saving=Saving(target))
    assert result.verification is not None
    assert result.verification.largest_difference < 20


@pytest.mark.parametrize(
    ("suffix", "options", "expected"),
    [("png", {}, 256), ("webp", {"lossless": True}, 256), ("webp", {}, 512), ("jpg", {}, 512)],
)
@pytest.mark.parametrize("target", ["png", "jpeg", "webp"])
def test_a_colour_is_looked_for_as_exactly_as_the_source_keeps_it(
    tmp_path: Path, suffix: str, options: dict[str, Any], expected: int, target: Any
) -> None:
    pixels = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
    pixels[16:32, 16:32] = 255, 0, 255
    pixels[48:64, 48:64] = 240, 10, 245
    source = saved(tmp_path / f"a.{suffix}", pixels, quality=95, **options)
    output = tmp_path / f"out.{target}"
    found = fill_photograph(
        source, output, "color:#ff00ff", OneColour(), saving=Saving(target)
    ).filled_pixels
    assert found == pytest.approx(expected, rel=0.15)


def test_the_time_of_the_file_is_kept_on_request(tmp_path: Path) -> None:
    source = saved(tmp_path / "a.png")
    os.utime(source, ns=(10**18, 10**18 + 7))
    assert done(source).output.stat().st_mtime_ns != 10**18 + 7
    kept = done(source, output=tmp_path / "b.png", keep_time=True)
    assert kept.output.stat().st_mtime_ns == 10**18 + 7


def test_every_page_is_filled(tmp_path: Path) -> None:
    source = tmp_path / "a.tif"
    pages = [PIL.Image.fromarray(scene()), PIL.Image.fromarray(scene()[::-1].copy())]
    pages[0].save(source, save_all=True, append_images=pages[1:])
    with PIL.Image.open(done(source).output) as written:
        for number, page in enumerate(pages):
            written.seek(number)
            assert (np.asarray(written)[hole()] == 255).all()
            assert np.array_equal(np.asarray(written)[~hole()], np.asarray(page)[~hole()])


class TestNothingIsWritten:
    """What cannot be done is one line with the name, and leaves no file."""

    def refused(
        self, kind: type[Exception], message: str, source: Path, *args: Any, **kw: Any
    ) -> None:
        before = sorted(source.parent.rglob("*"))
        with pytest.raises(kind, match=message) as caught:
            done(source, *args, **kw)
        assert "\n" not in str(caught.value)
        assert sorted(source.parent.rglob("*")) == before

    def test_bad_photographs(self, tmp_path: Path) -> None:
        source = saved(tmp_path / "a.jpg")
        data = source.read_bytes()
        for content, message in (
            (b"", "is empty"),
            (data[: len(data) // 2], "not a whole picture"),
            (b"no picture at all, just some words" * 9, "not a picture"),
        ):
            source.write_bytes(content)
            self.refused(UnreadableImage, rf"a\.jpg.*{message}", source)

    def test_bad_masks(self, tmp_path: Path) -> None:
        source = saved(tmp_path / "a.jpg")
        small = saved(tmp_path / "small.png", np.zeros((4, 5), np.uint8))
        self.refused(UnusableMask, "it is 130x90, its mask .*is 5x4", source, str(small))
        full = saved(tmp_path / "full.png", np.full((HEIGHT, WIDTH), 255, np.uint8))
        self.refused(UnusableMask, "whole picture", source, str(full))
        one = saved(tmp_path / "one.png", np.zeros((1, 1, 3), np.uint8))
        self.refused(UnusableMask, "whole picture", one, "center:1")

    def test_outputs_that_would_lose_something(self, tmp_path: Path) -> None:
        source = saved(tmp_path / "a.png")
        self.refused(OutputIsInput, "is the input", source, output=source, overwrite=True)
        other = saved(tmp_path / "b.png")
        content = other.read_bytes()
        self.refused(OutputExists, "--overwrite", source, output=other)
        assert other.read_bytes() == content
        assert done(source, output=other, overwrite=True).output.read_bytes() != content

    def test_a_full_disk(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        source = saved(tmp_path / "a.png")

        def full(path: Path, content: bytes) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

        monkeypatch.setattr(Path, "write_bytes", full)
        self.refused(OutputNotWritten, r"out-a\.png: not written: no space left", source)

    def test_a_folder_that_takes_no_files(self, tmp_path: Path) -> None:
        source = saved(tmp_path / "a.png")
        self.refused(
            OutputNotWritten, r"b\.png: not written", source, output=source / "sub" / "b.png"
        )

    def test_too_many_pixels(self, tmp_path: Path) -> None:
        source = saved(tmp_path / "a.png")
        self.refused(UnreadableImage, "--max-megapixels", source, most_pixels=1000)


def test_names_of_any_bytes(tmp_path: Path) -> None:
    for name in (b"two words.png", b"line\nbreak.png", b"caf\xe9.png"):
        source = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        PIL.Image.fromarray(scene()).save(tmp_path / "plain.png")
        (tmp_path / "plain.png").rename(source)
        assert done(source).output.exists()


def test_one_pixel_with_one_known_beside_it(tmp_path: Path) -> None:
    source = saved(tmp_path / "a.png", np.zeros((1, 2, 3), np.uint8))
    result = done(source, "box:0,0,1,1")
    assert np.asarray(PIL.Image.open(result.output)).tolist() == [[[255] * 3, [0] * 3]]
    assert torch.is_grad_enabled()
