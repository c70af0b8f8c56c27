"""Parameter sets of H.264 and HEVC streams, so that a second encoder's pictures share one stream.

A picture refers to its settings by the number of a parameter set. The sets of an appended tail are
therefore given unused numbers, and containers that keep sets apart from pictures (in ``avcC`` and
``hvcC`` records: mp4, mov, mkv, flv) get those of source and tail in their header.

Sources: ISO/IEC 14496-15 sections 5.3.3 and 8.3.3 (the two records), ITU-T H.264 section 7.3.2,
ITU-T H.265 section 7.3.2 and 7.3.6 (where the numbers stand).
"""

import re
from collections.abc import Iterable

H264_SPS, H264_PPS, H264_SEI = 7, 8, 6
HEVC_VPS, HEVC_SPS, HEVC_PPS = 32, 33, 34
HEVC_NUMBER = 15
"""The number that an appended HEVC tail uses: nine bits where x265's own number 0 takes one.

All that follows it in a slice header thus moves by exactly one byte, so that the coded picture,
which must start at a byte, can be moved without being parsed.
"""

_USER_DATA = 5
_START_CODE = re.compile(rb"\x00\x00\x01")
_EMULATION = re.compile(rb"\x00\x00(?=[\x00-\x03])")


def is_length_prefixed(extradata: bytes) -> bool:
    """Return whether the stream's units carry their length, its sets being in `extradata`."""
    return len(extradata) > 6 and extradata[0] == 1


def units(stream: bytes) -> list[bytes]:
    """Return the NAL units of an Annex B byte stream (start codes removed)."""
    starts = [match.end() for match in _START_CODE.finditer(stream)]
    ends = [start - 3 for start in starts[1:]] + [len(stream)]
    return [stream[start:end].rstrip(b"\0") for start, end in zip(starts, ends, strict=True)]


def length_prefixed(nal_units: Iterable[bytes], length_size: int) -> bytes:
    """Return `nal_units` joined, each behind its length in `length_size` bytes."""
    return b"".join(len(unit).to_bytes(length_size, "big") + unit for unit in nal_units)


def byte_stream(nal_units: Iterable[bytes]) -> bytes:
    """Return `nal_units` joined as an Annex B byte stream."""
    return b"".join(b"\0\0\0\1" + unit for unit in nal_units)


def h264_kind(unit: bytes) -> int:
    """Return the type of an H.264 unit."""
    return unit[0] & 0x1F


def hevc_kind(unit: bytes) -> int:
    """Return the type of an HEVC unit."""
    return (unit[0] >> 1) & 0x3F


def is_h264_signature(unit: bytes) -> bool:
    """Return whether an H.264 unit is the text in which an encoder names itself.

    Decoders use it to work around known bugs of that encoder.
    """
    return h264_kind(unit) == H264_SEI and unit[1] == _USER_DATA


class AvcRecord:
    """An ``avcC`` record: the H.264 sets of a stream and the size of its length fields.

    Raises `ValueError` where the bytes are not such a record.
    """

    def __init__(self, extradata: bytes) -> None:
        reader = _Reader(extradata)
        self.head = reader.taken(5)
        self.length_size = (self.head[4] & 3) + 1
        self.sequence_sets = [reader.taken(reader.number(2)) for _ in range(reader.number(1) & 31)]
        self.picture_sets = [reader.taken(reader.number(2)) for _ in range(reader.number(1))]
        self.extension = reader.rest()

    def numbers(self) -> set[int]:
        """Return the numbers that sequence or picture sets of this stream use."""
        sequence = {_exp_golomb(_payload(unit, 1), 24) for unit in self.sequence_sets}
        return sequence | {_exp_golomb(_payload(unit, 1), 0) for unit in self.picture_sets}

    def with_sets_of(self, nal_units: Iterable[bytes]) -> bytes:
        """Return this record's bytes with the sets among `nal_units` added."""
        kinds = [(h264_kind(unit), unit) for unit in nal_units]
        sequence = self.sequence_sets + [unit for kind, unit in kinds if kind == H264_SPS]
        picture = self.picture_sets + [unit for kind, unit in kinds if kind == H264_PPS]
        if len(sequence) > 31 or len(picture) > 255:
            raise ValueError("its header has no room for more parameter sets")
        return b"".join(
            [
                self.head,
                bytes([0xE0 | len(sequence)]),
                length_prefixed(sequence, 2),
                bytes([len(picture)]),
                length_prefixed(picture, 2),
                self.extension,
            ]
        )


