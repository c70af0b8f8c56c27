"""Small videos whose content is known, written with PyAV."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


def texture(seed: int, height: int = 64, width: int = 96) -> Picture:
    """Return a smooth random colour picture; two seeds have nothing in common."""
    rng = np.random.default_rng(seed)
    coarse = rng.uniform(30, 220, (height // 8 + 2, width // 8 + 2, 3))
    return np.kron(coarse, np.ones((8, 8, 1)))[:height, :width].astype(np.uint8)


def moving_square(
    count: int,
    *,
    step: int = 2,
    seed: int = 0,
    height: int = 64,
    width: int = 96,
    still: bool = False,
) -> list[Picture]:
    """Return frames of a bright square that moves right over a texture, and wraps round."""
    frames = []
    for number in range(count):
        frame = texture(seed, height, width)
        left = 0 if still else number * step % (width - 20)
        frame[height // 4 : height // 4 + 20, left : left + 20] = 250
        frames.append(frame)
    return frames


def panned(
    count: int, step: int, seed: int = 0, height: int = 64, width: int = 96
) -> list[Picture]:
    """Return frames of a view that moves right over a wide texture."""
    wide = texture(seed, height, width + count * step)
    return [wide[:, number * step : number * step + width] for number in range(count)]


def write_video(
    path: Path,
    frames: Sequence[Picture],
    *,
    rate: int = 25,
    codec: str = "libx264",
    group: int = 10,
    times: Iterable[int] | None = None,
    lossless: bool = True,
) -> Path:
    """Write frames; `times` are presentation times in units of 1/600 s."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames[0].shape[:2]
    with av.open(str(path), "w") as container:
        options = {"qp": "0", "bf": "2"} if codec == "libx264" and lossless else {}
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuv444p" if codec == "libx264" else "yuv420p"
        stream.gop_size = group
        stream.codec_context.time_base = Fraction(1, 600)
        stream.time_base = Fraction(1, 600)
        ticks = list(times) if times is not None else [n * 600 // rate for n in range(len(frames))]
        for picture, tick in zip(frames, ticks, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame.pts, frame.time_base = tick, Fraction(1, 600)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
