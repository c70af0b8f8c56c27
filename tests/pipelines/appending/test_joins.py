from fractions import Fraction
from pathlib import Path

import av
import pytest
from encoded_clips import decoded, image, make_clip, packets

from pipelines.appending.append import append_frames
from pipelines.appending.joins import ContinuedPackets
from pipelines.appending.packet_times import demuxed
from predictor.media.video import open_video


def joined(folder: Path, count: int) -> tuple[Path, Path]:
    """Return one recording with sound, and `count` of it joined as dashcams' files are."""
    one, all_of_them = make_clip(folder / "one.ts", audio="aac"), folder / "joined.ts"
    all_of_them.write_bytes(one.read_bytes() * count)
    return one, all_of_them


def begins(path: Path, kind: str, content: bytes) -> list[Fraction]:
    """Return when the packets with `content` are shown, in seconds."""
    found = [pts for pts, _, data in packets(path, kind) if data == content]
    return [Fraction(pts or 0, 90000) for pts in found]


def test_the_sound_of_joined_recordings_stays_with_its_pictures(tmp_path: Path) -> None:
    one, source = joined(tmp_path, 3)
    output = tmp_path / "out.ts"
    with open_video(source) as reader:
        times = [frame.time for frame in reader]
    report = append_frames(source, output, [(image(30), times[-1] + Fraction(1, 25))])
    assert (report.frames_kept, report.frames_added) == (72, 1)
    assert report.dropped == ("audio where joined recordings overlap",)
    assert [time for time, _ in decoded(output)][:72] == times
    recorded = packets(one, "audio")
    for pts, _, content in (recorded[5], recorded[30], recorded[-1]):
        before_picture = Fraction(pts or 0, 90000) - times[0]
        assert begins(output, "audio", content) == [
            times[number] + before_picture for number in (0, 24, 48)
        ]
    assert len(packets(output, "audio")) == 3 * len(recorded) - 2, "one less at each join"


def test_sound_that_comes_before_its_pictures_waits_for_them(tmp_path: Path) -> None:
    """Streams are a little apart in a file: a recording may begin with its sound."""
    _, source = joined(tmp_path, 2)
    found = []
    for ahead in (0, 8):
        with av.open(source) as container:
            video, sound = container.streams.video[0], container.streams.audio[0]
            read = list(demuxed(container, [video, sound]))
            sounds = [packet for packet in read if packet.stream is sound]
            pictures = [packet for packet in read if packet.stream is video]
            first_picture, early = pictures[24], sounds[len(sounds) // 2 :][:ahead]
            read = [packet for packet in read if packet not in early]
            begin = read.index(first_picture)
            read[begin:begin] = early
            continued = ContinuedPackets(read, video)
            found.append(sorted((packet.dts, packet.pts) for packet in continued))
    assert found[0] == found[1]


@pytest.mark.parametrize("fall_s", [Fraction(1, 10), Fraction(1000)])
def test_sound_that_begins_anew_without_the_pictures_follows_itself(
    tmp_path: Path, fall_s: Fraction
) -> None:
    """As where a receiver lost the sound's clock alone."""
    one, _ = joined(tmp_path, 1)
    with av.open(one) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        read = list(demuxed(container, [video, sound]))
        expected = [packet.pts for packet in read if packet.stream is sound]
        for packet in [packet for packet in read if packet.stream is sound][20:]:
            packet.pts -= int(fall_s * 90000)
            packet.dts -= int(fall_s * 90000)
        continued = ContinuedPackets(read, video)
        assert [packet.pts for packet in continued] == expected
    assert continued.overlapping == set()


@pytest.mark.parametrize("count", [1, 2])
def test_a_wrong_decoding_time_of_a_picture_is_no_join(tmp_path: Path, count: int) -> None:
    """The reader goes by the times of showing."""
    _, source = joined(tmp_path, count)
    found = []
    for error in (0, 90000):
        with av.open(source) as container:
            video, sound = container.streams.video[0], container.streams.audio[0]
            read = list(demuxed(container, [video, sound]))
            [packet for packet in read if packet.stream is video][5].dts -= error
            continued = ContinuedPackets(read, video)
            found.append([(packet.dts, packet.pts) for packet in continued])
    assert found[0] == found[1]
