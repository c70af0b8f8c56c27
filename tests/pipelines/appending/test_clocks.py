from fractions import Fraction
from pathlib import Path

import av
import pytest
from encoded_clips import decoded, image, make_clip, packets

from pipelines.appending.append import append_frames
from pipelines.appending.packet_times import demuxed
from pipelines.appending.stream_copy import StreamCopy, clock_start, created
from predictor.media.encoding import EncodingOptions
from predictor.media.video import probe

TEN_HOURS_S = 36000
STEP = Fraction(1, 25)


def moved(source: Path, destination: Path, later: Fraction) -> Path:
    """Copy `source` to `destination`, `later` s later, and return that."""
    with av.open(source) as container, created(destination) as output:
        copy = StreamCopy(container, output, start=-later)
        for packet in demuxed(container, [container.streams[index] for index in copy.sources]):
            copy.write(packet)
    return destination


def broadcast(folder: Path, codec: str, audio: str) -> Path:
    """Return a recording of 24 pictures whose clock began ten hours before it."""
    clip = make_clip(folder / "clip.ts", codec, audio=audio)
    return moved(clip, folder / "in.ts", Fraction(TEN_HOURS_S))


def sound_begins(path: Path) -> list[Fraction]:
    """Return when the packets of sound are shown, in seconds."""
    with av.open(path) as container:
        return [packet.pts * packet.time_base for packet in container.demux(audio=0) if packet.size]


@pytest.mark.parametrize(
    ("name", "codec", "audio", "is_copied", "first"),
    [
        ("out.mp4", "libx264", "aac", False, Fraction(0)),
        ("out.mov", "mpeg2video", "mp2", True, Fraction(0)),
        ("out.mkv", "libx264", "aac", False, STEP),
        ("out.mkv", "mpeg2video", "mp2", True, STEP),
        ("out.avi", "libx264", "mp2", False, STEP),
    ],
)
def test_a_broadcast_begins_at_0_in_another_container(
    tmp_path: Path, name: str, codec: str, audio: str, is_copied: bool, first: Fraction
) -> None:
    """Sound that begins a little earlier is hidden by an edit list, or the pictures wait for it."""
    source, output = broadcast(tmp_path, codec, audio), tmp_path / name
    begin = probe(source).start_time
    assert begin >= TEN_HOURS_S, "the premise"
    predicted = [(image(30 + number), begin + (24 + number) * STEP) for number in range(2)]
    report = append_frames(source, output, predicted)
    assert (report.packet_copied, report.frames_kept, report.dropped) == (is_copied, 24, ())
    assert report.start == begin - first
    expected = [time - report.start for time in sound_begins(source)]
    found = sound_begins(output)
    assert len(found) == len(expected)
    if name != "out.avi":  # which has no times of its own
        assert [time for time, _ in decoded(output)] == [first + k * STEP for k in range(26)]
        tick = Fraction(1, 1000)
        assert all(abs(ours - theirs) < tick for ours, theirs in zip(found, expected, strict=True))


def test_a_cut_broadcast_says_when_on_the_clock_of_the_output(tmp_path: Path) -> None:
    source, output = broadcast(tmp_path, "libx264", "aac"), tmp_path / "out.mp4"
    cut = probe(source).start_time + 9 * STEP
    report = append_frames(source, output, [(image(30), cut + STEP)], cut_after=cut)
    assert report.dropped == ("audio after 0.400 s",)
    assert [time for time, _ in decoded(output)] == [k * STEP for k in range(11)]


def test_the_clock_stays_in_the_same_container(tmp_path: Path) -> None:
    source, output = broadcast(tmp_path, "libx264", "aac"), tmp_path / "out.ts"
    begin = probe(source).start_time
    report = append_frames(
        source, output, [(image(30), begin + 24 * STEP)], EncodingOptions(crf=10)
    )
    assert report.start == 0
    assert [time for time, _ in decoded(output)] == [begin + k * STEP for k in range(25)]
    assert packets(output, "audio") == packets(source, "audio")


def test_a_cut_is_told_from_the_first_picture_on_where_the_clock_stays(tmp_path: Path) -> None:
    source, output = broadcast(tmp_path, "libx264", "aac"), tmp_path / "out.ts"
    cut = probe(source).start_time + 9 * STEP
    report = append_frames(source, output, [(image(30), cut + STEP)], cut_after=cut)
    assert "audio after 0.400 s" in report.dropped


def test_no_sound_before_late_pictures_is_hidden(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", audio="aac", ticks=range(20, 44))
    output = tmp_path / "out.mp4"
    assert probe(source).start_time >= 20 * STEP, "the premise"
    with created(output) as container:
        assert 0 <= clock_start(probe(source), container) < STEP
        container.close()


def test_chapters_count_from_the_new_beginning(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv", audio="aac")
    source = moved(clip, tmp_path / "in.mkv", Fraction(10))
    report = append_frames(source, tmp_path / "out.mp4", [(image(30), 10 + 24 * STEP)])
    assert abs(report.start - 10) < STEP
    edges = []
    for path in (source, tmp_path / "out.mp4"):
        with av.open(path) as container:
            (chapter,) = container.chapters()
        edges += [chapter["start"] * chapter["time_base"], chapter["end"] * chapter["time_base"]]
    assert edges[:2] == [10, Fraction(104, 10)]
    assert edges[2] == 0
    assert abs(edges[3] - (edges[1] - report.start)) < Fraction(1, 1000)
