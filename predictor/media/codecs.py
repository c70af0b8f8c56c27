"""Which container, encoder and pixel format a video is written with."""

import difflib
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import av

from predictor.errors import SettingsError, UnsupportedCodec
from predictor.media.colour import (
    LIMITED,
    UNSPECIFIED,
    ColorTags,
    bit_depth,
    has_alpha,
    planar_format,
)

CONTAINERS = {  # suffix: FFmpeg's muxer
    ".mp4": "mp4",
    ".m4v": "mp4",
    ".mov": "mov",
    ".mkv": "matroska",
    ".webm": "webm",
    ".avi": "avi",
    ".gif": "gif",
    ".apng": "apng",
    ".y4m": "yuv4mpegpipe",
    ".ts": "mpegts",
    ".m2ts": "mpegts",
    ".mts": "mpegts",
    ".mpg": "mpeg",
    ".mpeg": "mpeg",
    ".vob": "vob",
    ".flv": "flv",
    ".wmv": "asf",
    ".asf": "asf",
    ".3gp": "3gp",
    ".ogv": "ogg",
    ".mxf": "mxf",
    ".ivf": "ivf",
    ".264": "h264",
    ".h264": "h264",
    ".265": "hevc",
    ".hevc": "hevc",
}
_USUAL_CODECS = {"webm": "vp9", "ivf": "vp9", "ogg": "vp8", "avi": "mpeg4", "gif": "gif"} | {
    "apng": "apng",
    "yuv4mpegpipe": "rawvideo",
    "mpeg": "mpeg2video",
    "vob": "mpeg2video",
    "mxf": "mpeg2video",
    "asf": "wmv2",
    "hevc": "hevc",
}
_MPEG = frozenset({"mpeg1video", "mpeg2video"})
_ALSO_HELD = {  # known to the muxers, missing in FFmpeg's tables
    "mpegts": _MPEG | {"h264", "hevc", "mpeg4"},
    "mpeg": _MPEG,
    "vob": _MPEG,
    "mxf": frozenset({"h264", "prores", "dnxhd"}),
    "flv": frozenset({"flv1"}),
    "ogg": frozenset({"vp8"}),
    "yuv4mpegpipe": frozenset({"rawvideo"}),
}
_LAMBDA = 118  # FFmpeg's global_quality is this many to one step of the quantizer


@dataclass(frozen=True)
class Encoder:
    """How one encoder of FFmpeg is told what to do.

    `quality` is its default constant quality (None: it has none) under the option
    `quality_option`; `lossless` the options that make it exact (None: it cannot be); `fixed`
    options it always gets. `has_left_chroma`: its decoder takes subsampled chroma to sit above
    the left luma sample. `needs_even_rate`: its time stamps are multiples of 1 / rate.
    `most_ticks`: how many its clock may have a second; 1 / rate is its clock where that is even.
    """

    name: str
    quality: int | None = None
    quality_option: str = "crf"
    lossless: Mapping[str, str] | None = None
    fixed: Mapping[str, str] = field(default_factory=dict)
    has_left_chroma: bool = False
    needs_even_rate: bool = False
    most_ticks: int | None = None

    def hush(self) -> None:
        """Keep its library from writing on stderr by itself, unless the environment asks it to."""
        if self.name == "libsvtav1":
            os.environ.setdefault("SVT_LOG", "1")  # errors only; it has no other switch

    def options(self, quality: int | None, lossless: bool) -> dict[str, str]:
        """Return its options for constant `quality` (None: the default), or for `lossless`.

        Raises `UnsupportedCodec` where it can do neither.
        """
        options = dict(self.fixed)
        if lossless:
            if self.lossless is None:
                raise UnsupportedCodec(
                    f"{self.name} cannot be lossless; choose a codec that can with --codec, "
                    "such as h264, hevc, vp9 or ffv1"
                )
            return joined_options(options, self.lossless)
        if quality is not None and self.quality is None:
            raise UnsupportedCodec(
                f"{self.name} has no constant quality; leave out --crf or choose --codec h264"
            )
        level = self.quality if quality is None else quality
        if level is not None and self.quality_option == "qscale":
            options |= {"flags": "+qscale", "global_quality": str(level * _LAMBDA)}
        elif level is not None:
            options[self.quality_option] = str(level)
        return options


def joined_options(first: Mapping[str, str], then: Mapping[str, str]) -> dict[str, str]:
    """Return both; where both have a list of an encoder's own parameters, it is one list.

    ``x265-params`` and its like take ``key=value:key=value``, of which the last of a key counts.
    """
    joined = dict(first)
    for key, value in then.items():
        is_list = key.endswith("-params") and key in joined
        joined[key] = f"{joined[key]}:{value}" if is_list else value
    return joined


