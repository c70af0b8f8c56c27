"""TIFF photographs: strips that a hole touches are coded anew in a file that else stays as it is.

Every page, tag, thumbnail and private note keeps its bytes and its place; a new strip takes the
place of the old one, or lies at the end of the file where it is larger. Source: TIFF revision 6.0;
BigTIFF has wider numbers.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from predictor.errors import OutputNotWritten, UnreadableImage
from predictor.holes import Box
from predictor.media.photographs.canvas import RasterCanvas
from predictor.media.photographs.colour_models import (
    Cmyk,
    ColourModel,
    Grey,
    Palette,
    Rgb,
    Stored,
    fractions,
    levels,
)
from predictor.media.photographs.orientation import displayed, known_orientation
from predictor.media.photographs.tiff_coding import (
    COMPRESSIONS,
    DamagedStrip,
    decoded_strip,
    encoded_strip,
)

_TYPES = {1: "B", 2: "B", 3: "H", 4: "I", 6: "b", 7: "B", 8: "h", 9: "i", 13: "I", 16: "Q", 18: "Q"}
_LONG = 4
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB, _PALETTE, _INKS = 0, 1, 2, 3, 5
_MULTIPLIED, _NOT_MULTIPLIED = 1, 2
"""Kinds of further samples that are opacity: colours are multiplied by it, or not."""
_SAMPLE_FORMATS = {
    1: "unsigned integers",
    2: "signed integers",
    3: "floating point",
    5: "complex integers",
    6: "complex floating point",
}
_LAYERS = 37724
_DNG_VERSION = 50706


class UnusualTiff(Exception):
    """A page whose strips are not coded anew here; the message says what is unusual."""


@dataclass(frozen=True)
class _Entry:
    """One tag: where its entry lies in the file, and of what kind, how many and where its values.

    They are unpacked only when they are asked for: some tags hold layers of hundreds of megabytes.
    """

    place: int
    kind: int
    count: int
    values_place: int


class TiffFile:
    """The directories of a TIFF file. Raises `UnreadableImage`, which says `name`, if damaged."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data = data
        self.name = name
        self.order = {b"II": "<", b"MM": ">"}.get(data[:2], "<")
        version = struct.unpack(f"{self.order}H", data[2:4])[0] if len(data) >= 8 else 0
        if version not in (42, 43):
            raise UnreadableImage(f"{name} is not a whole picture: its header is damaged")
        self.is_big = version == 43
        self.pages = list(self._pages())

    def unread(self) -> UnreadableImage:
        """Return an error that names the samples of the first page, which are not read here."""
        if not self.pages:
            return UnreadableImage(f"{self.name} is not a whole picture: it has no pages")
        return UnreadableImage(f"{self.name} is a TIFF {self.pages[0].why_unread}")

    def _pages(self) -> "Iterator[TiffPage]":
        word = "Q" if self.is_big else "I"
        count, entry = ("Q", 20) if self.is_big else ("H", 12)
        seen = set()
        try:
            (place,) = struct.unpack_from(f"{self.order}{word}", self.data, 8 if self.is_big else 4)
            while place and place not in seen:
                seen.add(place)
                (number,) = struct.unpack_from(f"{self.order}{count}", self.data, place)
                place += struct.calcsize(f"={count}")
                entries = dict(self._entry(place + entry * index) for index in range(number))
                yield TiffPage(self, entries)
                (place,) = struct.unpack_from(
                    f"{self.order}{word}", self.data, place + entry * number
                )
        except struct.error as error:
            raise UnreadableImage(f"{self.name} is not a whole picture: it was cut off") from error

    def _entry(self, place: int) -> tuple[int, _Entry]:
        layout, room = ("HHQ", 8) if self.is_big else ("HHI", 4)
        tag, kind, count = struct.unpack_from(f"{self.order}{layout}", self.data, place)
        if kind not in _TYPES:  # fractions, floats: nothing that is needed here
            return tag, _Entry(place, kind, 0, place)
        values = place + struct.calcsize(f"={layout}")
        size = count * struct.calcsize(_TYPES[kind])
        if size > room:
            word = "Q" if self.is_big else "I"
            (values,) = struct.unpack_from(f"{self.order}{word}", self.data, values)
        if values + size > len(self.data):
            raise UnreadableImage(f"{self.name} is not a whole picture: it was cut off")
        return tag, _Entry(place, kind, count, values)

    def values(self, entry: _Entry) -> tuple[int, ...]:
        """Return the values of `entry`; none of fractions and floats."""
        form = f"{self.order}{entry.count}{_TYPES.get(entry.kind, 'B')}"
        return struct.unpack_from(form, self.data, entry.values_place)


