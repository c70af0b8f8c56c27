"""Evaluation windows: where they lie, and that their pixels are those of a plain decode."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from synthetic_videos import moving_square, texture, write_video

from predictor.data import evaluation_windows, index_videos
from predictor.errors import UnusableData
from predictor.media.colour import PictureDecoder


def starts(folder: Path, **options: int) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for item in evaluation_windows(index_videos(folder), **options):
        found.setdefault(item["name"], []).append(item["start"])
    return found


def test_windows_are_evenly_spaced_from_the_first_frame_to_the_last(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", moving_square(56))
    write_video(tmp_path / "b.mp4", moving_square(18))
    write_video(tmp_path / "c.mp4", moving_square(15))
    assert starts(tmp_path) == {"a.mp4": [0, 10, 20, 30, 40], "b.mp4": [0, 1, 2]}


def test_no_window_holds_a_cut(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", moving_square(20, seed=1) + moving_square(20, seed=2))
    found = starts(tmp_path)["a.mp4"]
    assert len(found) == 5
    assert all(start + 16 <= 20 or start >= 20 for start in found)
    assert (min(found), max(found)) == (0, 24)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "avi"])
@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_pixels_are_those_of_a_plain_decode(tmp_path: Path, suffix: str, codec: str) -> None:
    """Seeking, B-frames and skipped frames must not change or shift anything."""
    frames = moving_square(70, seed=1, step=3)
    path = write_video(tmp_path / f"a.{suffix}", frames, codec=codec, group=12, lossless=False)
    decoder = PictureDecoder()
    with av.open(str(path)) as container:
        plain = torch.stack([decoder.tensor(frame) for frame in container.decode(video=0)])
    windows = evaluation_windows(index_videos(tmp_path), per_clip=9, context=3, targets=2)
    assert len(windows) == 9
    for item in windows:
        expected = plain[item["start"] : item["start"] + 5]
        torch.testing.assert_close(item["clip"], expected, rtol=0, atol=1.001 / 255)


def test_rotated_videos_are_upright(tmp_path: Path) -> None:
    picture = np.full((64, 96, 3), 40, dtype=np.uint8)
    picture[:16, :16] = 240
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        stream.set_display_rotation(90)
        for number in range(6):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    index = index_videos(tmp_path)
    assert index.videos[0].size == (96, 64)
    clip = evaluation_windows(index, context=3, targets=1)[0]["clip"]
    assert clip.shape[-2:] == (96, 64)
    with av.open(str(path)) as container:
        turned = next(container.decode(video=0)).rotation
    corner = {90: clip[0, :, -8, 8], -90: clip[0, :, 8, -8]}[turned]
    assert float(corner.min()) > 0.7


def test_footage_that_is_too_short_is_unusable(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", [texture(1)] * 8)
    with pytest.raises(UnusableData, match="no 16 successive frames"):
        evaluation_windows(index_videos(tmp_path))
