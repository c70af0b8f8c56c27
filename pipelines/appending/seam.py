"""Find where copying a video's packets can end, and check that what follows decodes exactly."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, zip_longest
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.error import FFmpegError

from pipelines.appending.packet_times import demuxed, presented
from pipelines.appending.tail import NotCopyableError, TailEncoder
from predictor.media.hdr import HdrMetadata, hdr_metadata
from predictor.media.opening import opened, video_stream

_FIRST_STEP_BACK_S = 2


@dataclass(frozen=True)
class Seam:
    """Where the copied packets end; times are in ticks of the source's stream."""

    group_pts: int
    """The last key frame before the seam: a decoder must start there to check it."""
    last_pts: int
    """The last frame, in presentation order, that is copied."""
    stop_pts: int | None
    """The first packet, in decoding order, that is not copied; None copies all."""
    again: frozenset[int]
    """Frames that are kept but come after the seam in decoding order, so they are encoded again."""


@dataclass(frozen=True)
class CodedPacket:
    """When a packet is shown, and whether decoding can begin at it."""

    pts: int
    is_keyframe: bool


def found_seam(source: Path, cut: Fraction | None) -> Seam:
    """Return the seam of a video that is kept up to and including `cut` s, or whole.

    The packets before it, in decoding order, belong only to frames that are kept, and all of these
    are shown before the kept frames that are left. Raises `NotCopyableError` where there is no such
    place, or packets do not say when they are shown.
    """
    for container, stream in _readings(source, cut):
        if container.format.name == "avi" and stream.codec_context.has_b_frames:
            raise NotCopyableError("AVI does not say when its frames are shown")
        last = None if cut is None else int(cut // Fraction(stream.time_base or 1))
        seam = latest_seam(_packets(container, stream, last), last)
        if seam is not None:
            return seam
    raise NotCopyableError("no key frame lies before its end")


def seam_fault(
    source: Path, output: Path, seam: Seam, tail: TailEncoder, start: Fraction = Fraction(0)
) -> str | None:
    """Return how a decode of `output` around the seam differs from what it should be, or None.

    Picture by picture it must equal the source's last group up to the seam, then the tail as
    decoded alone, in samples, colour tags, times (counted from `start` s) and number.
    """
    begin = seam.group_pts * tail.time_base - start
    expected, found = _expected(source, seam, tail), _decoded_from(output, begin)
    try:
        for number, (ours, theirs) in enumerate(zip_longest(expected, found)):
            if ours is None or theirs is None:
                return f"{'more' if ours is None else 'fewer'} frames decode ({number})"
            # Matroska and FLV round times to milliseconds.
            time = ours[0] - start
            if abs(time - theirs[0]) > max(_clock(ours[1]), _clock(theirs[1])) / 2:
                return f"a frame at {float(time):.3f} s moved to {float(theirs[0]):.3f} s"
            if not _is_equal(ours[1], theirs[1]):
                return f"the frame at {float(time):.3f} s changed"
    except FFmpegError as error:
        return f"a picture there does not decode ({error.strerror})"
    except ValueError as error:
        return f"its pictures cannot be compared: {error}"
    return None


def hdr_at(path: Path, time: Fraction) -> HdrMetadata | None:
    """Return the HDR metadata that a decoder finds if it starts at the key frame at `time` s."""
    for container, stream in _readings(path, time):
        time_base = Fraction(stream.time_base or 1)
        has_begun = False
        for packet in presented(container, stream):
            begin = None if packet.pts is None else packet.pts * time_base
            if begin is not None and packet.is_keyframe and abs(begin - time) <= time_base:
                has_begun = True
            for frame in packet.decode() if has_begun else []:
                return hdr_metadata(frame)
    return None


def frames_again(
    source: Path, seam: Seam, time_base: Fraction
) -> Iterator[tuple[Fraction, av.VideoFrame]]:
    """Yield the frames that must be encoded again, decoded, with their times in seconds."""
    remaining = len(seam.again)
    if not remaining:
        return
    for time, frame in _decoded_from(source, seam.group_pts * time_base):
        if frame.pts in seam.again:
            yield time, frame
            remaining -= 1
            if not remaining:
                return
    raise NotCopyableError("frames before the cut do not decode")


def _readings(path: Path, time: Fraction | None) -> Iterator[tuple[InputContainer, av.VideoStream]]:
    """Yield the file opened at `time` s (or its end), then ever earlier, the last at its start.

    For callers who find that a reading began too late: some containers, such as MPEG-TS, seek only
    roughly. MPEG-PS is read from its start, since its times are wrong after seeking.
    """
    step = _FIRST_STEP_BACK_S
    with opened(path) as container:
        stream = video_stream(container, path)
        time_base = Fraction(stream.time_base or 1)
        start = (stream.start_time or 0) * time_base
        target = _end(container, stream) if time is None else time
        if container.format.name == "mpeg":
            target = start
    while target > start:
        with opened(path) as container:
            stream = video_stream(container, path)
            with contextlib.suppress(FFmpegError):  # not seekable: only the start is left
                container.seek(int(target // time_base), stream=stream, backward=True)
                yield container, stream
        target, step = target - step, step * 2
    with opened(path) as container:
        yield container, video_stream(container, path)


def _end(container: InputContainer, stream: av.VideoStream) -> Fraction:
    """Return a time in seconds at or after the last frame, 0 where nothing is known."""
    if stream.duration is not None:
        return ((stream.start_time or 0) + stream.duration) * Fraction(stream.time_base or 1)
    if container.duration is not None:
        return Fraction((container.start_time or 0) + container.duration, av.time_base)
    return Fraction(0)


def _packets(
    container: InputContainer, stream: av.VideoStream, last: int | None
) -> list[CodedPacket]:
    """Return the packets from the next key frame on, in decoding order.

    Reading stops when all further packets are shown after `last`.
    """
    found: list[CodedPacket] = []
    for packet in demuxed(container, [stream]):
        if packet.pts is None or packet.dts is None:
            raise NotCopyableError("its packets do not say when they are shown")
        if found or packet.is_keyframe:
            found.append(CodedPacket(packet.pts, packet.is_keyframe))
            if last is not None and packet.dts > last:
                break
    return found


def latest_seam(packets: list[CodedPacket], last: int | None) -> Seam | None:
    """Return the latest seam in `packets`, or None where it must lie before them."""
    kept = {packet.pts for packet in packets if last is None or packet.pts <= last}
    for stop in range(len(packets), 0, -1):
        copied = [packet.pts for packet in packets[:stop]]
        again = kept.difference(copied)
        if kept.issuperset(copied) and max(copied) < min(again, default=max(copied) + 1):
            groups = [packet.pts for packet in packets[:stop] if packet.is_keyframe]
            return Seam(
                group_pts=groups[-1],
                last_pts=max(copied),
                stop_pts=packets[stop].pts if stop < len(packets) else None,
                again=frozenset(again),
            )
    return None


def _expected(
    source: Path, seam: Seam, tail: TailEncoder
) -> Iterator[tuple[Fraction, av.VideoFrame]]:
    for time, frame in _decoded_from(source, seam.group_pts * tail.time_base):
        if time > seam.last_pts * tail.time_base:
            break
        yield time, frame
    for frame, pts in tail.decoded():
        yield pts * tail.time_base, frame


def _decoded_from(path: Path, begin: Fraction) -> Iterator[tuple[Fraction, av.VideoFrame]]:
    """Yield the frames that are shown at `begin` s or later, with their times."""
    for container, stream in _readings(path, begin):
        rounding = Fraction(stream.time_base or 0) / 2
        frames = _timed_frames(container, stream)
        first = next(frames, None)
        if first is not None and first[0] <= begin + rounding:
            yield from (pair for pair in chain([first], frames) if pair[0] >= begin - rounding)
            return


def _timed_frames(
    container: InputContainer, stream: av.VideoStream
) -> Iterator[tuple[Fraction, av.VideoFrame]]:
    stream.thread_type = "AUTO"
    has_key_frame = False
    for packet in presented(container, stream):
        has_key_frame = has_key_frame or packet.is_keyframe
        for frame in packet.decode() if has_key_frame else []:
            if frame.pts is None:
                raise ValueError("a frame has no time")
            yield frame.pts * Fraction(stream.time_base or 1), frame


def _clock(frame: av.VideoFrame) -> Fraction:
    return Fraction(frame.time_base or 0)


def _is_equal(first: av.VideoFrame, second: av.VideoFrame) -> bool:
    tags = [
        (frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc)
        for frame in (first, second)
    ]
    return (
        (first.format.name, first.width, first.height)
        == (second.format.name, second.width, second.height)
        and tags[0] == tags[1]
        and all(
            np.array_equal(ours, theirs)
            for ours, theirs in zip(_samples(first), _samples(second), strict=True)
        )
    )


def _samples(frame: av.VideoFrame) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the bytes ``(rows, bytes)`` of each plane, without the padding of its rows."""
    shape = frame.format
    widest = max(component.bits for component in shape.components)
    sample_bytes = 1 if widest <= 8 else 2 if widest <= 16 else 4
    is_packed = len(frame.planes) == 1
    for number, plane in enumerate(frame.planes):
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
        if is_packed:
            used = (plane.width * shape.padded_bits_per_pixel + 7) // 8
        else:
            interleaved = 2 if number == 1 and len(frame.planes) == 2 else 1  # NV12 and its like
            used = plane.width * sample_bytes * interleaved
        yield rows[:, :used]
