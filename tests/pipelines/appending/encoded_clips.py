"""Small real videos for the tests of copying, made with PyAV."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from predictor.media.video import open_video

HEIGHT, WIDTH = 64, 96
QUIET_HEVC = {"x265-params": "log-level=none"}


def picture(number: int) -> npt.NDArray[np.uint8]:
    """Return a smooth RGB picture ``(H, W, 3)`` that moves with `number`."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    waves = [
        np.sin((columns + 3 * number) / 9) * np.cos(rows / 7),
        np.cos((rows - 2 * number) / 11),
        np.sin((columns + rows + number) / 13),
    ]
    return np.stack([np.rint(127.5 + 100 * wave) for wave in waves], axis=-1).astype(np.uint8)


def image(number: int) -> Tensor:
    """Return the picture as a tensor ``(3, H, W)`` in [-1, 1]."""
    return torch.from_numpy(picture(number)).permute(2, 0, 1).float() / 127.5 - 1


def make_clip(
    path: Path,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    *,
    count: int = 24,
    group: int = 10,
    ticks: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 25),
    options: dict[str, str] | None = None,
    audio: str | None = None,
    rotation_deg: int = 0,
    aspect: Fraction = Fraction(0),
) -> Path:
    """Write a clip of 25 frames a second, or with frames at `ticks`, and return its path.

    With `audio` (a codec), a tone as long as 25 frames a second would be and a chapter.
    """
    with av.open(path, "w") as container:
        video = container.add_stream(codec, rate=25, options=options or {})
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, pixel_format
        video.codec_context.sample_aspect_ratio = aspect  # of a pixel; 0 is unknown
        video.codec_context.time_base, video.gop_size = time_base, group
        video.color_primaries = video.color_trc = video.colorspace = video.color_range = 1
        if rotation_deg:
            video.set_display_rotation(rotation_deg)
        if audio:
            sound = container.add_stream(audio, rate=48000)
            assert isinstance(sound, av.AudioStream)
            times = {"start": 0, "end": 400, "time_base": Fraction(1, 1000)}
            container.set_chapters([{"id": 1, **times, "metadata": {"title": "one"}}])
            container.metadata["title"] = "a clip"
            sound.metadata["language"] = "deu"
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24").reformat(
                format=pixel_format, dst_colorspace="ITU709", dst_color_range="MPEG"
            )
            frame.pts, frame.time_base = ticks[number] if ticks else number, time_base
            container.mux(video.encode(frame))
        if audio:
            for start in range(0, 1920 * count, 960):
                wave = np.sin(np.arange(start, start + 960) / 20).astype(np.float32) / 2
                tone = av.AudioFrame.from_ndarray(wave[None].repeat(2, 0), "fltp", "stereo")
                tone.sample_rate, tone.pts, tone.time_base = 48000, start, Fraction(1, 48000)
                if sound.format.name != "fltp":
                    (tone,) = av.AudioResampler(sound.format.name).resample(tone)
                container.mux(sound.encode(tone))
            container.mux(sound.encode(None))
        container.mux(video.encode(None))
    return path


def decoded(path: Path, thread_type: str | None = None) -> list[tuple[Fraction, bytes]]:
    """Return time and samples of all frames, as any player decodes them from the start."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        if thread_type is not None:
            stream.thread_type = thread_type
        return [
            (frame.pts * stream.time_base, b"".join(_samples(frame)))
            for frame in container.decode(stream)
        ]


def _samples(frame: av.VideoFrame) -> list[bytes]:
    """Return the used bytes of the planes of a frame, planar or of one plane."""
    size = 1 if frame.format.components[0].bits <= 8 else 2
    if len(frame.planes) == 1:
        size = frame.format.padded_bits_per_pixel // 8
    return [
        np.frombuffer(plane, np.uint8)
        .reshape(plane.height, plane.line_size)[:, : plane.width * size]
        .tobytes()
        for plane in frame.planes
    ]


def packets(path: Path, kind: str) -> list[tuple[int | None, int, bytes]]:
    """Return time, duration and content of the packets of the first stream of `kind`."""
    with av.open(path) as container:
        stream = next(stream for stream in container.streams if stream.type == kind)
        return [
            (packet.pts, packet.duration, bytes(packet))
            for packet in container.demux(stream)
            if packet.size
        ]


def predictions(
    source: Path, count: int = 3, after: Fraction | None = None
) -> Iterator[tuple[Tensor, Fraction]]:
    """Yield pictures that follow the source's last, or the last at `after`, 1/25 s apart."""
    times = [time for time, _ in decoded(source) if after is None or time <= after]
    for number in range(count):
        yield image(30 + number), max(times) + (number + 1) * Fraction(1, 25)


def assert_like_predictions(path: Path, count: int, tolerance: float = 0.06) -> None:
    """The last frames read back are the predicted ones, within the codec's loss."""
    with open_video(path) as reader:
        tail = reader.tail(count)
    for number, frame in enumerate(tail):
        error = (frame.image - image(30 + number)).abs().mean()
        assert error < tolerance, f"frame {number} is {error:.3f} off"