def _quantized(
    name: str, *, needs_even_rate: bool = True, most_ticks: int | None = None
) -> Encoder:
    return Encoder(
        name,
        2,
        "qscale",
        has_left_chroma=True,
        needs_even_rate=needs_even_rate,
        most_ticks=most_ticks,
    )


ENCODERS = {  # codec: its encoder; a codec that is not here is tried under its own name
    "h264": Encoder("libx264", 18, lossless={"qp": "0"}, has_left_chroma=True),
    "hevc": Encoder(
        "libx265",
        20,
        lossless={"x265-params": "lossless=1"},
        fixed={"x265-params": "log-level=none"},
        has_left_chroma=True,
    ),
    "vp8": Encoder("libvpx", 6, fixed={"b": "50M", "cpu-used": "2", "auto-alt-ref": "0"}),
    "vp9": Encoder(
        "libvpx-vp9",
        20,
        lossless={"lossless": "1"},
        fixed={"b": "0", "row-mt": "1", "cpu-used": "4", "deadline": "good"},
    ),
    "av1": Encoder(
        "libsvtav1", 22, lossless={"svtav1-params": "lossless=1"}, fixed={"preset": "8"}
    ),
    "mpeg1video": _quantized("mpeg1video"),
    "mpeg2video": _quantized("mpeg2video"),
    "mpeg4": _quantized("mpeg4", needs_even_rate=False, most_ticks=65535),
    "h263": _quantized("h263"),
    "flv1": _quantized("flv", needs_even_rate=False),
    "wmv1": _quantized("wmv1"),
    "wmv2": _quantized("wmv2"),
    "mjpeg": Encoder("mjpeg", 2, "qscale"),
    "prores": Encoder("prores_ks"),
    "ffv1": Encoder("ffv1", lossless={}),
    "huffyuv": Encoder("huffyuv", lossless={}),
    "ffvhuff": Encoder("ffvhuff", lossless={}),
    "utvideo": Encoder("utvideo", lossless={}),
    "png": Encoder("png", lossless={}),
    "apng": Encoder("apng", lossless={}),
    "qtrle": Encoder("qtrle", lossless={}),
    "rawvideo": Encoder("rawvideo", lossless={}),
    "gif": Encoder("gif"),
}


_RANGE_IN_STREAM = ("h264", "hevc", "av1", "vp9")
_MATRIX_IN_STREAM = (*_RANGE_IN_STREAM, "mpeg2video", "prores")
_ALWAYS_LIMITED = ("mpeg1video", "mpeg2video", "prores", "vp8")
_FIXED_MATRIX = {"vp8": 5, "mjpeg": 5, "utvideo": 5}
# Encoders that refuse an odd size with subsampled chroma.
_EVEN_ONLY = ("libx264", "libx265", "libsvtav1")
_Y4M_DEPTHS = ("", "10le", "12le", "16le")
_RAW_FORMATS = {  # containers that cannot hold every pixel format as it is
    "yuv4mpegpipe": [
        "gray",
        *(f"yuv{c}p{depth}" for c in (420, 422, 444) for depth in _Y4M_DEPTHS),
    ],
    "mov": ["uyvy422", "rgb24"],
    "avi": ["yuv420p", "yuv422p", "yuv444p", "bgr24"],
}


def container_for(path: Path) -> str:
    """Return FFmpeg's name of the container for the suffix of `path`; ``.partial`` is ignored.

    Raises `UnsupportedCodec` for a suffix that is not known.
    """
    name = str(path).removesuffix(".partial")
    suffix = Path(name).suffix.lower()
    if suffix not in CONTAINERS:
        found = f"the suffix {suffix}" if suffix else "no suffix"
        raise UnsupportedCodec(f"{name} has {found}, expected one of {' '.join(CONTAINERS)}")
    return CONTAINERS[suffix]


def muxer_options(path: Path) -> dict[str, str]:
    """Return what the muxer is told for the suffix of `path`; ``.partial`` is ignored.

    Blu-ray discs and camcorders have MPEG-TS of a kind of its own, which alone holds their LPCM.
    FFmpeg knows it by how the name ends, which an unfinished file's does not.
    """
    suffix = Path(str(path).removesuffix(".partial")).suffix.lower()
    return {"mpegts_m2ts_mode": "1"} if suffix in (".m2ts", ".mts") else {}


def usual_codec(container: str) -> str:
    """Return the codec that `container` is written with when its source names none."""
    return _USUAL_CODECS.get(container, "h264")


@cache
def codecs_of(container: str) -> frozenset[str]:
    """Return the codecs that `container`, a muxer of FFmpeg, can hold.

    Raises `UnsupportedCodec` for a muxer that this FFmpeg lacks.
    """
    try:
        with av.open(io.BytesIO(), "w", format=container) as output:
            return frozenset(output.supported_codecs) | _ALSO_HELD.get(container, frozenset())
    except (av.FFmpegError, ValueError) as error:
        raise UnsupportedCodec(f"the container {container} cannot be written here") from error


