"""The source's video with predicted frames appended, copied wherever that is exact."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

import av
import numpy as np
import torch
from av.container import InputContainer, OutputContainer
from av.error import ArgumentError, InvalidDataError
from torch import Tensor

from pipelines.appending.joins import AnyPacket
from pipelines.appending.packet_times import demuxed
from pipelines.appending.reencoding import Reencoding
from pipelines.appending.seam import Seam, found_seam, frames_again, hdr_at, seam_fault
from pipelines.appending.stream_copy import (
    StreamCopy,
    clock_start,
    created,
    is_same_framing,
)
from pipelines.appending.tail import NotCopyableError, TailEncoder, VideoPacket
from predictor.media.codecs import codecs_of
from predictor.media.colour import PictureDecoder, PictureEncoder
from predictor.media.encoders import encoder_for
from predictor.media.encoding import EncodingOptions
from predictor.media.hdr import HDR_IN_WORDS
from predictor.media.info import ASPECT_IN_WORDS, VideoInfo, is_aspect_near
from predictor.media.known_samples import KnownSamples
from predictor.media.opening import opened, video_stream
from predictor.media.video import open_video, probe

TimedImage = tuple[Tensor, Fraction]


@dataclass(frozen=True)
class AppendReport:
    """How frames were appended. `reason` says in words why packets were copied or not."""

    packet_copied: bool
    reason: str
    frames_kept: int
    frames_added: int
    frames_encoded_again: int
    """Source frames among the kept that were not copied: all, or those at a cut."""
    dropped: tuple[str, ...]
    truncated: str | None = None
    """What was wrong with a source that was decoded whole, in words."""
    start: Fraction = Fraction(0)
    """The time on the source's clock that is 0 in the output, in seconds."""
    is_exact: bool = False
    """Whether a source that was encoded again without loss has kept every sample."""


def append_frames(
    source: Path,
    destination: Path,
    predicted: Iterable[TimedImage],
    options: EncodingOptions | None = None,
    cut_after: Fraction | None = None,
) -> AppendReport:
    """Write to `destination` the video `source` followed by the `predicted` frames.

    `predicted` gives images ``(3, H, W)`` in [-1, 1], upright, and their rising times in seconds on
    the source's timeline. With `cut_after` the source ends with the last frame shown at or before
    that time, and the other streams end where the first predicted frame begins.

    The source's packets are copied if what was written decodes exactly around the seam. Otherwise,
    and where `options` ask for an encoding, the whole video is encoded once, from the samples of
    the source where the encoding has the same pixel format and colours, and only the other streams
    are copied. `destination` is a path from `atomic_output`. Raises `UnreadableVideo`,
    `UnsupportedCodec` and the errors of the file system.
    """
    info = probe(source)
    frames = _Predicted(predicted)
    until = None if cut_after is None else frames.begin()
    try:
        _require_copyable(info, options)
        return _copied(info, destination, frames, cut_after, until)
    except NotCopyableError as refusal:
        reason = str(refusal)
    return _encoded(info, destination, frames, options or EncodingOptions(), cut_after, reason)


class _Predicted:
    """An iterator of predicted frames into which frames can be put back."""

    def __init__(self, frames: Iterable[TimedImage]) -> None:
        self._frames = iter(frames)

    def __iter__(self) -> Iterator[TimedImage]:
        return self

    def __next__(self) -> TimedImage:
        return next(self._frames)

    def begin(self) -> Fraction | None:
        """Return when the next frame begins, None where there is none."""
        first = next(self._frames, None)
        if first is None:
            return None
        self.put_back([first])
        return first[1]

    def put_back(self, frames: Iterable[TimedImage]) -> None:
        """Let `frames` come next."""
        self._frames = chain(frames, self._frames)


def _require_copyable(info: VideoInfo, options: EncodingOptions | None) -> None:
    if info.path.is_dir():
        raise NotCopyableError("the source is a folder of images")
    if options not in (None, EncodingOptions()):
        raise NotCopyableError("options for the encoding were given")
    if info.has_alpha:
        raise NotCopyableError("it has transparency, which predicted frames have not")


def _copied(
    info: VideoInfo,
    destination: Path,
    predicted: _Predicted,
    cut_after: Fraction | None,
    until: Fraction | None,
) -> AppendReport:
    """Write the source's packets and the tail; raises `NotCopyableError` where that is not exact.

    When it raises, no predicted frame is lost: those that were encoded are decoded and put back.
    """
    with opened(info.path) as container:
        stream = video_stream(container, info.path)
        tail = TailEncoder(stream, info.color, info.hdr)
        begin = predicted.begin()
        seam = found_seam(info.path, cut_after)
        if begin is not None and seam.last_pts * info.time_base >= begin:
            # The end of the file did not decode, so that the prediction begins before it.
            seam = found_seam(info.path, begin - info.time_base)
        with created(destination) as output:
            _require_same_framing(container, output, info)
            start = clock_start(info, output)
            copy = StreamCopy(container, output, until=until, start=start)
            if stream.index not in copy.sources:
                raise NotCopyableError(f"{output.format.name} cannot store {info.codec}")
            video = copy.copy_of(stream)
            if tail.header is not None:
                video.codec_context.extradata = tail.header
            kept, delay = _copied_packets(container, copy, stream, seam)
            added, end = 0, Fraction(0)
            again = frames_again(info.path, seam, info.time_base)
            for tail_packet in _tail_packets(info, tail, again, predicted):
                tail_packet.stream = video
                tail_packet.pts = (tail_packet.pts or 0) - round(start / info.time_base)
                tail_packet.dts = tail_packet.pts - delay
                end = (tail_packet.pts + (tail_packet.duration or 0)) * info.time_base
                output.mux(tail_packet)
                added += 1
            copy.lengthen(end)
    fault = seam_fault(info.path, destination, seam, tail, start)
    if fault is not None:
        predicted.put_back(_images(info, tail, skipped=len(seam.again)))
        raise NotCopyableError(f"the join does not decode exactly: {fault}")
    return AppendReport(
        packet_copied=True,
        reason="the join decodes exactly",
        frames_kept=kept + len(seam.again),
        frames_added=added - len(seam.again),
        frames_encoded_again=len(seam.again),
        dropped=(*copy.dropped, *_lost(info, destination, tail.begin - start)),
        start=start,
    )


