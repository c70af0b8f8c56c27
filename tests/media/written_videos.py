"""Videos that the writer writes, to be read again, and how far they are from the truth."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from made_videos import smooth_picture
from torch import Tensor

from predictor.media.encoding import EncodingOptions, VideoWriter
from predictor.media.folder import pictures_info
from predictor.media.info import VideoInfo
from predictor.media.video import Frame, open_video, probe

NTSC = Fraction(30000, 1001)
SIZE = (48, 64)
PLAIN = replace(
    pictures_info(Path("source"), SIZE, NTSC, 12),
    pixel_format="yuv420p",
    duration_s=None,
    frame_count=None,
)


def written(
    path: Path,
    like: VideoInfo,
    count: int = 12,
    options: EncodingOptions | None = None,
    times: Sequence[Fraction] | None = None,
    size: tuple[int, int] = SIZE,
) -> tuple[VideoInfo, list[Frame]]:
    """Write moving pictures, return what a reader finds."""
    with VideoWriter(path, like, size, options=options) as writer:
        for number in range(count):
            time = number / like.average_rate if times is None else times[number]
            writer.write(smooth_picture(number, *size), time)
    info = probe(path)
    with open_video(path) as reader:
        frames = list(reader)
        assert reader.truncated is None
    assert writer.codec == info.codec
    return info, frames


def mean_error(frames: Sequence[Frame], pictures: Sequence[Tensor]) -> float:
    """Return the largest over frames of the mean error in 8-bit levels."""
    return max(
        (frame.image - picture).abs().mean().item() * 127.5
        for frame, picture in zip(frames, pictures, strict=True)
    )


def moving(count: int, size: tuple[int, int] = SIZE) -> list[Tensor]:
    return [smooth_picture(number, *size) for number in range(count)]
