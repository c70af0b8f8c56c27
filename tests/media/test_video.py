"""Reading videos that PyAV alone has written."""

import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
import torch
from made_videos import (
    Recipe,
    assert_marked,
    grey_of,
    marked_picture,
    marks,
    textured_picture,
    write_packed,
    write_video,
)

from predictor.errors import UnreadableVideo
from predictor.media.colour import LIMITED
from predictor.media.decoding import StreamDecoder
from predictor.media.video import ColorTags, Frame, open_video, probe

NTSC = Fraction(30000, 1001)
B_FRAMES = "bframes=3:b-adapt=0:b-pyramid=normal:scenecut=0"
# name of the file: how it is made; every format that must be read, with B-frames where it has them
FORMATS = {
    "h264.mp4": Recipe(options={"qp": "0", "g": "12", "bf": "3"}, rate=NTSC),
    "h264.mkv": Recipe(options={"qp": "0", "g": "12", "bf": "3"}),
    "h264.mov": Recipe(options={"qp": "0", "g": "12"}, rate=NTSC),
    "h264.ts": Recipe(options={"qp": "0", "g": "12", "bf": "3"}),
    "h264.avi": Recipe(options={"qp": "0", "g": "12", "x264-params": B_FRAMES}),
    "h264.flv": Recipe(options={"qp": "0", "g": "12"}),
    "open-gop.mp4": Recipe(options={"qp": "0", "g": "12", "x264-params": f"open-gop=1:{B_FRAMES}"}),
    "open-gop.ts": Recipe(options={"qp": "0", "g": "12", "x264-params": f"open-gop=1:{B_FRAMES}"}),
    "intra-refresh.mp4": Recipe(options={"qp": "0", "x264-params": "intra-refresh=1:keyint=12"}),
    "hevc.mp4": Recipe("libx265", {"x265-params": "lossless=1:keyint=12:bframes=3:log-level=none"}),
    "hevc.ts": Recipe("libx265", {"x265-params": "lossless=1:keyint=12:log-level=none"}),
    "vp9.webm": Recipe("libvpx-vp9", {"lossless": "1", "g": "12"}),
    "vp8.webm": Recipe("libvpx", {"crf": "4", "b": "9M", "g": "12", "deadline": "realtime"}),
    "av1.mp4": Recipe("libsvtav1", {"crf": "10", "g": "12", "preset": "10"}),
    "mpeg4.avi": Recipe("mpeg4", {"flags": "+qscale", "global_quality": "236", "bf": "2"}),
    # Its decoder would make up what a packet without its key frame builds on.
    "mpeg4.ts": Recipe("mpeg4", {"flags": "+qscale", "global_quality": "236", "g": "15"}),
    "mpeg2.mpg": Recipe("mpeg2video", {"flags": "+qscale", "global_quality": "236", "bf": "2"}),
    "mpeg2.ts": Recipe("mpeg2video", {"flags": "+qscale", "global_quality": "236", "bf": "2"}),
    "mjpeg.avi": Recipe("mjpeg", {"flags": "+qscale", "global_quality": "236"}, "yuvj420p"),
    "prores.mov": Recipe("prores_ks", {}, "yuv422p10le"),
    "ffv1.mkv": Recipe("ffv1", {}),
    "deep.mkv": Recipe("ffv1", {}, "yuv420p10le"),
    "main10.mp4": Recipe("libx265", {"x265-params": "lossless=1:log-level=none"}, "yuv420p10le"),
    "raw.y4m": Recipe("rawvideo", {}),
    "pictures.gif": Recipe("gif", {}, "rgb24", rate=Fraction(20)),
    "fragmented.mp4": Recipe(
        options={"qp": "0", "g": "12"},
        container_options={"movflags": "frag_keyframe+empty_moov"},
    ),
    "raw.h264": Recipe(options={"qp": "0", "g": "12"}),
    "live.webm": Recipe(
        "libvpx-vp9", {"lossless": "1", "g": "12"}, container_options={"live": "1"}
    ),
    "sound.mp4": Recipe(options={"qp": "0", "g": "12"}, has_audio=True),
    "variable.mkv": Recipe(
        options={"qp": "0", "g": "12"},
        time_base=Fraction(1, 1000),
        times=[number * 40 + number * number % 17 for number in range(40)],
    ),
}
COUNT = 40


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the file of a name in `FORMATS`, made when it is first asked for."""
    folder = tmp_path_factory.mktemp("formats")

    def file(name: str) -> Path:
        path = folder / name
        if not path.exists():
            recipe = FORMATS[name]
            pictures = [textured_picture(number) for number in range(COUNT)]
            if recipe.codec == "gif":  # its encoder takes palettes; grey levels have one
                recipe = Recipe("gif", {}, "gray", rate=recipe.rate)
            write_video(path, pictures, recipe)
        return path

    return file


def assert_same(found: list[Frame], expected: list[Frame]) -> None:
    assert [frame.time for frame in found] == [frame.time for frame in expected]
    assert all(torch.equal(a.image, b.image) for a, b in zip(found, expected, strict=True))


@pytest.mark.parametrize("name", FORMATS)
def test_all_pictures_are_read_in_order_at_their_exact_times(
    made: Callable[[str], Path], name: str
) -> None:
    recipe = FORMATS[name]
    with open_video(made(name)) as reader:
        frames = list(reader)
        assert reader.truncated is None
    levels = marks([frame.image for frame in frames])
    assert levels == [pytest.approx(20 + 5 * number, abs=2) for number in range(COUNT)]
    assert frames[0].time == reader.info.start_time
    ticks = recipe.times or range(COUNT)
    time_base = recipe.time_base or 1 / recipe.rate
    # The clock of some containers is coarser than the pictures' times.
    clock = reader.info.time_base
    for frame, tick in zip(frames, ticks, strict=True):
        assert abs(frame.time - frames[0].time - (tick - ticks[0]) * time_base) <= (
            0 if (time_base / clock).denominator == 1 else clock
        )


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("count", [1, 5, 14, 39, 100])
def test_the_tail_is_the_end_of_the_whole(
    made: Callable[[str], Path], name: str, count: int
) -> None:
    with open_video(made(name)) as reader:
        assert_same(reader.tail(count), list(reader)[-count:])
        assert reader.truncated is None


@pytest.mark.parametrize("name", FORMATS)
def test_reading_starts_and_ends_at_any_time(made: Callable[[str], Path], name: str) -> None:
    with open_video(made(name)) as reader:
        frames = list(reader)
        for number in (0, 11, 25, 31, 39):
            assert_same(list(reader.from_time(frames[number].time)), frames[number:])
            until = reader.tail(4, until=frames[number].time)
            assert_same(until, frames[max(0, number - 3) : number + 1])
        between = (frames[20].time + frames[21].time) / 2
        assert_same(list(reader.from_time(between)), frames[21:])
        assert_same(reader.tail(2, until=between), frames[19:21])
        assert list(reader.from_time(frames[-1].time + 1)) == []
        assert_same(list(reader.from_time(frames[0].time - 5)), frames)
        assert reader.truncated is None


def test_a_tail_drawn_over_earlier_pictures_is_whole(tmp_path: Path) -> None:
    # A GIF stores what has changed since the picture before.
    pictures = []
    for number in range(30):
        picture = textured_picture(0)
        picture[4:10, number : number + 6] = 255
        pictures.append(picture)
    path = write_video(tmp_path / "a.gif", pictures, Recipe("gif", {}, "gray", rate=Fraction(20)))
    with open_video(path) as reader:
        assert_same(reader.tail(2), list(reader)[-2:])


def test_a_program_stream_with_many_pictures_a_packet_keeps_their_times(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "a.mpg",
        [marked_picture(number) for number in range(40)],
        Recipe("mpeg2video", {"flags": "+qscale", "global_quality": "236", "bf": "2"}),
    )
    with open_video(path) as reader:
        assert_same(reader.tail(1), list(reader)[-1:])


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "live.mkv"])
def test_the_tail_decodes_only_the_last_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    recipe = Recipe(
        options={"preset": "ultrafast", "g": "25"},
        container_options={"live": "1"} if name == "live.mkv" else {},
    )
    pictures = [marked_picture(number, 16, 16) for number in range(500)]
    path = write_video(tmp_path / name, pictures, recipe)
    decoded = 0
    decode = StreamDecoder._pictures

    def counted(self: StreamDecoder, stream: Any, packet: Any) -> list[av.VideoFrame]:
        nonlocal decoded
        frames = decode(self, stream, packet)
        decoded += len(frames)
        return frames

    monkeypatch.setattr(StreamDecoder, "_pictures", counted)
    with open_video(path) as reader:
        assert_marked(reader.tail(10), range(490, 500))
    assert decoded <= 75


def test_probing_says_what_is_in_the_file(tmp_path: Path) -> None:
    recipe = Recipe(rate=NTSC, has_audio=True, color=(LIMITED, 1, 1, 1), options={"qp": "0"})
    path = write_video(tmp_path / "a.mp4", [marked_picture(0, 50, 70)] * 30, recipe)
    info = probe(path)
    assert (info.codec, info.profile, info.pixel_format) == (
        "h264",
        "High 4:4:4 Predictive",
        "yuv420p",
    )
    assert (info.width, info.height, info.bit_depth) == (70, 50, 8)
    assert (info.average_rate, info.frame_count) == (NTSC, 30)
    assert info.duration_s == pytest.approx(1.001)
    assert info.color == ColorTags(LIMITED, 1, 1, 1)
    assert (info.audio_count, info.subtitle_count, info.chapter_count) == (1, 0, 0)
    assert not any((info.is_variable_rate, info.is_interlaced, info.has_alpha, info.rotation_deg))


def test_chapters_are_counted(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", [marked_picture(0)] * 25)
    chapters = tmp_path / "b.mkv"
    with av.open(str(path)) as source, av.open(str(chapters), "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        base = Fraction(1, 1000)
        output.set_chapters(
            [
                {"id": n, "start": n * 500, "end": n * 500 + 500, "time_base": base, "metadata": {}}
                for n in range(2)
            ]
        )
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                output.mux(packet)
    assert probe(chapters).chapter_count == 2


@pytest.mark.parametrize(
    ("times", "time_base", "is_variable"),
    [
        ([0, 33, 67, 100, 133, 167, 200, 233], Fraction(1, 1000), False),  # 30 fps, rounded
        ([0, 3, 7, 10, 13, 17, 20, 23], Fraction(1, 100), False),
        ([0, 40, 80, 120, 160, 240, 280, 320], Fraction(1, 1000), True),
        ([0, 40, 81, 119, 165, 199, 240, 282], Fraction(1, 1000), True),  # a phone's jitter
        ([0, 1, 2, 3, 5, 6, 7, 8], Fraction(1, 25), True),
    ],
)
def test_variable_rate_is_told_from_rounding(
    tmp_path: Path, times: list[int], time_base: Fraction, is_variable: bool
) -> None:
    path = write_video(
        tmp_path / "a.mp4",
        [marked_picture(number) for number in range(8)],
        Recipe(times=times, time_base=time_base, rate=Fraction(30)),
    )
    assert probe(path).is_variable_rate == is_variable
    with open_video(path) as reader:
        assert [frame.time for frame in reader] == [tick * time_base for tick in times]


def test_a_still_stretch_late_in_a_file_makes_it_variable(tmp_path: Path) -> None:
    times = [*range(300), *range(400, 700, 100)]
    path = write_video(
        tmp_path / "a.mp4",
        [marked_picture(number, 16, 16) for number in range(len(times))],
        Recipe(times=times, options={"preset": "ultrafast"}),
    )
    assert probe(path).is_variable_rate


def test_durations_are_exact(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [marked_picture(0)] * 5, Recipe(rate=NTSC))
    with open_video(path) as reader:
        assert [frame.duration for frame in reader] == [Fraction(1001, 30000)] * 5


@pytest.mark.parametrize("again", [[80], [80, 80]])
def test_a_time_that_was_shown_before_makes_no_later_picture_late(
    again: list[int], tmp_path: Path
) -> None:
    ticks = [0, 40, 80, *again, 120, 160, 200, 240, 280]
    recipe = Recipe("ffv1", {}, time_base=Fraction(1, 1000), times=ticks)
    path = tmp_path / "a.mkv"
    write_video(path, [marked_picture(n) for n in range(len(ticks))], recipe)
    with open_video(path) as reader:
        shown = [int(frame.time * 1000) for frame in reader]
        (number,) = marks([next(reader.from_time(Fraction(28, 100))).image])
    assert shown[:4] == [0, 40, 80, 100]
    assert shown == sorted(set(shown))
    assert shown[-4:] == ticks[-4:]
    assert abs(number - grey_of(len(ticks) - 1)) <= 2


@pytest.mark.parametrize("b_frames", [1, 2, 3])
def test_pictures_packed_into_one_another_s_packets_keep_their_times(
    tmp_path: Path, b_frames: int
) -> None:
    path = write_packed(tmp_path / "a.avi", COUNT, b_frames)
    with open_video(path) as reader:
        frames = list(reader)
        levels = marks([frame.image for frame in frames])
        assert levels == [pytest.approx(20 + 5 * number, abs=2) for number in range(COUNT)]
        first = reader.info.start_time
        assert [frame.time for frame in frames] == [first + Fraction(n, 25) for n in range(COUNT)]
        for number, frame in enumerate(frames):
            assert_same(list(reader.from_time(frame.time)), frames[number:])
            assert_same(reader.tail(3, until=frame.time), frames[max(0, number - 2) : number + 1])


def test_a_change_of_size_is_an_error_that_says_when(tmp_path: Path) -> None:
    path = tmp_path / "a.ts"
    parts = []
    for number, (height, width) in enumerate(((48, 64), (24, 32))):
        part = write_video(
            tmp_path / f"{number}.ts",
            [marked_picture(n, height, width) for n in range(10)],
            Recipe(times=range(number * 10, number * 10 + 10)),
        )
        parts.append(part.read_bytes())
    path.write_bytes(b"".join(parts))
    message = r"a\.ts changes from 64x48 to 32x24 at 0\.\d+ s, expected one size"
    frames: list[Frame] = []
    with open_video(path) as reader, pytest.raises(UnreadableVideo, match=message):
        frames.extend(reader)
    assert_marked(frames, range(10))


def test_images_are_made_when_asked_for_and_once(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [marked_picture(0)] * 3)
    with open_video(path) as reader:
        frame = next(iter(reader))
    assert frame.image is frame.image
    assert frame.image.dtype == torch.float32
    assert frame.image.is_contiguous()


def test_two_readings_go_on_side_by_side(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [marked_picture(n) for n in range(10)])
    with open_video(path, threads=1) as reader:
        first, second = iter(reader), reader.from_time(Fraction(5, 25))
        assert_marked([next(first), next(first)], range(2))
        assert_marked([next(second)], range(5, 6))
        assert_marked(list(first), range(2, 10))


def test_reading_takes_no_more_memory_for_a_longer_video(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        path = write_video(
            tmp_path / f"{count}.mkv",
            [marked_picture(0, 96, 128)] * count,
            Recipe(options={"preset": "ultrafast"}),
        )
        with open_video(path, threads=1) as reader:
            tracemalloc.start()
            for frame in reader:
                assert frame.image is not None
            found = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return found

    peak(5)
    assert peak(300) < 1.2 * peak(30)


def test_a_name_with_a_colon_is_a_file(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [marked_picture(0)] * 2)
    odd = path.rename(tmp_path / "12:30 %d é.mp4")
    with open_video(odd) as reader:
        assert len(list(reader)) == 2


def test_the_first_moving_stream_is_read_not_the_cover(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    source = write_video(tmp_path / "b.mp4", [marked_picture(n) for n in range(5)])
    with av.open(str(source)) as opened, av.open(str(path), "w") as output:
        cover = output.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        video = output.add_stream_from_template(opened.streams.video[0])
        output.mux(cover.encode(av.VideoFrame(32, 32, "yuvj420p")))
        output.mux(cover.encode(None))
        for packet in opened.demux(video=0):
            if packet.size:
                packet.stream = video
                output.mux(packet)
    info = probe(path)
    assert (info.codec, info.size) == ("h264", (48, 64))
    with open_video(path) as reader:
        assert_marked(list(reader), range(5))
