"""Which container and pixel format a video is written with, and which codecs fit into which."""

import io
from dataclasses import replace
from functools import cache
from pathlib import Path

import av

from predictor.errors import UnsupportedCodec
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
    ".f4v": "mp4",
    ".mov": "mov",
    ".qt": "mov",
    ".mkv": "matroska",
    ".mk3d": "matroska",
    ".webm": "webm",
    ".avi": "avi",
    ".divx": "avi",
    ".gif": "gif",
    ".apng": "apng",
    ".y4m": "yuv4mpegpipe",
    ".ts": "mpegts",
    ".m2ts": "mpegts",
    ".mts": "mpegts",
    ".m2t": "mpegts",
    ".mpg": "mpeg",
    ".mpeg": "mpeg",
    ".vob": "vob",
    ".m1v": "mpeg1video",
    ".m2v": "mpeg2video",
    ".flv": "flv",
    ".wmv": "asf",
    ".asf": "asf",
    ".3gp": "3gp",
    ".3g2": "3g2",
    ".nut": "nut",
    ".ogv": "ogg",
    ".ogm": "ogg",
    ".ogg": "ogg",
    ".mxf": "mxf",
    ".ivf": "ivf",
    ".264": "h264",
    ".h264": "h264",
    ".avc": "h264",
    ".265": "hevc",
    ".h265": "hevc",
    ".hevc": "hevc",
}
_USUAL_CODECS = {  # container: the codec it is written with by default; else h264
    "webm": "vp9",
    "ivf": "vp9",
    "ogg": "vp8",
    "avi": "mpeg4",
    "gif": "gif",
    "apng": "apng",
    "yuv4mpegpipe": "rawvideo",
    "mpeg": "mpeg2video",
    "mpeg1video": "mpeg1video",
    "mpeg2video": "mpeg2video",
    "vob": "mpeg2video",
    "mxf": "mpeg2video",
    "asf": "wmv2",
    "hevc": "hevc",
}
_MPEG = frozenset({"mpeg1video", "mpeg2video"})
_ALSO_HELD = {  # codecs that muxers can hold although FFmpeg's tables do not list them
    "mpegts": _MPEG | {"h264", "hevc", "mpeg4"},
    "mpeg": _MPEG,
    "vob": _MPEG,
    "mxf": frozenset({"h264", "prores", "dnxhd"}),
    "flv": frozenset({"flv1"}),
    "ogg": frozenset({"vp8"}),
    "yuv4mpegpipe": frozenset({"rawvideo"}),
}


_RANGE_IN_STREAM = ("h264", "hevc", "av1", "vp9")
_MATRIX_IN_STREAM = (*_RANGE_IN_STREAM, "mpeg2video", "prores")
_ALWAYS_LIMITED = ("mpeg1video", "mpeg2video", "prores", "vp8", "dnxhd")
_FIXED_MATRIX = {"vp8": 5, "mjpeg": 5, "dnxhd": 1}
_UTVIDEO_MATRICES = (1, 5)  # it has a code for BT.709; all else is read as BT.601
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

    Blu-ray discs and camcorders use a variant of MPEG-TS, which is the only one to hold their LPCM.
    FFmpeg chooses it by the suffix, which a ``.partial`` file hides from it.
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


def readable_tags(codec: str, container: str, tags: ColorTags) -> ColorTags:
    """Return what a reader of a file tagged `tags` will take its colour to be.

    Codecs and containers keep different parts of the tags. Pictures must be encoded for the tags
    that arrive, or their colours change. Found by writing and reading back each combination.
    """
    in_container = container in ("matroska", "webm") or (
        container in ("mov", "mp4") and UNSPECIFIED not in (tags.primaries, tags.transfer)
    )
    matrix = UNSPECIFIED
    if codec in _FIXED_MATRIX:
        matrix = _FIXED_MATRIX[codec]
    elif codec == "utvideo":
        matrix = tags.matrix if tags.matrix in _UTVIDEO_MATRICES else _UTVIDEO_MATRICES[-1]
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

    Most important is the colour model of `like` (RGB, YUV or grey), then its bit depth, then its
    chroma resolution; alpha is never written. An odd size gets chroma at full resolution in H.264,
    HEVC and AV1, whose encoders refuse to halve it. Raises `UnsupportedCodec` where the encoder has
    no format for `size`.
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
    """Return what `pixel_format` loses of `like`, and wastes beyond it, the worst loss first."""
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
