"""The segments of a JPEG file: what is said about the picture, and the picture itself.

``FF D8``, then segments (marker, length, content), then scans of entropy-coded data between
further tables, then ``FF D9``; cameras put more pictures behind it. Source: ITU-T T.81, annex B.
"""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from predictor.errors import UnreadableImage

SOI, EOI, SOS, DQT, DHT = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4
APP0, APP1, APP2, APP14, COM = 0xE0, 0xE1, 0xE2, 0xEE, 0xFE
_FRAMES = frozenset(range(0xC0, 0xD0)) - {DHT, 0xC8, 0xCC}
_SEQUENTIAL_OR_PROGRESSIVE = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)
_MPF = b"MPF\0"
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
"""What ends entropy-coded data: no stuffed byte, restart marker or filling."""


@dataclass(frozen=True)
class Segment:
    """One marker with what follows it; `content` is without the two bytes of its length."""

    marker: int
    content: bytes

    @property
    def is_about(self) -> bool:
        """Whether it says something about the picture and is no part of it: APPn or a comment."""
        return APP0 <= self.marker <= 0xEF or self.marker == COM

    @property
    def is_adobe(self) -> bool:
        """Whether it says how Adobe's programs coded the colours."""
        return self.marker == APP14 and self.content[:5] == b"Adobe" and len(self.content) >= 12

    def encoded(self) -> bytes:
        """Return the segment as it stands in a file."""
        return struct.pack(">BBH", 0xFF, self.marker, len(self.content) + 2) + self.content


@dataclass(frozen=True)
class Component:
    """A plane of the picture: its sampling, and the number of its quantisation table."""

    identifier: int
    horizontal: int
    vertical: int
    table: int


@dataclass(frozen=True)
class JpegFile:
    """A JPEG file taken apart."""

    head: tuple[Segment, ...]
    """The segments before the first scan."""
    scans: bytes
    """From the first scan's marker to before the end marker."""
    trailer: bytes
    """What comes after the end marker: further pictures, notes of the camera."""
    size: tuple[int, int]
    """Stored ``(height, width)``."""
    precision: int
    frame: int
    """Marker of the frame: 0xC0 baseline, 0xC2 progressive, …"""
    components: tuple[Component, ...]

    @property
    def is_transcodable(self) -> bool:
        """Whether its coefficients are of the usual kind: 8 bits, not lossless or hierarchical."""
        return self.frame in _SEQUENTIAL_OR_PROGRESSIVE and self.precision == 8

    @property
    def adobe_transform(self) -> int | None:
        """What Adobe's segment says: 0 RGB or CMYK, 1 YCbCr, 2 YCCK; None without it."""
        for segment in self.head:
            if segment.is_adobe:
                return segment.content[11]
        return None

    @property
    def is_jfif(self) -> bool:
        """Whether it says of itself that its colours are YCbCr."""
        return any(s.marker == APP0 and s.content[:5] == b"JFIF\0" for s in self.head)

    def huffman_symbols(self) -> dict[int, int]:
        """Return how many symbols each Huffman table of the head has, by its class and number."""
        counts = {}
        for segment in self.head:
            content = segment.content if segment.marker == DHT else b""
            while len(content) >= 17:
                counts[content[0]] = sum(content[1:17])
                content = content[17 + sum(content[1:17]) :]
        return counts

    def quantisation_tables(self) -> set[int]:
        """Return the numbers of the quantisation tables that the head has."""
        numbers = set()
        for segment in self.head:
            content = segment.content if segment.marker == DQT else b""
            while content:
                numbers.add(content[0] & 15)
                content = content[1 + (128 if content[0] >> 4 else 64) :]
        return numbers

    def with_picture(self, other: "JpegFile") -> bytes:
        """Return a file with the picture of `other` and all that this one says about its own.

        APPn segments, comments and what follows the end come byte for byte from this file, except
        for the places of further pictures (Multi-Picture Format), which move, and for Adobe's
        segment where the colours of `other` are coded in another way.
        """
        about = [segment for segment in self.head if segment.is_about]
        if other.adobe_transform is not None and other.adobe_transform != self.adobe_transform:
            about = [segment for segment in about if not segment.is_adobe]
            about += [segment for segment in other.head if segment.is_adobe]
        tables = b"".join(s.encoded() for s in other.head if not s.is_about)
        picture = tables + other.scans + bytes([0xFF, EOI])
        own = sum(len(s.encoded()) for s in self.head if not s.is_about) + len(self.scans) + 2
        moved = len(picture) - own
        said = b"".join(_with_moved_pictures(segment, moved).encoded() for segment in about)
        return bytes([0xFF, SOI]) + said + picture + self.trailer


