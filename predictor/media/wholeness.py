"""Tell whether a video file is complete, from the sizes that its own structure declares."""

import re
from pathlib import Path
from typing import BinaryIO

_RIFF_SLACK = 16  # some recorders count a header or a padding byte too many
_ASF_HEADER = 8192  # bytes in which the file properties stand
_ASF_PROPERTIES = bytes.fromhex("A1DCAB8C47A9CF118EE400C00C205365")
_LONGEST_LINE = 1024
_Y4M_LAYOUT = re.compile(r"(?P<chroma>mono|420|411|422|444)(?:p?(?P<depth>\d+))?(?P<alpha>alpha)?")
_Y4M_CHROMA = {"mono": (0, 0), "420": (2, 2), "411": (4, 1), "422": (2, 1), "444": (1, 1)}
_TRANSPORT_PACKETS = (188, 192, 204)


def lacks_its_end(path: Path, container: str) -> bool:
    """Whether the file at `path` was cut off, judged by the sizes that `container` declares.

    Decoders often read such a file to its last byte without a word. Containers without declared
    sizes, and those still being written when a device stopped, count as whole.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if container.startswith("mov,"):
            return _boxes_end(file, size) > size
        if container == "avi":
            return _chunks_end(file, size) > size + _RIFF_SLACK
        if container.startswith("matroska"):
            return _segment_end(file) > size
        if container == "asf":
            return _declared_size(file) > size
        if container == "flv":
            return not _ends_with_a_tag(file, size)
        if container == "yuv4mpegpipe":
            return _ends_within_a_picture(file, size)
        if container == "gif":
            file.seek(-1, 2)
            return file.read() not in b";\0"  # the trailer, or a whole picture without one
    return container == "mpegts" and all(size % length for length in _TRANSPORT_PACKETS)


def _boxes_end(file: BinaryIO, size: int) -> int:
    """Return where the last top-level box of an ISO base media file ends (ISO 14496-12, 4.2)."""
    position = 0
    while position + 8 <= size:
        file.seek(position)
        header = file.read(16)
        length = int.from_bytes(header[:4], "big")
        if length == 1:
            length = int.from_bytes(header[8:16], "big")
        if length < 8 or not header[4:8].isalnum():  # 0: to the end of the file; else no box
            return size
        position += length
    return position


def _chunks_end(file: BinaryIO, size: int) -> int:
    """Return where the last RIFF chunk ends; OpenDML files have several."""
    position = 0
    while position + 8 <= size:
        file.seek(position)
        header = file.read(8)
        length = int.from_bytes(header[4:], "little")
        if header[:4] != b"RIFF" or length == 0:
            return size
        position += 8 + length
    return position


def _segment_end(file: BinaryIO) -> int:
    """Return where the segment of a Matroska file ends, 0 if it is live (RFC 8794, 4 to 6)."""
    file.seek(4)
    header_length, _ = _variable_integer(file)
    file.seek(header_length + 4, 1)  # over the header, and over the segment's identifier
    length, width = _variable_integer(file)
    is_unknown = length == (1 << 7 * width) - 1
    return 0 if is_unknown else file.tell() + length


def _declared_size(file: BinaryIO) -> int:
    """Return the size that the file properties of an ASF file state, 0 if none (ASF 1.2, 3.2)."""
    start = file.read(_ASF_HEADER)
    place = start.find(_ASF_PROPERTIES)
    return 0 if place < 0 else int.from_bytes(start[place + 40 : place + 48], "little")


def _ends_with_a_tag(file: BinaryIO, size: int) -> bool:
    """Whether an FLV file ends with the size of the tag before (Adobe FLV 10.1, E.3)."""
    file.seek(size - 4)
    length = int.from_bytes(file.read(4), "big")
    if not 11 <= length <= size - 13:
        return False
    file.seek(size - 4 - length)
    header = file.read(4)
    return length == 11 + int.from_bytes(header[1:], "big")


def _ends_within_a_picture(file: BinaryIO, size: int) -> bool:
    """Whether a Y4M file ends within a picture: each follows a line of its own, all of one size."""
    header, line = file.readline(_LONGEST_LINE), file.readline(_LONGEST_LINE)
    fields = {word[:1]: word[1:].decode("latin-1") for word in header.split()[1:]}
    layout = _Y4M_LAYOUT.match(fields.get(b"C", "420jpeg"))
    if layout is None:
        return False
    width, height = int(fields[b"W"]), int(fields[b"H"])
    across, down = _Y4M_CHROMA[layout["chroma"]]
    samples = width * height
    if across:
        samples += 2 * -(-width // across) * -(-height // down)
    if layout["alpha"]:
        samples += width * height
    picture = samples * (2 if int(layout["depth"] or 8) > 8 else 1)
    return (size - len(header)) % (len(line) + picture) > 0


def _variable_integer(file: BinaryIO) -> tuple[int, int]:
    """Return an EBML variable-size integer and its width in bytes."""
    first = file.read(1)[0]
    width = 9 - first.bit_length()
    rest = file.read(width - 1)
    return int.from_bytes(bytes([first]) + rest, "big") & ((1 << 7 * width) - 1), width
