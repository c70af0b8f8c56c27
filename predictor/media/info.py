"""The properties of a video file, from its header, its first packets and its first picture."""

import itertools
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from statistics import median_low
from typing import cast

import av
from av.buffer import Buffer
from av.container import InputContainer
from av.video.stream import VideoStream

from predictor.errors import UnreadableVideo
from predictor.media.colour import ColorTags, bit_depth, has_alpha
from predictor.media.hdr import HdrMetadata, hdr_metadata
from predictor.media.opening import opened, read_packets, video_stream

ASPECT_IN_WORDS = "pixel aspect"
_SAMPLED_PACKETS = 240
_PROGRESSIVE_ORDERS = (0, 1)  # AVFieldOrder: unknown, progressive


@dataclass(frozen=True)
class VideoInfo:
    """The properties of a video; `width` and `height` are those after turning by `rotation_deg`.

    Pictures are turned clockwise, then mirrored left to right where `is_mirrored`; readers do
    both. They are not resampled to square pixels: `sample_aspect_ratio` (width to height of a
    pixel, after turning) is carried. `frame_count` and `duration_s` are what the container says.
    `start_time` is the time of the first picture; all times are on the file's own timeline.
    `stream_index` is the stream that is read; `codec` is ``images`` for a folder of pictures.
    """

    path: Path
    container: str
    codec: str
    profile: str | None
    pixel_format: str
    bit_depth: int
    width: int
    height: int
    rotation_deg: int
    is_mirrored: bool
    sample_aspect_ratio: Fraction
    average_rate: Fraction
    time_base: Fraction
    start_time: Fraction
    duration_s: float | None
    frame_count: int | None
    is_variable_rate: bool
    is_interlaced: bool
    has_alpha: bool
    color: ColorTags
    hdr: HdrMetadata | None = None
    stream_index: int = 0
    audio_count: int = 0
    subtitle_count: int = 0
    chapter_count: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """``(height, width)`` as displayed."""
        return self.height, self.width

    @property
    def coded_size(self) -> tuple[int, int]:
        """``(height, width)`` as decoded, before turning."""
        return (self.width, self.height) if self.rotation_deg % 180 else self.size


def file_info(path: Path) -> VideoInfo:
    """Return what the file at `path` says, after decoding its first picture.

    Raises `UnreadableVideo` where there is no picture to decode.
    """
    with opened(path) as container:
        stream = video_stream(container, path)
        frame, times = _first_picture(container, stream, path)
        context = stream.codec_context
        rotation_deg, is_mirrored = _orientation(frame)
        height, width = frame.height, frame.width
        ratio = pixel_aspect(stream)
        if rotation_deg % 180:
            height, width, ratio = width, height, 1 / ratio
        time_base = Fraction(stream.time_base or Fraction(1, 1000))
        rate = _average_rate(stream, times, time_base)
        codec = stream.codec.canonical_name  # not that of the decoder, such as libdav1d
        start = frame.pts
        if start is None or not has_presentation_times(container.format.name, codec):
            start = min(times, default=0)
        pixel_format = frame.format.name
        duration_s = None
        if stream.duration:
            duration_s = float(stream.duration * time_base)
        elif container.duration:
            duration_s = container.duration / av.time_base
        return VideoInfo(
            path=path,
            container=container.format.name,
            codec=codec,
            profile=stream.profile,
            pixel_format=pixel_format,
            bit_depth=bit_depth(pixel_format),
            width=width,
            height=height,
            rotation_deg=rotation_deg,
            is_mirrored=is_mirrored,
            sample_aspect_ratio=ratio,
            average_rate=rate,
            time_base=time_base,
            start_time=start * time_base,
            duration_s=duration_s,
            frame_count=stream.frames or None,
            is_variable_rate=_is_variable(times, time_base, rate),
            is_interlaced=bool(
                frame.interlaced_frame or context.field_order not in _PROGRESSIVE_ORDERS
            ),
            has_alpha=_has_alpha(stream, frame),
            color=ColorTags(
                frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc
            ),
            hdr=hdr_metadata(frame),
            stream_index=stream.index,
            audio_count=len(container.streams.audio),
            subtitle_count=len(container.streams.subtitles),
            chapter_count=len(container.chapters()),
        )


def pixel_aspect(stream: VideoStream) -> Fraction:
    """Return the width of a pixel to its height, before turning, as players take it to be.

    The container's comes before that of the codec: decoders of AV1 say 1 for what they do not know.
    """
    ratio = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    return Fraction(ratio or 1)


def is_aspect_near(found: Fraction, expected: Fraction) -> bool:
    """Whether two pixel aspects look alike: some formats round them."""
    return abs(found / expected - 1) < Fraction(1, 100)