def parsed_jpeg(data: bytes, name: str) -> JpegFile:
    """Return the parts of the JPEG file `data`.

    Raises `UnreadableImage`, which says `name`, if it is cut off or no JPEG.
    """
    head: list[Segment] = []
    place = None
    for segment, start in _segments(data, name):
        if segment.marker == SOS:
            place = start
            break
        head.append(segment)
    if place is None:
        raise UnreadableImage(f"{name} is not a whole picture: it ends before its first scan")
    # In entropy-coded data every FF is followed by 00 or a restart marker, so that this is the end.
    end = _end_of_scans(data, place)
    if end is None:
        raise UnreadableImage(f"{name} is not a whole picture: it was cut off")
    frames = [segment for segment in head if segment.marker in _FRAMES]
    if len(frames) != 1 or len(frames[0].content) < 6:
        raise UnreadableImage(f"{name} is not a JPEG picture: it has {len(frames)} frames")
    content = frames[0].content
    precision, height, width, count = struct.unpack_from(">BHHB", content)
    rows = [content[6 + 3 * number : 9 + 3 * number] for number in range(count)]
    components = tuple(
        Component(row[0], row[1] >> 4, row[1] & 15, row[2]) for row in rows if len(row) == 3
    )
    if not (height and width) or len(components) != count or not count:
        raise UnreadableImage(f"{name} is not a JPEG picture: its frame is {width}x{height}")
    return JpegFile(
        head=tuple(head),
        scans=data[place:end],
        trailer=data[end + 2 :],
        size=(height, width),
        precision=precision,
        frame=frames[0].marker,
        components=components,
    )


def _segments(data: bytes, name: str) -> Iterator[tuple[Segment, int]]:
    """Yield the segments of `data` and where each begins."""
    place = 2
    while place + 4 <= len(data):
        start = place
        if data[place] != 0xFF:
            raise UnreadableImage(f"{name} is not a whole picture: no marker at byte {place}")
        while place + 4 <= len(data) and data[place + 1] == 0xFF:  # fill bytes
            place += 1
        (length,) = struct.unpack_from(">H", data, place + 2)
        content = data[place + 4 : place + 2 + length]
        if len(content) != length - 2:
            raise UnreadableImage(f"{name} is not a whole picture: it was cut off")
        yield Segment(data[place + 1], content), start
        place += 2 + length


def _end_of_scans(data: bytes, start: int) -> int | None:
    """Return where the end marker is that follows the scans from `start` on."""
    place = start
    while (found := _MARKER.search(data, place)) is not None:
        place = found.start()
        if data[place + 1] == EOI:
            return place
        (length,) = struct.unpack(">H", data[place + 2 : place + 4].rjust(2, b"\0"))
        place += 2 + length
    return None


def _with_moved_pictures(segment: Segment, moved: int) -> Segment:
    """Return an index of further pictures with places for a first picture `moved` bytes longer.

    Any other segment is returned as it is. Source: CIPA DC-007, Multi-Picture Format.
    """
    content = segment.content
    if segment.marker != APP2 or content[:4] != _MPF or not moved:
        return segment
    header = len(_MPF)
    order = {b"II": "<", b"MM": ">"}.get(content[header : header + 2])
    try:
        if order is None:
            return segment
        (directory,) = struct.unpack_from(f"{order}I", content, header + 4)
        (count,) = struct.unpack_from(f"{order}H", content, header + directory)
        changed = bytearray(content)
        for number in range(count):
            entry = header + directory + 2 + 12 * number
            tag, _, size, offset = struct.unpack_from(f"{order}HHII", content, entry)
            if tag == 0xB002:
                for picture in range(size // 16):
                    where = header + offset + 16 * picture
                    length, place = struct.unpack_from(f"{order}II", content, where + 4)
                    if place:
                        struct.pack_into(f"{order}I", changed, where + 8, place + moved)
                    else:
                        struct.pack_into(f"{order}I", changed, where + 4, length + moved)
        return Segment(segment.marker, bytes(changed))
    except struct.error:  # a damaged index stays as it is
        return segment
