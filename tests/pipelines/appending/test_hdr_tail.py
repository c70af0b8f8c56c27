"""New frames carry the HDR10 metadata of those they follow, or the report says that they do not."""

import struct
from fractions import Fraction
from pathlib import Path

import pytest
from encoded_clips import decoded, image, make_clip, packets

from pipelines.appending.append import AppendReport, append_frames
from pipelines.appending.parameter_sets import hevc_kind
from predictor.media.encoding import EncodingOptions
from predictor.media.hdr import HDR_IN_WORDS
from predictor.media.video import probe

DISPLAY = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
HEVC = {"x265-params": f"log-level=none:master-display={DISPLAY}:max-cll=1000,400"}
H264 = {"x264-params": f"mastering-display={DISPLAY}:cll=1000,400"}
AV1 = {
    "preset": "10",
    "svtav1-params": "content-light=1000,400:mastering-display="
    "G(0.265,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.329)L(1000,0.005)",
}
MASTERING, LIGHT_LEVEL = 137, 144
"""Payload types of the two messages: ITU-T H.265 table D.1."""


@pytest.fixture(autouse=True)
def _quiet_av1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVT_LOG", "1")


def appended(source: Path, output: Path, options: EncodingOptions | None = None) -> AppendReport:
    begin = probe(source).start_time
    frames = ((image(24 + k), begin + Fraction(24 + k, 25)) for k in range(3))
    return append_frames(source, output, frames, options)


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx265", HEVC),
        ("a.mkv", "libx265", HEVC),
        ("a.ts", "libx265", HEVC),
        ("b.mp4", "libsvtav1", AV1),
        ("c.mp4", "libx264", H264),
    ],
)
def test_a_copied_video_s_tail_says_what_the_source_says(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    source = make_clip(tmp_path / name, codec, "yuv420p10le", options=options)
    output = tmp_path / f"out{source.suffix}"
    report = appended(source, output)
    assert report.packet_copied
    assert report.dropped == ()
    assert len(decoded(output)) == 27
    assert probe(output).hdr == probe(source).hdr is not None
    tail = packets(output, "video")[24][2]
    if codec == "libx265":
        assert {MASTERING, LIGHT_LEVEL} <= set(messages(tail, is_prefixed=name != "a.ts"))


def messages(data: bytes, is_prefixed: bool) -> list[int]:
    """Return the payload types of the supplemental information in an HEVC picture."""
    units = []
    if is_prefixed:
        while data:
            size = int.from_bytes(data[:4], "big")
            units.append(data[4 : 4 + size])
            data = data[4 + size :]
    else:
        units = [unit for unit in data.split(b"\0\0\1") if unit]
    return [unit[2] for unit in units if hevc_kind(unit) == 39]


def with_light_level(path: Path, most: int, mean: int) -> Path:
    """Put a box with the content light level into the header of an mp4 whose index stands last.

    Source: ISO/IEC 14496-12 section 12.1.6 (clli).
    """
    data = bytearray(path.read_bytes())
    box = struct.pack(">I4sHH", 12, b"clli", most, mean)
    begin, end = 0, len(data)
    children = {b"stsd": 16, b"vp09": 86}  # what stands before the boxes inside
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"vp09"):
        while data[begin + 4 : begin + 8] != name:
            begin += int.from_bytes(data[begin : begin + 4], "big")
        size = int.from_bytes(data[begin : begin + 4], "big")
        data[begin : begin + 4] = (size + len(box)).to_bytes(4, "big")
        end = begin + size
        begin += children.get(name, 8)
    data[end:end] = box
    path.write_bytes(data)
    return path


def test_what_the_container_says_holds_for_the_tail_too(tmp_path: Path) -> None:
    source = with_light_level(make_clip(tmp_path / "a.mp4", "libvpx-vp9"), 1000, 400)
    hdr = probe(source).hdr
    assert hdr is not None
    assert hdr.light_level == (1000, 400)
    report = appended(source, tmp_path / "out.mp4")
    assert report.packet_copied
    assert report.dropped == ()
    assert probe(tmp_path / "out.mp4").hdr == hdr


def test_what_is_lost_in_encoding_is_said(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "a.mkv", "libx265", "yuv420p10le", options=HEVC)
    report = appended(source, tmp_path / "out.mkv", EncodingOptions(codec="ffv1"))
    assert report.dropped == (HDR_IN_WORDS,)
    assert probe(tmp_path / "out.mkv").hdr is None
    report = appended(source, tmp_path / "again.mkv", EncodingOptions(crf=20))
    assert report.dropped == ()
    assert probe(tmp_path / "again.mkv").hdr == probe(source).hdr


def test_a_tail_that_cannot_say_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_clip(tmp_path / "a.mp4", "libsvtav1", "yuv420p10le", options=AV1)
    monkeypatch.setattr("predictor.media.hdr._PARAMETERS", {})
    report = appended(source, tmp_path / "out.mp4")
    assert report.packet_copied
    assert report.dropped == (f"{HDR_IN_WORDS} of the new frames",)
