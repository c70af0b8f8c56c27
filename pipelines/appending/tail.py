"""Encode a few frames so that they can follow the copied packets of another encoder's video.

The tail has the source's codec, profile, pixel format, size and colour tags, is a closed group of
pictures without reordering, and starts with a picture that resets the decoder. Its parameter sets
have numbers of their own, so that source and tail share one stream header.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, TypeAlias

import av
from av.codec.context import Flags
from av.error import FFmpegError

from pipelines.appending import parameter_sets as sets
from predictor.media.colour import ColorTags
from predictor.media.encoders import encoder_for, joined_options
from predictor.media.hdr import HdrMetadata

VideoPacket: TypeAlias = "av.Packet[Any]"  # the class takes no parameter at run time

_H264_NUMBERS = range(31, 0, -1)  # x264 numbers its sequence sets 0…31
_H264_PROFILES = {
    "Baseline": "baseline",
    "Constrained Baseline": "baseline",
    "Main": "main",
    "High": "high",
    "High 10": "high10",
    "High 4:2:2": "high422",
    "High 4:4:4 Predictive": "high444",
}
_PRORES_PROFILES = ("Proxy", "LT", "Standard", "HQ", "4444", "XQ")  # in the encoder's order
_SELF_DESCRIBED = {"vp8", "vp9", "av1", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg", "prores"}
"""Codecs whose key frames carry all that a decoder needs."""
_DESCRIBED_BY_HEADER = {"ffv1", "huffyuv", "ffvhuff", "png", "rawvideo"}
"""Codecs whose pictures can be decoded only with the header of their own stream."""


class NotCopyableError(Exception):
    """A source's packets cannot be copied; the message says why. The video is encoded instead."""


@dataclass(frozen=True)
class _Timed:
    """An encoded picture and its time in units of the source stream."""

    data: bytes
    pts: int
    is_keyframe: bool


def padded_packet(data: bytes) -> VideoPacket:
    """Return a packet of `data` followed by zeros: decoders read a little beyond the end.

    ``av.Packet(data)`` would refer to Python's own bytes, after which anything may follow, and some
    decoders would take that for the end of the picture.
    """
    packet = av.Packet(len(data))
    packet.update(data)
    return packet


def _own_packet(timed: _Timed) -> VideoPacket:
    """Return the packet of an encoded picture, for a decoder of its own.

    The decoder of animated PNG adds a picture that is not marked as a key frame to the one before.
    """
    packet = padded_packet(timed.data)
    packet.is_keyframe = timed.is_keyframe
    return packet


