"""The encoders of FFmpeg that are used here, each with its options; `ENCODERS` is the table."""

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import av

from predictor.errors import SettingsError, UnsupportedCodec

_LAMBDA = 118  # FFmpeg's global_quality is this many to one step of the quantizer
_LISTS = ("-params", "opts")  # how options end that hold a list of an encoder's own parameters
# fmt: off
_AGAINST_LOSSLESS = frozenset({
    "b", "bt", "minrate", "maxrate", "bufsize", "qmin", "qmax", "global-quality", "qp", "crf",
    "crf-max", "crf-min", "lossless",
    "qp-constant", "qpmin", "qpmax", "min-qp", "max-qp", "bitrate", "rc", "tbr", "mbr", "zones",
    "zonefile", "vbv-maxrate", "vbv-bufsize",
    "mcstf", "film-grain", "fgs-table", "resize-mode", "superres-mode", "noise-sensitivity",
})
# fmt: on
"""Options, with ``-`` for ``_``, that set a rate or a quality or change pictures: of FFmpeg, and of
x264, x265 and SVT-AV1 in their lists."""


@dataclass(frozen=True)
class Encoder:
    """One encoder of FFmpeg, and the options that it is given."""

    name: str
    quality: int | None = None
    """Its default constant quality; None where it has no constant quality."""
    quality_option: str = "crf"
    """The option that sets the constant quality."""
    lossless: Mapping[str, str] | None = None
    """The options that make it exact; none where it always is; None where it cannot be."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """The options that it always gets."""
    has_left_chroma: bool = False
    """Whether its decoder takes subsampled chroma to lie above the left luma sample."""
    needs_even_rate: bool = False
    """Whether its time stamps can only be multiples of 1 / rate."""
    most_ticks: int | None = None
    """The most ticks per second of its clock; for an even rate that clock is 1 / rate."""

    def hush(self) -> None:
        """Keep its library from writing to stderr, unless the environment asks for that."""
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
    """Return the options of both; a list of an encoder's own parameters in both becomes one list.

    ``x265-params`` and its like take ``key=value:key=value``, of which the last of a key counts.
    """
    joined = dict(first)
    for key, value in then.items():
        is_list = key.endswith("-params") and key in joined
        joined[key] = f"{joined[key]}:{value}" if is_list else value
    return joined


def require_exact(options: Mapping[str, str]) -> None:
    """Raise `SettingsError` if encoder `options` are not for a lossless video.

    Those for a rate or a quality, which some encoders follow in spite of ``lossless``, and those
    that change pictures are refused, also in a list such as ``x265-params``.
    """
    for key, value in options.items():
        within = value.split(":") if key.endswith(_LISTS) else []
        for setting in (f"{key}={value}", *within):
            if _plain_name(setting) in _AGAINST_LOSSLESS:
                where = f" of {key}" if within else ""
                raise SettingsError(
                    f"lossless and the encoder option {setting}{where} exclude each other: "
                    "a lossless video has no rate or quality to set"
                )


def _plain_name(setting: str) -> str:
    """Return the name in ``name=value``, of the spellings that encoders take for the same."""
    name = re.sub(r"[\\'\s]", "", setting.partition("=")[0])
    return name.lstrip("-").replace("_", "-").removeprefix("no-")


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

_USUAL_NAMES = {"h265": "hevc", "x265": "hevc", "x264": "h264", "avc": "h264"}
"""What FFmpeg calls the codecs that people know by these names."""


def encoder_for(codec: str, instead: str = "h264") -> Encoder:
    """Return the encoder of `codec`, which may also be an encoder's name such as ``h264_nvenc``.

    `instead` is named as the one to choose where `codec` cannot be encoded. Both errors name
    ``--codec``: `SettingsError` for a name that FFmpeg does not know, `UnsupportedCodec` for a
    codec that cannot be written here.
    """
    by_name = {encoder.name: encoder for encoder in ENCODERS.values()}
    encoder = ENCODERS.get(codec) or by_name.get(codec) or Encoder(codec)
    try:
        found = av.Codec(encoder.name, "w")
    except ValueError as error:  # the library's error for a name that it does not know
        if codec not in av.codecs_available:
            usual = _USUAL_NAMES.get(codec.lower().replace(".", ""))
            near = [usual] if usual else difflib.get_close_matches(codec, [*ENCODERS, *by_name], 1)
            hint = f"did you mean {near[0]}?" if near else "expected one such as h264"
            raise SettingsError(f"--codec {codec} is no codec that FFmpeg knows; {hint}") from error
        raise UnsupportedCodec(
            f"{codec} cannot be encoded here; choose another with --codec, such as {instead}"
        ) from error
    if found.type != "video":
        raise SettingsError(f"--codec {codec} is a codec for {found.type}, expected video")
    return encoder


def is_always_lossless(codec: str) -> bool:
    """Return whether `codec` keeps the values of the pixel format exactly without being asked."""
    return codec in ENCODERS and ENCODERS[codec].lossless == {}
