"""Videos made with PyAV alone, so that reading is tested against something else than our writer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from predictor.media.video import Frame

HEIGHT, WIDTH = 48, 64


def smooth_picture(number: int, height: int = HEIGHT, width: int = WIDTH) -> Tensor:
    """Return a colourful picture ``(3, H, W)`` in [-0.8, 0.8] that moves with `number`."""
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    red = torch.sin(6 * x + 0.3 * number)
    green = torch.cos(5 * y + 0.2 * number)
    blue = torch.sin(4 * (x + y) - 0.1 * number)
    return 0.8 * torch.stack([red, green, blue])


def grey_of(number: int) -> int:
    """Return the grey level that marks picture `number`, well apart from its neighbours."""
    return 20 + number * 37 % 200


def marked_picture(number: int, height: int = HEIGHT, width: int = WIDTH) -> NDArray[np.uint8]:
    """Return flat grey RGB ``(H, W, 3)`` whose level tells `number`."""
    return np.full((height, width, 3), grey_of(number), np.uint8)


def textured_picture(number: int) -> NDArray[np.uint8]:
    """Return a picture of level ``20 + 5 * number`` with a texture that moves to the left.

    There is no cut in sight, so encoders predict each picture from others, as in real footage.
    """
    texture = np.random.default_rng(0).integers(-12, 13, (HEIGHT, WIDTH + 100, 1))
    moved = texture[:, number : number + WIDTH]
    levels = moved - round(moved.mean()) + 20 + 5 * number
    return levels.clip(0, 255).astype(np.uint8).repeat(3, axis=2)


def marks(images: Sequence[Tensor]) -> list[int]:
    """Return the mean level, 0 to 255, of each picture."""
    return [round((image.mean().item() + 1) * 127.5) for image in images]


def assert_marked(frames: Sequence[Frame], numbers: range) -> None:
    """Assert that `frames` are the marked pictures of these numbers."""
    found = marks([frame.image for frame in frames])
    expected = [grey_of(number) for number in numbers]
    assert len(found) == len(expected)
    assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) <= 2


@dataclass(frozen=True)
class Recipe:
    """How `write_video` encodes; `times` are in ticks of `time_base`, by default one a picture."""

    codec: str = "libx264"
    options: Mapping[str, str] = field(default_factory=lambda: {"qp": "0"})
    pixel_format: str = "yuv420p"
    rate: Fraction = Fraction(25)
    time_base: Fraction | None = None
    times: Sequence[int] | None = None
    aspect: Fraction = Fraction(1)
    rotation_ccw: int | None = None
    is_mirrored: bool = False
    color: tuple[int, int, int, int] = (0, 2, 2, 2)
    container: str | None = None
    container_options: Mapping[str, str] = field(default_factory=dict)
    has_audio: bool = False


def write_video(
    path: Path, pictures: Sequence[NDArray[np.uint8]], recipe: Recipe | None = None
) -> Path:
    """Write RGB pictures ``(H, W, 3)`` as `recipe` says and return `path`."""
    recipe = recipe or Recipe()
    with av.open(
        str(path), "w", format=recipe.container, container_options=dict(recipe.container_options)
    ) as output:
        stream = output.add_stream(recipe.codec, rate=recipe.rate, options=dict(recipe.options))
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = recipe.pixel_format
        stream.thread_count = 1
        time_base = recipe.time_base or 1 / recipe.rate
        stream.codec_context.time_base = stream.time_base = time_base
        stream.sample_aspect_ratio = recipe.aspect
        if recipe.rotation_ccw is not None:
            stream.set_display_rotation(recipe.rotation_ccw, hflip=recipe.is_mirrored)
        stream.color_range, stream.colorspace = recipe.color[:2]
        stream.color_primaries, stream.color_trc = recipe.color[2:]
        audio = output.add_stream("aac", rate=8000, layout="mono") if recipe.has_audio else None
        for number, pixels in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(
                format=recipe.pixel_format,
                dst_colorspace="ITU601",
                dst_color_range=2 if recipe.color[0] == 2 else 1,
            )
            frame.pts = number if recipe.times is None else recipe.times[number]
            frame.time_base = time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if audio is not None:
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
            silence.sample_rate = 8000
            silence.pts = 0
            output.mux(audio.encode(silence))
            output.mux(audio.encode(None))
    return path


_EMPTY_PICTURE = bytes.fromhex("000001b6504f")  # of MPEG-4, in a clock of up to 32 ticks a second
_VOP = b"\0\0\1\xb6"


def write_packed(path: Path, count: int, b_frames: int) -> Path:
    """Write `count` textured pictures as MPEG-4 in AVI as DivX and Xvid pack it; return `path`.

    A B-frame lies in the packet of the picture before it in decoding order, and an empty picture
    in the packet of the last B-frame in a row.
    """
    quality = {"flags": "+qscale+bitexact", "global_quality": "236", "g": "13"}
    encoder = av.CodecContext.create("mpeg4", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.options = quality | {"bf": str(b_frames)}
    coded: list[bytes] = []
    for number in range(count):
        frame = av.VideoFrame.from_ndarray(textured_picture(number), "rgb24")
        frame.pts, frame.time_base = number, Fraction(1, 25)
        coded += map(bytes, encoder.encode(frame))
    coded += map(bytes, encoder.encode(None))
    packets: list[bytes] = []
    for data, after in zip(coded, [*coded[1:], b""], strict=True):
        if not _is_b_frame(data):
            packets.append(data + (after if _is_b_frame(after) else b""))
        else:
            packets.append(after if _is_b_frame(after) else _EMPTY_PICTURE)
    start = packets[0].index(b"\0\0\1\xb3")  # after the headers, which a reader keeps
    packets[0] = packets[0][:start] + b"\0\0\1\xb2DivX503b1393p" + packets[0][start:]
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number, data in enumerate(packets):
            packet = av.Packet(data)
            packet.pts = packet.dts = number
            packet.time_base, packet.stream = Fraction(1, 25), stream
            packet.is_keyframe = data[data.find(_VOP) + 4] >> 6 == 0
            output.mux(packet)
    return path


def _is_b_frame(data: bytes) -> bool:
    """Whether the first picture in `data` is predicted from both sides: two bits after its code."""
    start = data.find(_VOP)
    return start >= 0 and data[start + 4] >> 6 == 2
