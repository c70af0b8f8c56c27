"""Static metadata of HDR10 video: the display it was graded on and how bright it gets.

Sources: SMPTE ST 2086 and CTA-861.3 (what the numbers are), ITU-T H.265 D.3.28 and D.3.35 (their
units in a stream, kept here so that no rounding adds up).
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import av
from av.buffer import Buffer

HDR_IN_WORDS = "HDR10 metadata (mastering display, light level)"

_CHROMATICITY_UNIT = 50_000  # to one
_LUMINANCE_UNIT = 10_000  # to one candela a square metre
_PARAMETERS = {  # encoder: its option, and what it calls the two
    "libx265": ("x265-params", "master-display", "max-cll"),
    "libx264": ("x264-params", "mastering-display", "cll"),
    "libsvtav1": ("svtav1-params", "mastering-display", "content-light"),
}
_IN_INTEGERS = ("libx265", "libx264")


@dataclass(frozen=True)
class Mastering:
    """The mastering display: x and y of its primaries and white in 1/50000, its range of luminance.

    `primaries` are red, green, blue; luminance is in 1/10000 candela a square metre.
    """

    primaries: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
    white: tuple[int, int]
    least: int
    most: int


@dataclass(frozen=True)
class HdrMetadata:
    """What a stream says beside its colour tags; either part may be missing."""

    mastering: Mastering | None
    light_level: tuple[int, int] | None
    """The brightest pixel and the brightest frame's mean, in candela a square metre."""

    def encoder_options(self, encoder: str) -> dict[str, str]:
        """Return the options that make `encoder` write this; empty where none can."""
        if encoder not in _PARAMETERS:
            return {}
        option, display, light = _PARAMETERS[encoder]
        said = []
        if self.mastering is not None:
            said.append(f"{display}={_described(self.mastering, encoder in _IN_INTEGERS)}")
        if self.light_level is not None:
            said.append(f"{light}={self.light_level[0]},{self.light_level[1]}")
        return {option: ":".join(said)}


def hdr_metadata(frame: av.VideoFrame) -> HdrMetadata | None:
    """Return what `frame`, as decoded, carries; None where it carries nothing."""
    try:
        side_data = cast(Mapping[str, Buffer], frame.side_data)
        display = side_data.get("MASTERING_DISPLAY_METADATA")
        light = side_data.get("CONTENT_LIGHT_LEVEL")
    except ValueError:  # a kind of side data that this version of the library does not know
        return None
    mastering = None if display is None else _mastering(bytes(display))
    most, mean = (0, 0) if light is None else struct.unpack("=2I", bytes(light)[:8])
    light_level = (most, mean) if most or mean else None  # zero is how a stream says "unknown"
    if mastering is None and light_level is None:
        return None
    return HdrMetadata(mastering, light_level)


def _mastering(content: bytes) -> Mastering | None:
    """Return what libavutil's AVMasteringDisplayMetadata holds; None where a part is unknown."""
    numbers = struct.unpack("=22i", content[:88])
    has_primaries, has_luminance = numbers[20:]
    if not (has_primaries and has_luminance):
        return None
    ratios = list(zip(numbers[:20:2], numbers[1:20:2], strict=True))
    if any(denominator == 0 for _, denominator in ratios):
        return None
    red_x, red_y, green_x, green_y, blue_x, blue_y, white_x, white_y = (
        round(_CHROMATICITY_UNIT * top / bottom) for top, bottom in ratios[:8]
    )
    least, most = (round(_LUMINANCE_UNIT * top / bottom) for top, bottom in ratios[8:])
    primaries = ((red_x, red_y), (green_x, green_y), (blue_x, blue_y))
    return Mastering(primaries, (white_x, white_y), least, most)


def _described(mastering: Mastering, is_in_integers: bool) -> str:
    def pair(values: tuple[int, int], unit: int) -> str:
        if is_in_integers:
            return f"({values[0]},{values[1]})"
        return f"({values[0] / unit:.6f},{values[1] / unit:.6f})"

    red, green, blue = (pair(point, _CHROMATICITY_UNIT) for point in mastering.primaries)
    white = pair(mastering.white, _CHROMATICITY_UNIT)
    luminance = pair((mastering.most, mastering.least), _LUMINANCE_UNIT)
    return f"G{green}B{blue}R{red}WP{white}L{luminance}"
