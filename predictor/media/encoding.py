"""Write pictures with their exact times to a video file that resembles its source."""

import contextlib
import difflib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.codec.context import Flags
from av.video.stream import VideoStream
from torch import Tensor

from predictor.errors import (
    OutputNotWritten,
    PredictorError,
    SettingsError,
    TensorContractError,
    UnsupportedCodec,
)
from predictor.media.codecs import (
    codecs_of,
    container_for,
    muxer_options,
    pixel_format_for,
    readable_tags,
    usual_codec,
)
from predictor.media.colour import PictureEncoder, bit_depth, planar_format
from predictor.media.encoders import Encoder, encoder_for, joined_options, require_exact
from predictor.media.hdr import HDR_IN_WORDS
from predictor.media.info import ASPECT_IN_WORDS, VideoInfo, is_aspect_near, pixel_aspect
from predictor.media.opening import read_packets
from predictor.media.palette import PaletteReducer
from predictor.media.profiles import profile_like

__all__ = ["EncodingOptions", "UnsupportedCodec", "VideoWriter"]

_EVEN_RATE_CONTAINERS = ("avi", "yuv4mpegpipe", "mxf", "h264", "hevc")
_WITHOUT_ORDER = ("avi", "mxf")  # written without the times that put B-frames in order
_FEW_FOR_X265 = 2  # pictures: of so few, x265 gives arbitrary decoding times
_FINEST_CLOCK = Fraction(1, 10**6)  # MOV has 31 bits for a duration: half an hour of such ticks
_MOST_TICKS = 2**31 - 1  # a second, in the containers' 32-bit fields


@dataclass(frozen=True)
class EncodingOptions:
    """How a video is encoded where that is to differ from its source.

    `codec` is a codec or an encoder of FFmpeg (``hevc``, ``h264_nvenc``); `crf` its constant
    quality, lower is better (default: 18 for H.264, 20 to 22 for HEVC, VP9 and AV1, quantizer 2
    for the MPEG family: visually lossless); `lossless` keeps the values of the pixel format
    exactly, and RGB of RGB sources; `encoder_options` are FFmpeg's for that encoder. `threads`
    encode (None: as many as are useful). Raises `SettingsError` for `encoder_options` that set a
    rate or a quality of a `lossless` video.
    """

    codec: str | None = None
    crf: int | None = None
    lossless: bool = False
    encoder_options: Mapping[str, str] = field(default_factory=dict)
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.lossless:
            require_exact(self.encoder_options)


