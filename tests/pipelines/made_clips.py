"""Real files whose next frame is known: a texture that moves by the same step every frame."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipelines.frames.prediction import NextFrames

HEIGHT, WIDTH = 64, 96
STEP_PX = 2
"""How far to the right the texture moves in a frame; it comes back on the left."""

Picture = NDArray[np.uint8]


class RollingPredictor:
    """Knows how the texture moves, so that its predictions are exact."""

    def __init__(self, context_frames: int = 4) -> None:
        self.context_frames = context_frames
        self.lengths: list[int] = []
        """Frames of each clip that was to be continued."""

    def predict(self, clip: Tensor, count: int) -> Tensor:
        """Roll the last frame on."""
        assert clip.shape[1] >= 2
        self.lengths.append(clip.shape[1])
        last = clip[:, -1]
        return torch.stack([torch.roll(last, STEP_PX * (k + 1), -1) for k in range(count)], 1)


def rolling(context_frames: int = 4, horizon: int | None = None) -> NextFrames:
    """Return a model that predicts the made clips exactly."""
    return NextFrames(RollingPredictor(context_frames), "rolling", horizon)


def pictures(count: int, seed: int = 0, first: int = 0) -> list[Picture]:
    """Return frames `first`... of the moving texture with that seed, ``(H, W, 3)`` RGB."""
    noise = np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(np.tile(noise, (3, 3, 1)), (0, 0), 6)[HEIGHT:-HEIGHT, WIDTH:-WIDTH]
    texture = cv2.normalize(smooth, None, 20, 235, cv2.NORM_MINMAX).astype(np.uint8)
    return [np.roll(texture, STEP_PX * k, axis=1) for k in range(first, first + count)]


def write_clip(
    path: Path,
    frames: Sequence[Picture],
    rate: Fraction = Fraction(25),
    times: Sequence[Fraction] | None = None,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    has_audio: bool = False,
    pixel_format: str = "yuv420p",
) -> Path:
    """Write a video of `frames`; `times` in seconds make its rate variable."""
    with av.open(str(path), "w", options=options or {}) as container:
        height, width = frames[0].shape[:2]
        encoder_options = {"crf": "12", "g": "10"} if codec == "libx264" else {}
        stream = container.add_stream(codec, rate=rate, options=encoder_options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
        stream.codec_context.time_base = 1 / rate if times is None else Fraction(1, 90000)
        sound = container.add_stream("aac", rate=48000, layout="mono") if has_audio else None
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            time = number / rate if times is None else times[number]
            frame.pts = round(time / stream.codec_context.time_base)
            frame.time_base = stream.codec_context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            assert isinstance(sound, av.AudioStream)
            wave = np.sin(np.arange(48000 * len(frames) // int(rate)) / 20).astype(np.float32)
            for start in range(0, len(wave) - 1023, 1024):
                samples = av.AudioFrame.from_ndarray(
                    wave[None, start : start + 1024], "fltp", "mono"
                )
                samples.rate, samples.pts = 48000, start
                container.mux(sound.encode(samples))
            container.mux(sound.encode(None))
    return path


def write_images(folder: Path, frames: Sequence[Picture]) -> Path:
    """Write `frames` as numbered PNGs in `folder`."""
    folder.mkdir(parents=True)
    for number, picture in enumerate(frames):
        cv2.imwrite(str(folder / f"{number:04d}.png"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return folder


def decoded(path: Path) -> tuple[list[Picture], list[Fraction]]:
    """Return all frames of a video and their times, by a decoder that is not the tool's."""
    shown, times = [], []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            shown.append(frame.to_ndarray(format="rgb24"))
            assert frame.pts is not None
            assert frame.time_base is not None
            times.append(frame.pts * frame.time_base)
    return shown, times


def psnr(first: Picture, second: Picture) -> float:
    """Return the peak signal-to-noise ratio in dB."""
    error = np.mean((first.astype(float) - second.astype(float)) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-3)))
