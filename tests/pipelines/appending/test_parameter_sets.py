from pathlib import Path

import av
import pytest
from encoded_clips import QUIET_HEVC, make_clip
from hypothesis import given
from hypothesis import strategies as st

from pipelines.appending.parameter_sets import (
    HEVC_NUMBER,
    AvcRecord,
    HevcRecord,
    hevc_kind,
    is_length_prefixed,
    length_prefixed,
    units,
    with_hevc_number,
)

PPS_HEADER = bytes([34 << 1, 1])
SLICE_HEADER = bytes([1 << 1, 1])


def test_a_byte_stream_falls_into_its_units() -> None:
    stream = b"\0\0\0\1\x67ab\0\0\1\x68c\0\0\0\1\x65\0\0\3\1"
    assert units(stream) == [b"\x67ab", b"\x68c", b"\x65\0\0\3\1"]
    assert length_prefixed([b"ab", b"c"], 2) == b"\0\2ab\0\1c"


def test_a_picture_set_is_renumbered_bit_by_bit() -> None:
    """Two numbers 0 (a bit each) become 15 (000010000 each); the rest moves by two bytes."""
    unit = PPS_HEADER + bytes([0b11_010110, 0b10101010])
    expected = bytes([0b00001000, 0b00000100, 0b00_010110, 0b10101010])
    assert with_hevc_number(unit) == PPS_HEADER + expected


@given(st.lists(st.sampled_from([0, 0, 1, 2, 3, 4, 255]), max_size=40).map(bytes))
def test_a_slice_keeps_its_coded_bytes(body: bytes) -> None:
    """First-slice flag and number 0 stand in the first byte; all behind it moves by one byte."""
    raw = bytes([0b1_1_101010]) + body + b"\x80"
    moved = with_hevc_number(SLICE_HEADER + _escaped(raw))
    assert b"\0\0\0" not in moved
    assert b"\0\0\1" not in moved
    assert _unescaped(moved[2:]) == bytes([0b1_0000100, 0b00_101010]) + body + b"\x80"


def test_a_slice_of_another_set_is_refused() -> None:
    with pytest.raises(ValueError, match="set number 0"):
        with_hevc_number(SLICE_HEADER + bytes([0b1_010_0000, 0x80]))


def test_a_merged_avc_header_holds_both_and_its_extension(tmp_path: Path) -> None:
    extradata = _extradata(tmp_path / "in.mp4", {})
    record = AvcRecord(extradata)
    assert record.numbers() == {0}
    same = [record.sequence_sets[0], record.picture_sets[0]]
    merged = AvcRecord(record.with_sets_of(same))
    assert merged.sequence_sets == record.sequence_sets * 2
    assert merged.picture_sets == record.picture_sets * 2
    assert (merged.head, merged.extension) == (record.head, record.extension)
    assert AvcRecord(extradata).with_sets_of([]) == extradata
    with pytest.raises(ValueError, match="ends too early"):
        AvcRecord(extradata[:20])
    with pytest.raises(ValueError, match="no room"):
        record.with_sets_of(same[:1] * 31)


def test_a_merged_hevc_header_holds_both(tmp_path: Path) -> None:
    settings = {"codec": "libx265", "options": QUIET_HEVC}
    record = HevcRecord(_extradata(tmp_path / "in.mp4", settings))
    assert record.numbers() == {0}
    sets = [unit for kind, found in record.arrays if kind & 63 in (32, 33, 34) for unit in found]
    renumbered = [with_hevc_number(unit) for unit in sets]
    merged = HevcRecord(record.with_sets_of(renumbered))
    assert merged.numbers() == {0, HEVC_NUMBER}
    counts = {kind & 63: len(found) for kind, found in merged.arrays}
    assert counts | {32: 2, 33: 2, 34: 2} == counts
    assert [hevc_kind(unit) for unit in renumbered] == [32, 33, 34]


def test_a_byte_stream_header_is_no_record() -> None:
    assert not is_length_prefixed(b"\0\0\0\1\x67\x64\0\x1f")
    assert not is_length_prefixed(b"")


def _extradata(path: Path, settings: dict[str, object]) -> bytes:
    make_clip(path, count=2, **settings)
    with av.open(path) as container:
        extradata = container.streams.video[0].codec_context.extradata
    assert extradata is not None
    return extradata


def _escaped(raw: bytes) -> bytes:
    """Insert emulation prevention as H.265 section 7.4.1.1 words it, byte by byte."""
    out, zeros = bytearray(), 0
    for byte in raw:
        if zeros == 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)


def _unescaped(escaped: bytes) -> bytes:
    out, zeros = bytearray(), 0
    for byte in escaped:
        if zeros == 2 and byte == 3:
            zeros = 0
            continue
        out.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return bytes(out)