def has_presentation_times(container: str, codec: str) -> bool:
    """Whether packets say when they are shown; those in AVI have decoding times only.

    For older codecs FFmpeg derives the presentation times. For H.264 and HEVC in AVI it derives
    wrong ones: the decoding times must be handed out to the pictures in the order they are shown.
    """
    return container != "avi" or codec not in ("h264", "hevc")


def has_swapped_times(container: str, codec: str) -> bool:
    """Whether the times of pictures may be swapped with those of their neighbours.

    For MPEG-4 in AVI FFmpeg derives times from the kind of the first picture in each packet. DivX
    and Xvid put a B-frame into the packet of the picture before, and an empty one in its place.
    """
    return container == "avi" and codec == "mpeg4"


def _first_picture(
    container: InputContainer, stream: VideoStream, path: Path
) -> tuple[av.VideoFrame, list[int]]:
    """Return the first picture, and the times of the first packets in presentation order."""
    stream.thread_type = "SLICE"  # frame threads would wait for many packets before one picture
    first: av.VideoFrame | None = None
    times = []
    errors: list[str] = []
    has_times = has_presentation_times(container.format.name, stream.codec.canonical_name)
    packets = read_packets(container, stream)
    while True:
        try:
            packet = next(packets)
            if first is None:
                first = next(iter(packet.decode()), None)
        except StopIteration:
            break
        except (av.FFmpegError, OSError) as error:
            errors.append(str(error.strerror))
            if len(errors) > _SAMPLED_PACKETS or isinstance(error, av.EOFError):
                break
            continue
        time = packet.dts if packet.pts is None or not has_times else packet.pts
        if time is not None:
            times.append(time)
        if len(times) >= _SAMPLED_PACKETS and first is not None:
            break
    if first is None:
        why = f": {errors[0]}" if errors else ""
        raise UnreadableVideo(f"{path} has a video stream without a picture to decode{why}")
    return first, sorted(times)


def _average_rate(stream: VideoStream, times: list[int], time_base: Fraction) -> Fraction:
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate:
            return Fraction(rate)
    if len(times) > 1 and times[-1] > times[0]:
        return (len(times) - 1) / ((times[-1] - times[0]) * time_base)
    return Fraction(25)


def _is_variable(times: list[int], time_base: Fraction, rate: Fraction) -> bool:
    """Whether the pictures are not evenly spaced, beyond the rounding of the time stamps.

    Judged from the first packets, and from the average rate of the whole file against theirs.
    """
    gaps = [after - before for before, after in itertools.pairwise(times)]
    if len(times) >= _SAMPLED_PACKETS:
        gaps = gaps[:-16]  # packets come in decoding order: some times near the end are missing
    if len(gaps) < 2:
        return False
    unit = math.gcd(*gaps)  # muxers may store the times of a coarse clock in finer ticks
    gaps = [gap // unit for gap in gaps]
    smallest = min(gaps)
    rounding = 2 if smallest >= 8 else min(1, smallest - 1)
    if max(gaps) - smallest > rounding:
        return True
    if max(gaps) == 1:  # evenly spaced here: variable if the rate of the whole file is another
        return abs(unit * time_base * rate - 1) > Fraction(1, 50)
    usual = median_low(gaps) * unit * time_base
    return abs(usual * rate - 1) > Fraction(1, 50) and abs(usual - 1 / rate) > 2 * unit * time_base


def _orientation(frame: av.VideoFrame) -> tuple[int, bool]:
    """Return the clockwise rotation in degrees and whether a left-right mirroring follows it.

    Only quarter turns exist here; any other display matrix is left alone.
    """
    try:
        side_data = cast(Mapping[str, Buffer], frame.side_data)
        matrix = side_data.get("DISPLAYMATRIX")
    except ValueError:  # a kind of side data that this version of the library does not know
        return -round(frame.rotation / 90) * 90 % 360, False
    if matrix is None:
        return 0, False
    a, b, _, c, d = struct.unpack("=9i", bytes(matrix))[:5]
    signs = tuple((value > 0) - (value < 0) for value in (a, b, c, d))
    clockwise = {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}
    for rotation_deg, (right_x, right_y, down_x, down_y) in clockwise.items():
        if signs == (right_x, right_y, down_x, down_y):
            return rotation_deg, False
        if signs == (-right_x, right_y, -down_x, down_y):
            return rotation_deg, True
    return 0, False


def _has_alpha(stream: VideoStream, frame: av.VideoFrame) -> bool:
    if stream.metadata.get("alpha_mode") == "1":  # WebM keeps alpha beside the picture
        return True
    if not has_alpha(frame.format.name):
        return False
    if stream.codec_context.name != "gif":
        return True
    # Every GIF decodes to four channels; only one with holes has transparency.
    return bool((frame.to_ndarray(format="rgba")[..., 3] < 255).any())
