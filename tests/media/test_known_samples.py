from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest
from made_videos import Recipe, smooth_picture, write_video
from numpy.typing import NDArray

from predictor.media.colour import BT709, FULL, LIMITED, ColorTags, PictureDecoder, sample_planes
from predictor.media.info import VideoInfo
from predictor.media.known_samples import KnownSamples
from predictor.media.video import open_video

HEIGHT, WIDTH = 48, 64
HOLE = (slice(11, 20), slice(30, 41))


def hole(size: tuple[int, int] = (HEIGHT, WIDTH)) -> NDArray[np.bool_]:
    mask = np.zeros(size, bool)
    mask[HOLE] = True
    return mask


def clip(path: Path, recipe: Recipe | None = None, size: tuple[int, int] = (48, 64)) -> Path:
    levels = ((smooth_picture(3, *size) + 1) * 127.5).round().permute(1, 2, 0).byte().numpy()
    noise = np.random.default_rng(0).integers(-20, 21, levels.shape)
    return write_video(path, [(levels + noise).clip(0, 255).astype(np.uint8)] * 2, recipe)


def decoded(path: Path) -> tuple[VideoInfo, av.VideoFrame]:
    with open_video(path) as reader:
        frame = next(iter(reader))
        assert frame.coded is not None
        return reader.info, frame.coded


def grey(pixel_format: str, size: tuple[int, int]) -> av.VideoFrame:
    made = av.VideoFrame(size[1], size[0], pixel_format)
    for plane in sample_planes(made):
        plane[:] = 7
    return made


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p10le", "yuv444p"])
def test_all_but_the_hole_is_put_back(tmp_path: Path, pixel_format: str) -> None:
    info, old = decoded(clip(tmp_path / "a.mp4", Recipe(pixel_format=pixel_format)))
    known = KnownSamples(info, hole(), pixel_format, info.color)
    assert known.are_kept
    made = grey(pixel_format, info.size)
    known.restore(old, made)
    for number, (new, before) in enumerate(
        zip(sample_planes(made), sample_planes(old), strict=True)
    ):
        down, across = HEIGHT // new.shape[0], WIDTH // new.shape[1]
        touched = np.zeros(new.shape, bool)
        for row, column in np.argwhere(hole()):
            touched[row // down, column // across] = True
        assert (new[touched] == 7).all(), number
        assert np.array_equal(new[~touched], before[~touched]), number
        assert (before[touched] != 7).any()


@pytest.mark.parametrize(
    ("turn", "is_mirrored"), [(90, False), (180, False), (270, False), (0, True)]
)
def test_samples_are_turned_as_pictures_are(tmp_path: Path, turn: int, is_mirrored: bool) -> None:
    recipe = Recipe(pixel_format="yuv444p", rotation_ccw=turn, is_mirrored=is_mirrored)
    path = clip(tmp_path / "a.mp4", recipe)
    info, old = decoded(path)
    assert (info.rotation_deg, info.is_mirrored) != (0, False)
    missing = hole(info.size)
    known = KnownSamples(info, missing, "yuv444p", info.color)
    assert known.are_kept
    made = grey("yuv444p", info.size)
    known.restore(old, made)
    with open_video(path) as reader:
        expected = next(iter(reader)).image
    made.colorspace, made.color_range = old.colorspace, old.color_range
    shown = PictureDecoder().tensor(made)
    difference = (shown - expected).abs().numpy()
    assert difference[:, ~missing].max() < 1e-5  # sums of floats in another order
    assert difference[:, missing].max() > 0.1


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv422p"])
@pytest.mark.parametrize(("turn", "is_mirrored"), [(90, False), (180, False), (0, True)])
def test_chroma_of_half_the_resolution_is_not_moved_off_its_place(
    tmp_path: Path, pixel_format: str, turn: int, is_mirrored: bool
) -> None:
    recipe = Recipe(pixel_format=pixel_format, rotation_ccw=turn, is_mirrored=is_mirrored)
    info, old = decoded(clip(tmp_path / "a.mp4", recipe))
    missing = hole(info.size)
    known = KnownSamples(info, missing, pixel_format, info.color)
    assert not known.are_kept
    made = grey(pixel_format, info.size)
    retouch = known.restorer(old)
    assert retouch is not None
    retouch(made)
    luma, *chroma = sample_planes(made)
    turned = np.rot90(sample_planes(old)[0], -info.rotation_deg // 90)
    turned = turned[:, ::-1] if info.is_mirrored else turned
    assert np.array_equal(luma[~missing], turned[~missing])
    assert all((plane == 7).all() for plane in chroma)


def test_chroma_of_fields_is_left(tmp_path: Path) -> None:
    info = replace(decoded(clip(tmp_path / "a.mp4"))[0], is_interlaced=True)
    assert not KnownSamples(info, hole(), "yuv420p", info.color).are_kept
    full = replace(info, pixel_format="yuv444p")
    assert KnownSamples(full, hole(), "yuv444p", info.color).are_kept


def test_samples_that_mean_something_else_are_left(tmp_path: Path) -> None:
    info, old = decoded(clip(tmp_path / "a.mp4"))
    for pixel_format, color in (
        ("yuv444p", info.color),
        ("yuv420p", ColorTags(range=LIMITED, matrix=BT709)),
        ("yuv420p", ColorTags(range=FULL)),
    ):
        known = KnownSamples(info, hole(), pixel_format, color)
        assert not known.are_kept
        assert known.restorer(old) is None
    assert KnownSamples(info, hole(), "yuv420p", info.color).restorer(old) is not None


def test_interleaved_samples_are_left(tmp_path: Path) -> None:
    info = replace(decoded(clip(tmp_path / "a.mp4"))[0], pixel_format="nv12")
    assert not KnownSamples(info, hole(), "nv12", info.color).are_kept
