import ctypes
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest
from encoded_clips import HEIGHT, WIDTH, image, make_clip

from pipelines.appending import append
from pipelines.appending.append import append_frames
from pipelines.appending.seam import CodedPacket, Seam, found_seam, latest_seam, seam_fault
from pipelines.appending.tail import NotCopyableError, TailEncoder, padded_packet
from predictor.media.colour import ColorTags, PictureEncoder


def packets(decoding_order: str) -> list[CodedPacket]:
    """Return packets such as ``0k 4 2 1 3``: the times they are shown, k for key frames."""
    return [
        CodedPacket(int(word.rstrip("k")), word.endswith("k")) for word in decoding_order.split()
    ]


@pytest.mark.parametrize(
    ("decoding_order", "last", "group", "last_copied", "stop", "again"),
    [
        pytest.param("0k 4 2 1 3", None, 0, 4, None, [], id="whole"),
        pytest.param("0k 4 2 1 3 5k 6", None, 5, 6, None, [], id="whole-second-group"),
        pytest.param("0k 1 2 3", 1, 0, 1, 2, [], id="no-reordering"),
        pytest.param("0k 4 2 1 3 8 6", 4, 0, 4, 8, [], id="between-subgroups"),
        pytest.param("0k 4 2 1 3 8 6 5 7", 5, 0, 4, 8, [5], id="needs-a-later-frame"),
        pytest.param("0k 4 2 1 3 8", 3, 0, 0, 4, [1, 2, 3], id="all-need-a-later-frame"),
        pytest.param("0k 2 1 6k 4 3 5 8", 4, 0, 2, 6, [3, 4], id="open-group"),
        pytest.param("0k 2 1 6k 4 3 5 8", None, 6, 8, None, [], id="whole-open-group"),
        pytest.param("0k 3 1 2 9 5 4", 4, 0, 3, 9, [4], id="copied-are-earlier-than-the-rest"),
        pytest.param("0k 2 8 1 4", 2, 0, 0, 2, [1, 2], id="late-reference"),
    ],
)
def test_copying_ends_at_the_latest_place_that_decodes(
    decoding_order: str,
    last: int | None,
    group: int,
    last_copied: int,
    stop: int | None,
    again: list[int],
) -> None:
    expected = Seam(group, last_copied, stop, frozenset(again))
    assert latest_seam(packets(decoding_order), last) == expected


def test_a_seam_can_lie_before_the_group_that_is_looked_at() -> None:
    assert latest_seam(packets("6k 4 3 5 8"), 4) is None


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_the_seam_of_a_file_is_found_from_its_end(tmp_path: Path, suffix: str) -> None:
    source = make_clip(tmp_path / f"in.{suffix}", group=10, count=24)
    with av.open(source) as container:
        stream = container.streams.video[0]
        shown = sorted(packet.pts for packet in container.demux(stream) if packet.pts is not None)
        keys = [shown[0], shown[10], shown[20]]
        time_base = stream.time_base
    assert time_base is not None
    assert found_seam(source, None) == Seam(keys[2], shown[-1], None, frozenset())
    seam = found_seam(source, shown[12] * time_base + Fraction(1, 1000))
    assert seam.group_pts == keys[1]
    assert seam.again | {seam.last_pts} <= set(shown[10:13])
    assert max(seam.again | {seam.last_pts}) == shown[12]
    with pytest.raises(NotCopyableError, match="no key frame"):
        found_seam(source, Fraction(-1))


def test_every_kind_of_fault_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alike = {"bf": "0", "qp": "25"}  # a picture depends on those before it alone
    source, output = make_clip(tmp_path / "in.mp4", options=alike), tmp_path / "out.mp4"
    kept: list[tuple[Seam, TailEncoder]] = []
    monkeypatch.setattr(append, "seam_fault", lambda *given: kept.append(given[2:4]))
    append_frames(source, output, [(image(30), Fraction(24, 25))])
    ((seam, tail),) = kept
    assert seam_fault(source, output, seam, tail) is None

    def fault(**clip: object) -> str | None:
        return seam_fault(make_clip(tmp_path / "other.mp4", **clip), output, seam, tail)

    assert fault(options=alike) is None
    assert fault(options=alike | {"qp": "26"}) == "the frame at 0.800 s changed"
    assert fault(options=alike, count=23) == "a frame at 0.960 s moved to 0.920 s"
    ticks = [*range(23), 24]
    assert fault(options=alike, ticks=ticks) == "a frame at 0.960 s moved to 0.920 s"
    longer = replace(seam, group_pts=seam.group_pts - 512)
    assert seam_fault(source, output, longer, tail) is None
    assert seam_fault(source, source, seam, tail) == "fewer frames decode (4)"
    same = _tail(source, ColorTags(1, 1, 1, 1))
    assert seam_fault(source, output, seam, same) is None
    untagged = _tail(source, ColorTags())
    assert seam_fault(source, output, seam, untagged) == "the frame at 0.960 s changed"


def _tail(source: Path, tags: ColorTags) -> TailEncoder:
    """Return the tail that was appended, but tagged `tags`."""
    pictures = PictureEncoder((HEIGHT, WIDTH), "yuv420p", ColorTags(1, 1, 1, 1), True)
    with av.open(source) as container:
        tail = TailEncoder(container.streams.video[0], tags)
    list(tail.encoded(pictures.frame(image(30)), Fraction(24, 25)))
    list(tail.finished(Fraction(1, 25)))
    return tail


def test_a_packet_s_bytes_are_followed_by_the_zeros_that_decoders_read() -> None:
    for size in (1, 100, 65536):
        packet = padded_packet(b"\xff" * size)
        assert bytes(packet) == b"\xff" * size
        behind = ctypes.string_at(packet.buffer_ptr + size, 64)  # AV_INPUT_BUFFER_PADDING_SIZE
        assert behind == bytes(64)
