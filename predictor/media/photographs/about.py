"""What a photograph says about itself, taken over when it is written in another format."""

import contextlib
import struct
from dataclasses import dataclass, replace
from typing import Any

import PIL.Image

from predictor.media.photographs.header import Header
from predictor.media.photographs.tiff_coding import byte_order

THUMBNAIL_KEPT = "its thumbnail is kept and may still show what was there"
_EXIF_NAME = b"Exif\0\0"
_JPEG_START = b"\xff\xd8\xff"
_THUMBNAIL_TAGS = frozenset({273, 513})
"""Where the second directory of EXIF says that its picture lies: EXIF 2.32, section 4.5.8."""
_DIRECTORIES = frozenset({34665, 34853})
_DESCRIPTIVE = _DIRECTORIES | {269, 270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 33432,
                               40091, 40092, 40093, 40094, 40095}  # fmt: skip
"""Tags of a TIFF file that say something about its picture, EXIF and place among them.

The others are about how it is stored: its orientation too, since it is upright when decoded.
"""


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

    @property
    def carried(self) -> tuple[str, ...]:
        """What the EXIF still shows of the picture as it was, in words."""
        return (THUMBNAIL_KEPT,) if shows_picture(self.exif or b"") else ()

    @property
    def exif_directory(self) -> bytes | None:
        """The EXIF as the TIFF file that it is; None where it is none, or there is none."""
        tiff = (self.exif or b"").removeprefix(_EXIF_NAME)
        with contextlib.suppress(ValueError):
            byte_order(tiff)
            return tiff
        return None

    def within(self, most_bytes: int) -> tuple["About", list[str]]:
        """Return the same without EXIF, XMP or comment of more than that, and the names of those.

        A colour profile may be longer: it is written in parts.
        """
        texts = {"exif": "EXIF", "xmp": "XMP", "comment": "the comment"}
        long = [key for key in texts if len(_bytes(getattr(self, key)) or b"") > most_bytes]
        return replace(self, **dict.fromkeys(long)), [texts[key] for key in long]

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


def shows_picture(said: bytes) -> bool:
    """Return whether a smaller picture lies in `said`, EXIF or another text about a picture.

    It is a JPEG anywhere in it, as makers' notes have too, or one without compression in the second
    directory of EXIF.
    """
    return _JPEG_START in said or _has_second_picture(said.removeprefix(_EXIF_NAME))


def _has_second_picture(tiff: bytes) -> bool:
    try:
        order = byte_order(tiff)
        (place,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, place)
        (place,) = struct.unpack_from(f"{order}I", tiff, place + 2 + 12 * count)
        (count,) = struct.unpack_from(f"{order}H", tiff, place) if place else (0,)
        entries = range(place + 2, place + 2 + 12 * count, 12)
        return any(struct.unpack_from(f"{order}H", tiff, at)[0] in _THUMBNAIL_TAGS
                   for at in entries)  # fmt: skip
    except (ValueError, struct.error):  # damaged, so that no viewer finds it either
        return False


def _exif(picture: PIL.Image.Image) -> bytes | None:
    stored = _bytes(picture.info.get("exif")) or _written_out(picture)
    if stored is not None:  # some formats leave out the name that JPEG needs
        return stored if stored.startswith(_EXIF_NAME) else _EXIF_NAME + stored
    if picture.format != "TIFF":
        return None
    try:
        stored_tags, tags = picture.getexif(), PIL.Image.Exif()
        for tag in _DESCRIPTIVE.intersection(stored_tags):
            tags[tag] = stored_tags.get_ifd(tag) if tag in _DIRECTORIES else stored_tags[tag]
        return tags.tobytes() if tags else None
    except (ValueError, TypeError, struct.error, KeyError):
        return None


def _written_out(picture: PIL.Image.Image) -> bytes | None:
    """Return EXIF that a PNG has as digits in a text, as ImageMagick writes it."""
    text = picture.info.get("Raw profile type exif")
    try:
        return bytes.fromhex("".join(text.split("\n")[3:])) if isinstance(text, str) else None
    except ValueError:
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
