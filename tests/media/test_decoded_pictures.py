"""What pictures of videos look like when they are read: upright, in their own colours, whole."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from made_videos import (
    Recipe,
    assert_marked,
    marked_picture,
    smooth_picture,
    write_video,
)

from predictor.media.colour import FULL, LIMITED
from predictor.media.images import to_uint8
from predictor.media.video import open_video, probe

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("rotation_ccw", "is_mirrored", "turns"),
    [(0, False, 0), (-90, False, 1), (180, False, 2), (90, False, 3), (0, True, 0), (-90, True, 1)],
)
def test_pictures_come_upright(
    tmp_path: Path, rotation_ccw: int, is_mirrored: bool, turns: int
) -> None:
    upright = to_uint8(smooth_picture(0, 48, 64))
    recipe = Recipe(rotation_ccw=rotation_ccw, is_mirrored=is_mirrored, aspect=Fraction(4, 3))
    path = write_video(tmp_path / "phone.mp4", [upright] * 3, recipe)
    with open_video(path) as reader:
        info, image = reader.info, next(iter(reader)).image
    expected = np.rot90(upright, -turns)  # clockwise
    expected = expected[:, ::-1] if is_mirrored else expected
    assert np.abs(to_uint8(image).astype(int) - expected).mean() < 2
    assert (info.rotation_deg, info.is_mirrored) == (turns * 90, is_mirrored)
    assert (info.height, info.width) == info.size == expected.shape[:2]
    assert info.coded_size == (48, 64)
    assert info.sample_aspect_ratio == (Fraction(3, 4) if turns % 2 else Fraction(4, 3))


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_a_rotation_is_what_the_library_says(tmp_path: Path, suffix: str) -> None:
    path = write_video(tmp_path / f"a.{suffix}", [marked_picture(0)] * 2, Recipe(rotation_ccw=-90))
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).rotation == -90
    assert probe(path).rotation_deg == 90


def test_interlaced_is_said(tmp_path: Path) -> None:
    options = {"qp": "0", "flags": "+ildct+ilme"}
    path = write_video(tmp_path / "a.mkv", [marked_picture(0)] * 5, Recipe(options=options))
    assert probe(path).is_interlaced


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("a.mov", Recipe("qtrle", {}, "argb")),
        ("a.mov", Recipe("prores_ks", {}, "yuva444p10le")),
        ("a.webm", Recipe("libvpx-vp9", {"auto-alt-ref": "0"}, "yuva420p")),
    ],
)
def test_alpha_is_said_and_dropped(tmp_path: Path, name: str, recipe: Recipe) -> None:
    path = write_video(tmp_path / name, [marked_picture(n) for n in range(5)], recipe)
    assert probe(path).has_alpha
    with open_video(path) as reader:
        assert_marked(list(reader), range(5))


def test_only_a_gif_with_holes_has_alpha(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "a.gif", [marked_picture(0)] * 3, Recipe("gif", {}, "gray"))
    assert not probe(whole).has_alpha
    import PIL.Image

    holes = PIL.Image.new("RGBA", (16, 16), (255, 0, 0, 255))
    holes.paste((0, 0, 0, 0), (4, 4, 12, 12))
    holes.save(tmp_path / "b.gif", save_all=True, append_images=[holes], transparency=0)
    assert probe(tmp_path / "b.gif").has_alpha


def test_ten_bits_are_decoded_to_more_than_256_levels(tmp_path: Path) -> None:
    path = tmp_path / "deep.mkv"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 876, 4, "yuv444p10le"
        frame = av.VideoFrame(876, 4, "yuv444p10le")
        for plane, row in zip(
            frame.planes, (range(64, 940), [512] * 876, [512] * 876), strict=True
        ):
            rows = np.frombuffer(memoryview(plane), np.uint16).reshape(4, -1)
            rows[:, :876] = row
        frame.pts = 0
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with open_video(path) as reader:
        image = next(iter(reader)).image
    assert reader.info.bit_depth == 10
    expected = (torch.arange(876) / 876 * 2 - 1).expand(3, 4, 876)
    assert (image - expected).abs().max() < 2e-6 * 876


@pytest.mark.parametrize("height", [48, 720])
@pytest.mark.parametrize("color", [(0, 2, 2, 2), (LIMITED, 6, 6, 6), (FULL, 6, 6, 6)])
def test_tagged_and_untagged_colour_is_read_as_it_was_meant(
    tmp_path: Path, height: int, color: tuple[int, int, int, int]
) -> None:
    # The writer here uses BT.601, which is what untagged means below high definition alone.
    picture = smooth_picture(0, height, 64 if height == 48 else 1280)
    path = write_video(
        tmp_path / "a.mkv", [to_uint8(picture)], Recipe("ffv1", {}, "yuv444p", color=color)
    )
    with open_video(path) as reader:
        error = (next(iter(reader)).image - picture).abs().mean().item() * 127.5
    assert (error < 2) == (height == 48 or color[1] == 6)


def test_odd_sizes_are_read(tmp_path: Path) -> None:
    picture = to_uint8(smooth_picture(0, 37, 51))
    path = write_video(tmp_path / "a.mkv", [picture] * 2, Recipe("ffv1", {}))
    with open_video(path) as reader:
        image = next(iter(reader)).image
    assert image.shape == (3, 37, 51)
    assert np.abs(to_uint8(image).astype(int) - picture).mean() < 2