def _lost(info: VideoInfo, destination: Path, begin: Fraction) -> Iterator[str]:
    """Yield in words what a player does not get, of HDR metadata one that starts at the tail."""
    aspect = info.sample_aspect_ratio
    if aspect != 1 and not is_aspect_near(probe(destination).sample_aspect_ratio, aspect):
        yield ASPECT_IN_WORDS
    if info.hdr is not None and hdr_at(destination, begin) != info.hdr:
        yield f"{HDR_IN_WORDS} of the new frames"


def _require_same_framing(
    container: InputContainer, output: OutputContainer, info: VideoInfo
) -> None:
    """Raise where the output's container cannot take the source's packets as they are."""
    if info.codec not in codecs_of(output.format.name):
        raise NotCopyableError(f"{output.format.name} cannot store {info.codec}")
    if info.codec in ("h264", "hevc") and not is_same_framing(container, output):
        raise NotCopyableError(
            f"the container {output.format.name} stores {info.codec} in another form"
        )


def _copied_packets(
    container: InputContainer, copy: StreamCopy, stream: av.VideoStream, seam: Seam
) -> tuple[int, int]:
    """Copy what comes before the seam.

    Returns how many frames that shows, and by how many ticks the last frame is decoded before it
    is shown. The tail keeps that delay; otherwise the video would seem longer than it is.
    """
    shown, is_before_seam, last_dts = 0, True, seam.last_pts
    try:
        for packet in demuxed(container, [container.streams[index] for index in copy.sources]):
            if packet.stream.index == stream.index:
                is_before_seam = is_before_seam and packet.pts != seam.stop_pts
                if not is_before_seam:
                    continue
                if packet.is_discard and shown:
                    raise NotCopyableError("its edit list leaves out frames in the middle")
                shown += not packet.is_discard and _is_shown(packet, stream)
                last_dts = seam.last_pts if packet.dts is None else packet.dts
            copy.write(packet)
    except (ArgumentError, InvalidDataError) as error:
        raise NotCopyableError(f"its packets cannot be stored again: {error.strerror}") from error
    return shown, max(0, seam.last_pts - last_dts)


def _is_shown(packet: AnyPacket, stream: av.VideoStream) -> bool:
    """Return whether a packet shows a frame: VP8 also has frames that are only referred to.

    Source: RFC 6386 section 9.1, the show_frame bit.
    """
    begin = bytes(packet)[:1]
    return stream.codec.canonical_name != "vp8" or not begin or bool(begin[0] >> 4 & 1)


def _tail_packets(
    info: VideoInfo,
    tail: TailEncoder,
    again: Iterable[tuple[Fraction, av.VideoFrame]],
    predicted: Iterable[TimedImage],
) -> Iterator[VideoPacket]:
    chroma_is_left = encoder_for(info.codec).has_left_chroma
    pictures = PictureEncoder(info.coded_size, info.pixel_format, info.color, chroma_is_left)
    times: list[Fraction] = []
    for time, frame in again:
        times.append(time)
        yield from tail.encoded(frame, time)
    for image, time in predicted:
        times = [*times[-1:], time]
        yield from tail.encoded(pictures.frame(_as_coded(image, info)), time)
    if times:
        yield from tail.finished(times[-1] - times[-2] if times[1:] else 1 / info.average_rate)


def _as_coded(image: Tensor, info: VideoInfo) -> Tensor:
    """Return an upright image as the stream stores it: the inverse of what readers do."""
    if info.is_mirrored:
        image = image.flip(-1)
    return torch.rot90(image, info.rotation_deg // 90, (-2, -1))


def _images(info: VideoInfo, tail: TailEncoder, skipped: int) -> Iterator[TimedImage]:
    """Yield the frames of the tail from number `skipped` on, as they decode."""
    pictures = PictureDecoder(info.rotation_deg, info.is_mirrored)
    for frame, pts in islice(tail.decoded(), skipped, None):
        yield pictures.tensor(frame), pts * info.time_base


def _encoded(
    info: VideoInfo,
    destination: Path,
    predicted: _Predicted,
    options: EncodingOptions,
    cut_after: Fraction | None,
    reason: str,
) -> AppendReport:
    """Encode source and predicted frames as one video and copy the other streams beside it."""
    until = None if cut_after is None else predicted.begin()
    kept = added = 0
    with (
        open_video(info.path, info=info) as reader,
        Reencoding(info, destination, options, until) as video,
    ):
        nowhere = np.zeros(info.size, np.bool_)
        known = KnownSamples(info, nowhere, video.writer.pixel_format, video.writer.color)
        for frame in reader:
            if cut_after is not None and frame.time > cut_after:
                break
            video.write(frame.image, frame.time, frame.duration, known.restorer(frame.coded))
            kept += 1
        for image, time in predicted:
            video.write(image, time)
            added += 1
        truncated = reader.truncated
    return AppendReport(
        packet_copied=False,
        reason=reason,
        frames_kept=kept,
        frames_added=added,
        frames_encoded_again=kept,
        dropped=video.dropped,
        truncated=truncated,
        start=video.start,
        is_exact=options.lossless and known.are_kept,
    )