class TiffPage:
    """One picture of a TIFF file."""

    def __init__(self, file: TiffFile, entries: dict[int, _Entry]) -> None:
        self.file = file
        self.entries = entries

    @property
    def size(self) -> tuple[int, int]:
        """Stored ``(height, width)``."""
        return self._one(257, 0), self._one(256, 0)

    @property
    def is_smaller_copy(self) -> bool:
        """Whether it says that it is another page at a lower resolution."""
        return bool(self._one(254, 0) & 1)

    @property
    def is_raw(self) -> bool:
        """Whether it is of a camera's raw file."""
        return _DNG_VERSION in self.entries

    @property
    def has_layers(self) -> bool:
        """Whether it holds the layers that an editor made it from."""
        return _LAYERS in self.entries

    @property
    def kind(self) -> str:
        """How many samples a pixel has, and of which type, in words."""
        bits = ", ".join(map(str, sorted(set(self._all(258, (1,))))))
        types = " and ".join(
            _SAMPLE_FORMATS.get(kind, f"of format {kind}")
            for kind in sorted(set(self._all(339, (1,))))
        )
        plural = "s" if self._samples > 1 else ""
        return f"{self._samples} sample{plural} a pixel, {types} of {bits} bits"

    @property
    def why_unread(self) -> str:
        """What is unusual about it, of samples of another type, or of colours or coding."""
        is_usual = set(self._all(258, (1,))) in ({8}, {16}) and set(self._all(339, (1,))) == {1}
        if is_usual and self._samples <= 4:
            return (
                f"of photometric interpretation {self._one(262, 0)} with compression "
                f"{self._one(259, 1)}, which cannot be decoded here"
            )
        return (
            f"with {self.kind}, expected 1 to 4 samples a pixel, unsigned integers of 8 or 16 bits"
        )

    @cached_property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of a sample in the file."""
        bits = set(self._all(258, (1,)))
        if bits not in ({8}, {16}):
            raise UnusualTiff(f"samples of {', '.join(map(str, sorted(bits)))} bits")
        return np.dtype(f"{self.file.order}u{bits.pop() // 8}")

    @property
    def _native(self) -> type[np.uint8] | type[np.uint16]:
        return np.uint8 if self.dtype.itemsize == 1 else np.uint16

    def canvas(self) -> RasterCanvas:
        """Return the decoded page. Raises `UnusualTiff`, and `UnreadableImage` if damaged."""
        model, has_alpha = self._model()
        compression, predictor = self._one(259, 1), self._one(317, 1)
        if compression not in COMPRESSIONS:
            raise UnusualTiff(f"compression {compression}")
        if predictor not in (1, 2):
            raise UnusualTiff(f"predictor {predictor}")
        if self._one(266, 1) != 1 or set(self._all(339, (1,))) != {1}:
            raise UnusualTiff("samples that are no plain integers")
        height, width = self.size
        samples: Stored = np.zeros((height, width, self._samples), self._native)
        for number, (box, planes) in enumerate(self._strips):
            shape = (box.height, box.width, planes.stop - planes.start)
            inside = box.within(height, width)
            try:
                strip = decoded_strip(
                    self._coded(number), shape, self.dtype, compression, predictor
                )
            except DamagedStrip as error:
                raise UnreadableImage(
                    f"{self.file.name} is not a whole picture: {error}"
                ) from error
            samples[inside.rows, inside.columns, planes] = strip[: inside.height, : inside.width]
        orientation = known_orientation(self._one(274, 1))
        return RasterCanvas(samples, model, has_alpha, orientation)

    def plain_canvas(self) -> RasterCanvas:
        """Return the decoded page as other formats have it. Raises as `canvas` does.

        It is upright, 0 is black, and beside the colours there is at most opacity, by which they
        are not multiplied.
        """
        canvas, kinds = self.canvas(), self._all(338, ())
        samples = displayed(canvas.samples, canvas.orientation)
        model, colours = canvas.model, samples[..., : canvas.model.channels]
        if isinstance(model, Grey) and model.is_inverted:
            model, colours = Grey(), np.invert(colours)
        known = [at for at, kind in enumerate(kinds) if kind in (_MULTIPLIED, _NOT_MULTIPLIED)][:1]
        opacity = samples[..., [model.channels + at for at in known]]
        if known and kinds[known[0]] == _MULTIPLIED and not isinstance(model, Palette):
            share = fractions(opacity)
            divided = np.divide(fractions(colours), share, out=np.zeros(colours.shape, np.float32),
                                where=share > 0)  # fmt: skip
            colours = levels(divided, colours)
        return RasterCanvas(np.concatenate([colours, opacity], axis=2), model, bool(known))

    def patch(self, target: bytearray, samples: Stored, painted: Sequence[Box]) -> None:
        """Code the strips of `samples` that `painted` touches anew, into the file `target`."""
        compression, predictor = self._one(259, 1), self._one(317, 1)
        offsets, lengths = list(self._offsets), list(self._lengths)
        is_shared = len(set(offsets)) < len(offsets)
        for number, (box, planes) in enumerate(self._strips):
            if not any(box.meets(other) for other in painted):
                continue
            part = samples[box.rows, box.columns, planes]
            missing = box.height - part.shape[0], box.width - part.shape[1]
            if any(missing):  # the last tiles reach beyond the picture
                part = np.pad(part, [(0, missing[0]), (0, missing[1]), (0, 0)], mode="edge")
            coded = encoded_strip(part, self.dtype, compression, predictor)
            place, length = offsets[number], lengths[number]
            if len(coded) > length or is_shared:
                place = len(target) + len(target) % 2
                target += b"\0" * (place - len(target))
            if not is_shared:  # nothing is left of what was there
                target[offsets[number] : offsets[number] + length] = b"\0" * length
            target[place : place + len(coded)] = coded
            offsets[number], lengths[number] = place, len(coded)
        if len(target) >= 2**32 and not self.file.is_big:
            raise OutputNotWritten(f"{self.file.name}: TIFF files end at 4 GB")
        self._replace(target, self._place_tag, offsets)
        self._replace(target, self._length_tag, lengths)

    def _model(self) -> tuple[ColourModel, bool]:
        kind, extra = self._one(262, -1), self._all(338, ())
        models: dict[int, ColourModel] = {
            _WHITE_IS_ZERO: Grey(is_inverted=True),
            _BLACK_IS_ZERO: Grey(),
            _RGB: Rgb(),
            _INKS: Cmyk(),
        }
        if kind == _PALETTE:
            table = np.array(self._all(320, ()), np.uint32).reshape(3, -1).T
            # Some write 256 times the level of 8 bits, some 257 times.
            colours = (table // 256).clip(0, 255).astype(np.uint8)
            models[_PALETTE] = Palette(colours, np.full(len(colours), 255, np.uint8))
        if kind not in models:
            raise UnusualTiff(f"colours of kind {kind}")
        model = models[kind]
        if model.channels + len(extra) != self._samples:
            raise UnusualTiff(f"{self._samples} samples a pixel")
        return model, len(extra) == 1 and extra[0] in (_MULTIPLIED, _NOT_MULTIPLIED)

    @cached_property
    def _strips(self) -> list[tuple[Box, slice]]:
        """What each strip or tile holds: rows and columns, and which samples of a pixel."""
        height, width = self.size
        tile = (self._one(323, 0), self._one(322, 0))
        if not all(tile):
            rows = min(self._one(278, height), height)
            boxes = [
                Box(top, 0, min(top + rows, height), width) for top in range(0, height, rows or 1)
            ]
        else:
            boxes = [
                Box(top, left, top + tile[0], left + tile[1])
                for top in range(0, height, tile[0])
                for left in range(0, width, tile[1])
            ]
        planes = [slice(0, self._samples)]
        if self._one(284, 1) == 2:
            planes = [slice(number, number + 1) for number in range(self._samples)]
        strips = [(box, plane) for plane in planes for box in boxes]
        if not len(strips) == len(self._offsets) == len(self._lengths):
            raise UnreadableImage(f"{self.file.name} is not a whole picture: strips are missing")
        return strips

    def _coded(self, number: int) -> bytes:
        start, length = self._offsets[number], self._lengths[number]
        coded = self.file.data[start : start + length]
        if len(coded) < length:
            raise UnreadableImage(f"{self.file.name} is not a whole picture: it was cut off")
        return coded

    @property
    def _samples(self) -> int:
        return self._one(277, 1)

    @property
    def _place_tag(self) -> int:
        return 324 if 324 in self.entries else 273

    @property
    def _length_tag(self) -> int:
        return 325 if 325 in self.entries else 279

    @cached_property
    def _offsets(self) -> tuple[int, ...]:
        return self._all(self._place_tag, ())

    @cached_property
    def _lengths(self) -> tuple[int, ...]:
        return self._all(self._length_tag, ())

    def _one(self, tag: int, otherwise: int) -> int:
        values = self._all(tag, ())
        return values[0] if values else otherwise

    def _all(self, tag: int, otherwise: tuple[int, ...]) -> tuple[int, ...]:
        return self.file.values(self.entries[tag]) if tag in self.entries else otherwise

    def _replace(self, target: bytearray, tag: int, values: Sequence[int]) -> None:
        """Write new values of a tag over the old ones; where they are too wide, at the end."""
        entry, order, is_big = self.entries[tag], self.file.order, self.file.is_big
        layout, room = ("HHQ", 8) if is_big else ("HHI", 4)
        kind = entry.kind
        if kind != 16 and max(values) >= 1 << 8 * struct.calcsize(_TYPES[kind]):
            kind = 16 if is_big else _LONG
        coded = struct.pack(f"{order}{len(values)}{_TYPES[kind]}", *values)
        field = entry.place + struct.calcsize(f"={layout}")
        if len(coded) <= room:
            target[field : field + room] = coded.ljust(room, b"\0")
        else:
            word = f"{order}{'Q' if is_big else 'I'}"
            (place,) = struct.unpack_from(word, target, field)
            if kind != entry.kind:
                place = len(target) + len(target) % 2
                target += b"\0" * (place - len(target)) + coded
                struct.pack_into(word, target, field, place)
            target[place : place + len(coded)] = coded
        struct.pack_into(f"{order}H", target, entry.place + 2, kind)