class VideoWriter:
    """Writes pictures to a video file; a context manager that ends the file on leaving.

    By default the file is like its source `like`: container by the suffix of `path` (``.partial``
    is ignored; `container` overrides, a name of FFmpeg's muxers), codec family and pixel format
    where that container and this FFmpeg can, rate, pixel aspect and colour tags. Pictures are
    written upright, so no rotation is tagged. `size` is ``(height, width)`` of the pictures;
    `rate` defaults to the source's. A source codec that the container cannot hold becomes the
    container's usual one.

    `codec`, `pixel_format`, `bit_depth` and `color` say what was chosen, `loses_hdr` whether the
    source has HDR10 metadata that this encoder cannot write and, once the file is closed,
    `loses_aspect` whether it lacks the pixel aspect. Other streams can be added to `output` before
    the first picture and muxed there. Raises `UnsupportedCodec`, which names ``--codec``, for what
    cannot be encoded here, `SettingsError` for an unknown encoder option, `OutputNotWritten` where
    the file system refuses or the container left out pictures.
    """

    def __init__(
        self,
        path: Path,
        like: VideoInfo,
        size: tuple[int, int],
        rate: Fraction | None = None,
        options: EncodingOptions | None = None,
        *,
        container: str | None = None,
    ) -> None:
        self.path = path
        self.rate = rate or like.average_rate
        options = options or EncodingOptions()
        muxer = container or container_for(path)
        encoder = encoder_for(options.codec or _codec_like(like, muxer), usual_codec(muxer))
        self.codec = av.Codec(encoder.name, "w").canonical_name
        if self.codec not in codecs_of(muxer):
            raise UnsupportedCodec(
                f"{muxer} cannot hold {self.codec}; choose another codec with --codec, such as "
                f"{usual_codec(muxer)}, or another suffix"
            )
        self._size = size
        self._aspect = like.sample_aspect_ratio
        self.loses_hdr = self.loses_aspect = False
        self._first_time: Fraction | None = None
        self._rest = Fraction(0)
        self._last_tick: int | None = None
        self._count = 0
        self._remedy = "choose another container"
        self._palettes: PaletteReducer | None = None
        if encoder.name == "gif":
            self._palettes = PaletteReducer(size)
            self.pixel_format = "pal8"
        else:
            wanted = _format_like(like, self.codec, options.lossless)
            if encoder.name == "libx264" and _is_rgb(wanted):
                encoder = replace(encoder, name="libx264rgb")
            self.pixel_format = pixel_format_for(encoder.name, muxer, wanted, size)
        self.bit_depth = bit_depth(self.pixel_format)
        self.color = readable_tags(self.codec, muxer, like.color)
        self._pictures = PictureEncoder(
            size,
            self.pixel_format if self._palettes is None else "bgra",
            self.color,
            encoder.has_left_chroma,
        )
        if not path.parent.is_dir():  # the library opens the file only with the first picture
            raise OutputNotWritten(f"{path} was not written: there is no folder {path.parent}")
        with self._refusals():
            self.output = av.open(f"file:{path}", "w", format=muxer, options=muxer_options(path))
        try:
            self._stream = self._new_stream(encoder, like, muxer, options)
        except PredictorError:
            self.output.close()
            raise

    @property
    def lost(self) -> tuple[str, ...]:
        """What of its source's pictures the closed file cannot say, in words."""
        said = {HDR_IN_WORDS: self.loses_hdr, ASPECT_IN_WORDS: self.loses_aspect}
        return tuple(words for words, is_lost in said.items() if is_lost)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            with contextlib.suppress(av.FFmpegError, OSError):
                self.output.close()

    def write(
        self,
        image: Tensor,
        time: Fraction,
        duration: Fraction | None = None,
        retouch: Callable[[av.VideoFrame], None] | None = None,
    ) -> None:
        """Write `image` ``(3, H, W)`` in [-1, 1], to be shown at `time` seconds.

        Times must rise. They are kept exactly where the container's clock can (Matroska's has
        milliseconds, GIF's hundredths; AVI, Y4M and old MPEG have whole pictures, in old MPEG
        and WMV counted from the first). `duration` matters for the last picture alone. `retouch`
        may change the samples of the frame, in `pixel_format`, before it is encoded.
        """
        if tuple(image.shape) != (3, *self._size):
            raise TensorContractError(
                f"a picture has shape {tuple(image.shape)}, expected {(3, *self._size)}"
            )
        frame = self._pictures.frame(image)
        if retouch is not None:
            retouch(frame)
        clock = Fraction(self._stream.codec_context.time_base)
        if self._first_time is None:
            self._first_time = time
            self._rest = time - round(time / clock) * clock
        # Apart from the first: halves of ticks, which are rounded to even, would meet.
        tick = round(self._first_time / clock) + round((time - self._first_time) / clock)
        if self._last_tick is not None and tick <= self._last_tick:
            name = self.path.name.removesuffix(".partial")
            raise UnsupportedCodec(
                f"{name} cannot keep a picture at {float(time):.4f} s apart from the one before "
                f"it, its clock ticks every {float(clock):.4f} s; {self._remedy}"
            )
        self._last_tick = tick
        self._count += 1
        frame.pts, frame.time_base = tick, clock
        frame.duration = round((duration or 1 / self.rate) / clock)
        with self._refusals():
            if self._palettes is not None:
                frame = self._palettes.reduced(frame)
            self._mux(self._stream.encode(frame))

    def close(self) -> None:
        """Encode what is still waiting, end the file and see that it has all pictures."""
        if self._last_tick is None:
            self.output.close()
            raise OutputNotWritten(f"{self.path} was not written: there was no picture to write")
        with self._refusals():
            waiting = self._stream.encode(None)
            if self.codec == "hevc" and self._count <= _FEW_FOR_X265:
                for packet in waiting:
                    packet.dts = packet.pts
            self._mux(waiting)
            self.output.close()
        if self._count > 1 or self.output.format.name != "apng":  # else it is a plain PNG
            self._read_again()

    def _read_again(self) -> None:
        """Note whether the pixel aspect is lost; raise if the file has too few pictures."""
        demuxer = _demuxer(self.output.format.name)
        with self._refusals(), av.open(f"file:{self.path}", format=demuxer) as written:
            stream = written.streams.video[0]
            self.loses_aspect = not is_aspect_near(pixel_aspect(stream), self._aspect)
            found = sum(bool(packet.size) for packet in read_packets(written, stream))
        if found < self._count:  # VP8 also has pictures that are not shown
            raise OutputNotWritten(
                f"{self.path} was not written: {self.output.format.name} kept only {found} of "
                f"{self._count} pictures; another suffix of -o may take them"
            )

    def _mux(self, packets: "list[av.Packet[VideoStream]]") -> None:
        """Write `packets`, later by what the encoder's clock could not tell of the first time."""
        for packet in packets if self._rest else []:
            self.output.start_encoding()  # else the container's own clock is not known
            given, clock = Fraction(packet.time_base), Fraction(self._stream.time_base or 1)
            # Rounded alone: halves of ticks would meet.
            shift = round(self._rest / clock)
            pts, dts, duration = packet.pts, packet.dts, packet.duration
            packet.time_base = clock
            packet.pts = None if pts is None else round(pts * given / clock) + shift
            packet.dts = None if dts is None else round(dts * given / clock) + shift
            packet.duration = round((duration or 0) * given / clock)
        self.output.mux(packets)

    def _new_stream(
        self, encoder: Encoder, like: VideoInfo, muxer: str, options: EncodingOptions
    ) -> VideoStream:
        settings = encoder.options(options.crf, options.lossless)
        profile = profile_like(like.profile, encoder.name, self.pixel_format)
        if profile is not None and not (encoder.name == "dnxhd" and "b" in options.encoder_options):
            settings["profile"] = profile
        if muxer in _WITHOUT_ORDER and self.codec in ("h264", "hevc"):
            settings["bf"] = "0"
        if like.hdr is not None:
            described = like.hdr.encoder_options(encoder.name)
            self.loses_hdr = not described
            settings = joined_options(settings, described)
        settings = joined_options(settings, options.encoder_options)
        stream = self.output.add_stream(encoder.name, rate=self.rate, options=settings)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        _require_known(options.encoder_options, context, encoder.name)
        height, width = self._size
        context.width, context.height = width, height
        context.pix_fmt = self.pixel_format
        context.sample_aspect_ratio = like.sample_aspect_ratio
        if self.codec == "hevc" and muxer in ("mp4", "mov"):
            context.codec_tag = "hvc1"  # the other tag, hev1, is not shown by Apple's players
        context.time_base = stream.time_base = self._clock_for(encoder, like, muxer)
        context.color_range, context.colorspace = self.color.range, self.color.matrix
        context.color_primaries = self.color.primaries
        context.color_trc = self.color.transfer
        context.flags |= Flags.frame_duration
        context.thread_type = "AUTO"
        context.thread_count = options.threads or 0
        encoder.hush()
        try:
            context.open()
        except (av.FFmpegError, OSError) as error:
            asked = " ".join(f"{key}={value}" for key, value in options.encoder_options.items())
            refusal = f"{encoder.name} refuses {width}x{height} {self.pixel_format}"
            if asked and _opens_plainly(encoder.name, context):
                raise SettingsError(
                    f"{refusal} with --encoder-option {asked} ({error.strerror})"
                ) from error
            raise UnsupportedCodec(
                f"{refusal} with {settings or 'its defaults'} ({error.strerror}); "
                "choose another --codec"
            ) from error
        return stream

    def _clock_for(self, encoder: Encoder, like: VideoInfo, muxer: str) -> Fraction:
        """Return the length of a tick in seconds; note in `_remedy` how to get a shorter one."""
        if muxer == "gif":
            self._remedy += ", beside which --gif makes a GIF of fewer pictures"
            return Fraction(1, 100)
        most_ticks = encoder.most_ticks or _MOST_TICKS
        if muxer in _EVEN_RATE_CONTAINERS:
            return (1 / self.rate).limit_denominator(most_ticks)
        if encoder.needs_even_rate and usual_codec(muxer) != self.codec:
            self._remedy = f"{self.codec} needs an even rate; choose --codec {usual_codec(muxer)}"
        if encoder.needs_even_rate or (encoder.most_ticks and not like.is_variable_rate):
            return (1 / self.rate).limit_denominator(most_ticks)
        return _clock(like.time_base, self.rate, most_ticks)

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        """Turn errors of FFmpeg and of the system while writing into `OutputNotWritten`."""
        try:
            yield
        except (av.FFmpegError, OSError) as error:
            raise OutputNotWritten(f"{self.path} was not written: {error.strerror}") from error