class TailEncoder:
    """Encodes frames as the continuation of `stream`, whose decoded frames are tagged `tags`.

    `hdr` is repeated if the encoder can write it. `time_base` is the source's clock. `header` is
    what the output's stream must have as extradata, None to keep the source's. Raises
    `NotCopyableError` where there is no suitable encoder, header or number of a parameter set.
    """

    def __init__(
        self, stream: av.VideoStream, tags: ColorTags, hdr: HdrMetadata | None = None
    ) -> None:
        self._source = stream.codec_context
        self._tags, self._hdr = tags, hdr
        self.time_base = Fraction(stream.time_base or Fraction(1, 90000))
        self._codec = self._source.codec.canonical_name
        self._record = self._source_record()
        self._encoder = self._opened(stream)
        self._encoder_header = self._encoder.extradata or b""
        self.header = self._merged_header()
        self._pts: list[int] = []
        self._own_packets: list[_Timed] = []
        self._waiting: VideoPacket | None = None

    def encoded(self, frame: av.VideoFrame, time: Fraction) -> Iterator[VideoPacket]:
        """Yield packets ready for the output: `frame`, presented at `time` s, and earlier ones.

        `frame` has the source's pixel format and size. It is shown a tick after the frame before
        it where the source's clock is too coarse to tell their times apart.
        """
        pts = round(time / self.time_base)
        if self._pts:
            pts = max(pts, self._pts[-1] + 1)
        frame.pts, frame.time_base = len(self._pts), self._encoder.time_base
        frame.pict_type = 0  # a decoded frame would force its own type
        self._pts.append(pts)
        yield from self._timed(self._encoder.encode(frame), final_duration=None)

    def finished(self, duration: Fraction) -> Iterator[VideoPacket]:
        """Yield the remaining packets; the last frame is shown for `duration` s."""
        ticks = max(1, round(duration / self.time_base))
        yield from self._timed(self._encoder.encode(None), final_duration=ticks)

    @property
    def begin(self) -> Fraction:
        """When its first frame is shown, in seconds; there must be one."""
        return self._pts[0] * self.time_base

    def decoded(self) -> Iterator[tuple[av.VideoFrame, int]]:
        """Yield the frames of the tail, decoded on its own, with times in ticks of the source."""
        decoder = av.CodecContext.create(self._source.codec, "r")
        if self._encoder_header:
            decoder.extradata = self._encoder_header
        assert isinstance(decoder, av.VideoCodecContext)
        decoder.width, decoder.height = self._source.width, self._source.height
        decoder.pix_fmt = self._source.pix_fmt
        self._tag(decoder)  # as the container does
        times = iter([packet.pts for packet in self._own_packets])
        for timed in [*self._own_packets, None]:
            for frame in decoder.decode(_own_packet(timed) if timed else None):
                yield frame, next(times)

    def _opened(self, stream: av.VideoStream) -> av.VideoCodecContext:
        if self._codec not in {"h264", "hevc"} | _SELF_DESCRIBED | _DESCRIBED_BY_HEADER:
            raise NotCopyableError(f"{self._codec} cannot be continued by an encoder here")
        if self._codec == "mpeg4" and self._source.has_b_frames:
            raise NotCopyableError("MPEG-4 with B-frames delays what follows it")
        settings = encoder_for(self._codec)
        encoder = av.CodecContext.create(settings.name, "w")
        assert isinstance(encoder, av.VideoCodecContext)
        source = self._source
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        rate = Fraction(rate).limit_denominator(1001)
        encoder.width, encoder.height, encoder.pix_fmt = source.width, source.height, source.pix_fmt
        encoder.framerate, encoder.time_base = rate, 1 / rate
        self._tag(encoder)
        if source.sample_aspect_ratio:
            encoder.sample_aspect_ratio = source.sample_aspect_ratio
        encoder.gop_size, encoder.max_b_frames = 600, 0
        options = joined_options(settings.options(None, lossless=False), self._special_options())
        if self._hdr is not None:
            options = joined_options(options, self._hdr.encoder_options(settings.name))
        encoder.options = options
        if self._codec in ("h264", "hevc"):
            encoder.flags |= int(Flags.global_header)
        settings.hush()
        try:
            encoder.open()
        except (FFmpegError, ValueError) as error:
            what = f"{self._codec} {source.profile or ''} {source.pix_fmt}"
            raise NotCopyableError(
                f"{what} {source.width}x{source.height} cannot be encoded here"
            ) from error
        has_same_header = (encoder.extradata or b"") == (source.extradata or b"")
        if self._codec in _DESCRIBED_BY_HEADER and not has_same_header:
            raise NotCopyableError(f"its {self._codec} header cannot be reproduced")
        return encoder

    def _tag(self, context: av.VideoCodecContext) -> None:
        context.color_range, context.colorspace = self._tags.range, self._tags.matrix
        context.color_primaries, context.color_trc = self._tags.primaries, self._tags.transfer

    def _special_options(self) -> dict[str, str]:
        profile = self._source.profile or ""
        if self._codec == "h264":
            if profile not in _H264_PROFILES:
                raise NotCopyableError(
                    f"H.264 profile {profile or 'unknown'} cannot be encoded here"
                )
            parameters = f"sps-id={self._h264_number()}"
            if self._source.level >= 10:
                parameters += f":level={self._source.level}"
            return {"profile": _H264_PROFILES[profile], "x264-params": parameters}
        if self._codec == "hevc":
            if isinstance(self._record, sets.HevcRecord) and (
                sets.HEVC_NUMBER in self._record.numbers()
            ):
                raise NotCopyableError("its HEVC parameter sets leave no number free")
            # No wavefronts: they store the offsets of substreams, which renumbering would shift.
            return {"x265-params": "bframes=0:wpp=0:info=0"}
        if self._codec == "prores":
            if profile not in _PRORES_PROFILES:
                raise NotCopyableError(
                    f"ProRes profile {profile or 'unknown'} cannot be encoded here"
                )
            return {"profile": str(_PRORES_PROFILES.index(profile))}
        if self._codec == "vp9":
            return {"lag-in-frames": "0"}  # else hidden pictures
        return {}

    def _h264_number(self) -> int:
        used = self._record.numbers() if isinstance(self._record, sets.AvcRecord) else set()
        free = [number for number in _H264_NUMBERS if number not in used]
        if not free:
            raise NotCopyableError("its H.264 parameter sets leave no number free")
        return free[0]

    def _source_record(self) -> sets.AvcRecord | sets.HevcRecord | None:
        extradata = self._source.extradata or b""
        if self._codec not in ("h264", "hevc") or not sets.is_length_prefixed(extradata):
            return None
        try:
            return (sets.AvcRecord if self._codec == "h264" else sets.HevcRecord)(extradata)
        except ValueError as error:
            raise NotCopyableError(f"its {self._codec} header is damaged: {error}") from error

    def _merged_header(self) -> bytes | None:
        if self._record is None:
            return None
        try:
            return self._record.with_sets_of(self._units(self._encoder_header))
        except ValueError as error:
            raise NotCopyableError(str(error)) from error

    def _units(self, stream: bytes) -> list[bytes]:
        """Return the units of an encoded picture or header, numbered for the shared stream."""
        if self._codec == "h264":
            return [unit for unit in sets.units(stream) if not sets.is_h264_signature(unit)]
        return [sets.with_hevc_number(unit) for unit in sets.units(stream)]

    def _timed(
        self, packets: list[VideoPacket], final_duration: int | None
    ) -> Iterator[VideoPacket]:
        """Yield `packets` on the source's clock, each once its duration is known."""
        for packet in packets:
            index = len(self._own_packets)
            assert packet.pts == index, f"{self._codec} encoder reordered frames"
            timed = _Timed(bytes(packet), self._pts[index], packet.is_keyframe)
            self._own_packets.append(timed)
            if self._waiting is not None:
                yield self._released(timed.pts - (self._waiting.pts or 0))
            self._waiting = self._output_packet(timed, is_first=index == 0)
        if final_duration is not None and self._waiting is not None:
            yield self._released(final_duration)

    def _released(self, duration: int) -> VideoPacket:
        packet, self._waiting = self._waiting, None
        assert packet is not None
        packet.duration = duration
        return packet

    def _output_packet(self, timed: _Timed, is_first: bool) -> VideoPacket:
        packet = padded_packet(self._in_stream_form(timed.data, is_first))
        packet.pts = packet.dts = timed.pts
        packet.time_base = self.time_base
        packet.is_keyframe = timed.is_keyframe
        return packet

    def _in_stream_form(self, data: bytes, is_first: bool) -> bytes:
        if self._codec not in ("h264", "hevc"):
            return data
        found = self._units(data)
        if self._record is not None:
            return sets.length_prefixed(found, self._record.length_size)
        return sets.byte_stream([*self._units(self._encoder_header), *found] if is_first else found)