def encoder_for(codec: str) -> Encoder:
    """Return the encoder of `codec`, which may also be an encoder's name such as ``h264_nvenc``.

    Both errors name ``--codec``: `SettingsError` for a name that FFmpeg does not know,
    `UnsupportedCodec` for a codec that cannot be written here.
    """
    by_name = {encoder.name: encoder for encoder in ENCODERS.values()}
    encoder = ENCODERS.get(codec) or by_name.get(codec) or Encoder(codec)
    try:
        found = av.Codec(encoder.name, "w")
    except ValueError as error:  # the library's error for a name that it does not know
        if codec not in av.codecs_available:
            near = difflib.get_close_matches(codec, [*ENCODERS, *by_name], 1)
            hint = f"did you mean {near[0]}?" if near else "expected one such as h264"
            raise SettingsError(f"--codec {codec} is no codec that FFmpeg knows; {hint}") from error
        raise UnsupportedCodec(
            f"{codec} cannot be encoded here; choose another with --codec, such as h264"
        ) from error
    if found.type != "video":
        raise SettingsError(f"--codec {codec} is a codec for {found.type}, expected video")
    return encoder


def readable_tags(codec: str, container: str, tags: ColorTags) -> ColorTags:
    """Return what a reader of a file tagged `tags` will take its colour to be.

    Codecs and containers keep different parts of the tags; pictures must be encoded for what
    arrives, or they change colour. Found by writing and reading each combination.
    """
    in_container = container in ("matroska", "webm") or (
        container in ("mov", "mp4") and UNSPECIFIED not in (tags.primaries, tags.transfer)
    )
    matrix = UNSPECIFIED
    if codec in _FIXED_MATRIX:
        matrix = _FIXED_MATRIX[codec]
    elif codec in _MATRIX_IN_STREAM or in_container:
        matrix = tags.matrix
    keeps_range = (
        codec in _RANGE_IN_STREAM
        or container == "yuv4mpegpipe"
        or (in_container and container != "mov" and codec not in _ALWAYS_LIMITED)
    )
    return replace(
        tags, matrix=matrix, range=tags.range if keeps_range else min(tags.range, LIMITED)
    )


def pixel_format_for(encoder: str, container: str, like: str, size: tuple[int, int]) -> str:
    """Return the pixel format of `encoder` that keeps the most of `like` for pictures of `size`.

    First RGB, YUV or grey as in `like`, then its bits, then its chroma resolution; alpha is never
    written. H.264 and HEVC cannot halve an odd size, so they get chroma at full resolution. Raises
    `UnsupportedCodec` where the encoder has no format for `size`.
    """
    if encoder == "rawvideo" and container in _RAW_FORMATS:
        offered = _RAW_FORMATS[container]
    else:
        formats = av.Codec(encoder, "w").video_formats or [av.VideoFormat(like)]
        # Those without components are names for memory on a device.
        offered = [
            shape.name
            for shape in formats
            if shape.components and not shape.has_palette and shape.width == 0
        ]
        offered = [name for name in offered if not has_alpha(name) and bit_depth(name) >= 8]
    if encoder == "mjpeg":  # the other formats are for limited range, which JPEG has not
        offered = [name for name in offered if name.startswith("yuvj")]
    if encoder in _EVEN_ONLY:
        offered = [name for name in offered if _divides(name, size)]
    if not offered:
        height, width = size
        raise UnsupportedCodec(
            f"{encoder} cannot encode pictures of {width}x{height}; choose another codec with "
            "--codec, such as ffv1"
        )
    return min(offered, key=lambda name: _loss(name, like))


def _divides(pixel_format: str, size: tuple[int, int]) -> bool:
    across, down = _subsampling(pixel_format)
    return size[0] % down == 0 and size[1] % across == 0


def _subsampling(pixel_format: str) -> tuple[int, int]:
    """Return how many luma samples share one of chroma across and down."""
    shape = av.VideoFormat(pixel_format, 64, 64)
    return 64 // shape.chroma_width(64), 64 // shape.chroma_height(64)


def _loss(pixel_format: str, like: str) -> tuple[int, ...]:
    """Return what `pixel_format` loses of `like` and wastes beyond it, the gravest first."""
    kind, depth = planar_format(pixel_format)[:4], bit_depth(pixel_format)
    kind_like, depth_like = planar_format(like)[:4], bit_depth(like)
    lost = wasted = 0
    for factor, factor_like in zip(_subsampling(pixel_format), _subsampling(like), strict=True):
        lost += max(0, factor - factor_like)
        wasted += max(0, factor_like - factor)
    return (
        kind == "gray" != kind_like,
        kind != kind_like,
        max(0, depth_like - depth),
        lost,
        max(0, depth - depth_like),
        wasted,
        pixel_format != like,
    )