class HevcRecord:
    """An ``hvcC`` record: the HEVC sets of a stream and the size of its length fields.

    Raises `ValueError` where the bytes are not such a record.
    """

    def __init__(self, extradata: bytes) -> None:
        reader = _Reader(extradata)
        self.head = reader.taken(22)
        self.length_size = (self.head[21] & 3) + 1
        self.arrays: list[tuple[int, list[bytes]]] = []
        for _ in range(reader.number(1)):
            kind = reader.number(1)
            self.arrays.append(
                (kind, [reader.taken(reader.number(2)) for _ in range(reader.number(2))])
            )

    def numbers(self) -> set[int]:
        """Return the numbers that video, sequence or picture sets of this stream use."""
        found = set()
        for kind, sets in self.arrays:
            for unit in sets:
                payload = _payload(unit, 2)
                if kind & 63 == HEVC_VPS:
                    found.add(payload[0] >> 4)
                elif kind & 63 == HEVC_SPS:
                    found.add(_exp_golomb(payload, _sps_number_position(payload)))
                elif kind & 63 == HEVC_PPS:
                    found.add(_exp_golomb(payload, 0))
        return found

    def with_sets_of(self, nal_units: Iterable[bytes]) -> bytes:
        """Return this record's bytes with the sets among `nal_units` added.

        The two hints about parallel decoding become "unknown": they must hold for all pictures.
        """
        arrays = [(kind, list(sets)) for kind, sets in self.arrays]
        for unit in nal_units:
            kind = hevc_kind(unit)
            if kind not in (HEVC_VPS, HEVC_SPS, HEVC_PPS):
                continue
            for present, sets in arrays:
                if present & 63 == kind:
                    sets.append(unit)
                    break
            else:
                arrays.append((0x80 | kind, [unit]))
        head = bytearray(self.head)
        head[13:16] = b"\xf0\x00\xfc"
        body = b"".join(
            bytes([kind]) + len(sets).to_bytes(2, "big") + length_prefixed(sets, 2)
            for kind, sets in arrays
        )
        return bytes(head) + bytes([len(arrays)]) + body


def with_hevc_number(unit: bytes) -> bytes:
    """Return an HEVC unit of a stream whose sets are numbered 0, renumbered `HEVC_NUMBER`.

    Raises `ValueError` where the unit uses another number. Supplemental information is returned
    as it is: x265 writes none that names a set unless asked to.
    """
    kind, payload = hevc_kind(unit), _payload(unit, 2)
    if kind <= 9:
        payload = _renumbered(payload, 1)
    elif 16 <= kind <= 21:
        payload = _renumbered(payload, 2)
    elif kind == HEVC_VPS:
        payload = _with_high_nibble(payload)
    elif kind == HEVC_SPS:
        position = _sps_number_position(payload)
        payload = _renumbered(_with_high_nibble(payload), position)
    elif kind == HEVC_PPS:
        payload = _renumbered(_renumbered(payload, 1), 0)
    else:
        return unit
    return unit[:2] + _EMULATION.sub(b"\x00\x00\x03", payload)


def _payload(unit: bytes, header_size: int) -> bytes:
    """Return the unit's payload without emulation prevention."""
    return unit[header_size:].replace(b"\x00\x00\x03", b"\x00\x00")


def _with_high_nibble(payload: bytes) -> bytes:
    if payload[0] >> 4:
        raise ValueError("an HEVC set is not numbered 0")
    return bytes([HEVC_NUMBER << 4 | payload[0] & 15]) + payload[1:]


def _renumbered(payload: bytes, position: int) -> bytes:
    """Return `payload` one byte longer: its number 0 at bit `position` is `HEVC_NUMBER`."""
    if _exp_golomb(payload, position) != 0:
        raise ValueError("an HEVC unit does not use the set number 0")
    behind = len(payload) * 8 - position - 1
    bits = int.from_bytes(payload, "big")
    number = (bits >> (behind + 1)) << 9 | (HEVC_NUMBER + 1)
    return (number << behind | bits & ((1 << behind) - 1)).to_bytes(len(payload) + 1, "big")


def _sps_number_position(payload: bytes) -> int:
    """Return the bit at which the number of an HEVC sequence set stands (H.265 7.3.2.2, 7.3.3)."""
    layers = payload[0] >> 1 & 7
    position = 8 + 96
    if layers:
        flags = int.from_bytes(payload[13:15], "big")
        position += 16
        for layer in range(layers):
            position += 88 if flags >> (15 - 2 * layer) & 1 else 0
            position += 8 if flags >> (14 - 2 * layer) & 1 else 0
    return position


def _exp_golomb(payload: bytes, position: int) -> int:
    """Return the unsigned Exp-Golomb number at bit `position`; raises `ValueError` at the end."""
    window = payload[position // 8 : position // 8 + 9]
    bits = f"{int.from_bytes(window, 'big'):0{len(window) * 8}b}"[position % 8 :]
    zeros = len(bits) - len(bits.lstrip("0"))
    if 2 * zeros + 1 > len(bits):
        raise ValueError("a parameter set ends too early")
    return int(bits[zeros : 2 * zeros + 1], 2) - 1


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def taken(self, size: int) -> bytes:
        if self.position + size > len(self.data):
            raise ValueError("its header ends too early")
        self.position += size
        return self.data[self.position - size : self.position]

    def number(self, size: int) -> int:
        return int.from_bytes(self.taken(size), "big")

    def rest(self) -> bytes:
        return self.data[self.position :]
