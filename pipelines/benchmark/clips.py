"""Clips made on the fly to measure speed on: H.264, real motion and occlusion, any length."""

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import torch
from torch import Tensor
from torch.nn import functional

from predictor.media.encoding import EncodingOptions, VideoWriter
from predictor.media.images import write_png
from predictor.media.video import probe

RATE = Fraction(25)
LOOP_S = 10
"""The motion comes back to where it began after this time, so that clips can be repeated."""

_REACH_PX = 48
_GRAIN = 0.015  # deviation, about two of 255 levels


def moving_frames(size: tuple[int, int], count: int) -> Iterator[Tensor]:
    """Yield frames ``(3, H, W)`` in [-1, 1]: a texture in motion, another before it, film grain."""
    height, width = size
    behind = texture((height + 2 * _REACH_PX, width + 2 * _REACH_PX), seed=0)
    before = texture((height // 3, width // 3), seed=1)
    grain = _GRAIN * torch.randn(behind.shape, generator=torch.Generator().manual_seed(2))
    for number in range(count):
        turn = 2 * math.pi * number / float(LOOP_S * RATE)
        down = round(_REACH_PX * (1 + math.sin(3 * turn)))
        right = round(_REACH_PX * (1 + math.cos(5 * turn)))
        frame = behind[:, down : down + height, right : right + width].clone()
        top = round((height - before.shape[1]) * (0.5 + 0.5 * math.sin(2 * turn)))
        left = round((width - before.shape[2]) * (0.5 + 0.5 * math.cos(turn)))
        frame[:, top : top + before.shape[1], left : left + before.shape[2]] = before
        down, right = 31 * number % (2 * _REACH_PX), 17 * number % (2 * _REACH_PX)
        frame += grain[:, down : down + height, right : right + width]
        yield frame.clamp_(-1, 1)


def write_clip(path: Path, size: tuple[int, int], duration_s: int) -> Path:
    """Write an H.264 video of `moving_frames` at 25 frames a second, a key frame every 2 s."""
    loop = min(duration_s, LOOP_S)
    with TemporaryDirectory() as folder:
        write_png(Path(folder) / "000000.png", next(moving_frames(size, 1)))
        like = probe(Path(folder))
        options = EncodingOptions(
            codec="h264", crf=23, encoder_options={"preset": "veryfast", "g": "50"}
        )
        once = Path(folder) / f"once{path.suffix}"
        with VideoWriter(once, like, size, RATE, options) as writer:
            for number, frame in enumerate(moving_frames(size, round(loop * RATE))):
                writer.write(frame, number / RATE)
        copy_repeated(once, path, duration_s // loop)
    return path


def copy_repeated(source: Path, destination: Path, times: int = 1) -> Path:
    """Write the packets of the video `source` `times` times one after another."""
    with av.open(str(destination), "w") as output:
        out_stream = None
        for repeat in range(times):
            with av.open(str(source)) as container:
                stream = container.streams.video[0]
                if out_stream is None:
                    out_stream = output.add_stream_from_template(stream)
                assert stream.time_base is not None
                assert stream.duration is not None
                for packet in container.demux(stream):
                    if packet.dts is None or packet.pts is None:  # the end
                        continue
                    packet.pts += repeat * stream.duration
                    packet.dts += repeat * stream.duration
                    packet.stream = out_stream
                    output.mux(packet)
    return destination


def texture(size: tuple[int, int], seed: int) -> Tensor:
    """Return smooth noise ``(3, H, W)`` with detail at several scales, in [-1, 1]."""
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(1, 3, *size)
    for cell in (64, 16, 6, 2):
        coarse = [max(2, side // cell) for side in size]
        noise = torch.randn(1, 3, *coarse, generator=generator)
        total += (
            functional.interpolate(noise, size, mode="bicubic", align_corners=False) * cell**0.5
        )
    return (total / total.abs().max())[0].clamp(-1, 1)