def _demuxer(muxer: str) -> str:
    """Return FFmpeg's name for reading what `muxer` has written."""
    return "mpeg" if muxer == "vob" else muxer


def _require_known(options: Mapping[str, str], context: av.VideoCodecContext, name: str) -> None:
    supported = context.supported_options
    known = {option.name for option in (*supported.generic, *supported.private)}
    for key in options:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f", did you mean {near[0]}" if near else ""
            raise SettingsError(f"{name} has no option {key}{hint}")


def _opens_plainly(encoder: str, refused: av.VideoCodecContext) -> bool:
    """Return whether `encoder` opens for pictures like those of `refused` without any options."""
    plain = av.CodecContext.create(encoder, "w")
    assert isinstance(plain, av.VideoCodecContext)
    plain.width, plain.height, plain.pix_fmt = refused.width, refused.height, refused.pix_fmt
    plain.time_base = refused.time_base
    try:
        plain.open()
    except (av.FFmpegError, OSError):
        return False
    return True


def _is_rgb(pixel_format: str) -> bool:
    return planar_format(pixel_format).startswith("gbrp")


def _codec_like(like: VideoInfo, muxer: str) -> str:
    """Return the source's codec where `muxer` holds it, else the usual codec of `muxer`."""
    return like.codec if like.codec in codecs_of(muxer) else usual_codec(muxer)


def _format_like(like: VideoInfo, codec: str, lossless: bool) -> str:
    """Return the pixel format to approximate: RGB is kept only by its own codec or without loss."""
    if not _is_rgb(like.pixel_format) or lossless or codec == like.codec:
        return like.pixel_format
    return "yuv420p" if like.bit_depth <= 8 else "yuv420p10le"


def _clock(time_base: Fraction, rate: Fraction, most_ticks: int) -> Fraction:
    """Return the longest tick of which the source's times and 1 / rate are multiples, in seconds.

    For the mean of a variable rate that may be far too fine; then it is the source's own tick, or a
    multiple of it. There are at most `most_ticks` to a second.
    """
    period = 1 / rate
    both = Fraction(
        math.gcd(
            time_base.numerator * period.denominator, period.numerator * time_base.denominator
        ),
        time_base.denominator * period.denominator,
    )
    for exact in (both, time_base):
        if exact >= _FINEST_CLOCK and exact.denominator <= most_ticks:
            return exact
    finest = max(_FINEST_CLOCK, Fraction(1, most_ticks))
    return (time_base * math.ceil(finest / time_base)).limit_denominator(most_ticks)
