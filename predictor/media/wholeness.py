"""Whether a file goes on to where its own structure says it ends."""

from pathlib import Path
from typing import BinaryIO

_RIFF_SLACK = 16  # some recorders count a header or a padding byte too many
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


def _variable_integer(file: BinaryIO) -> tuple[int, int]:
    """Return an EBML variable-size integer and its width in bytes."""
    first = file.read(1)[0]
    width = 9 - first.bit_length()
    rest = file.read(width - 1)
    return int.from_bytes(bytes([first]) + rest, "big") & ((1 << 7 * width) - 1), width
