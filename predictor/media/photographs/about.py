"""What a photograph says about itself, taken over when it is written in another format."""

import struct
from dataclasses import dataclass, replace
from typing import Any

import PIL.Image

from predictor.media.photographs.header import Header
from predictor.media.photographs.orientation import TAG


@dataclass(frozen=True)
class About:
    """Colour profile, EXIF and XMP as bytes, resolution in dots per inch, and a comment."""

    profile: bytes | None
    exif: bytes | None
    xmp: bytes | None
    resolution: tuple[float, float] | None
    comment: bytes | str | None

    def options(self, *wanted: str) -> dict[str, Any]:
        """Return those of the `wanted` options of Pillow's writers that there is something for."""
        there = {
            "icc_profile": self.profile,
            "exif": self.exif,
            "xmp": self.xmp,
            "dpi": self.resolution,
            "comment": self.comment,
        }
        return {name: there[name] for name in wanted if there[name]}

    def without_profile(self) -> "About":
        """Return the same without a colour profile."""
        return replace(self, profile=None)


def about(header: Header) -> About:
    """Return what the opened picture says about itself; what is damaged is left out."""
    info = header.picture.info
    return About(
        profile=_bytes(info.get("icc_profile")),
        exif=_exif(header.picture),
        xmp=_bytes(info.get("xmp") or info.get("XML:com.adobe.xmp")),
        resolution=_pair(info.get("dpi")),
        comment=info.get("comment"),
    )


def _exif(picture: PIL.Image.Image) -> bytes | None:
    stored = _bytes(picture.info.get("exif"))
    if stored is not None or picture.format != "TIFF":
        return stored
    # A TIFF file's own tags are its EXIF. Its picture is upright when it is decoded.
    try:
        tags = picture.getexif()
        tags.pop(TAG, None)
        return tags.tobytes() or None
    except (ValueError, TypeError, struct.error, KeyError):
        return None


def _pair(value: object) -> tuple[float, float] | None:
    if not (isinstance(value, tuple) and len(value) == 2):
        return None
    across, down = float(value[0]), float(value[1])
    return (across, down) if across > 0 and down > 0 else None


def _bytes(value: object) -> bytes | None:
    if isinstance(value, str):
        return value.encode()
    return value if isinstance(value, bytes) and value else None
