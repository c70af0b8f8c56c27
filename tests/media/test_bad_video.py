"""Files that are no videos, and videos that are not whole."""

import contextlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from made_videos import Recipe, grey_of, marked_picture, marks, write_video

from predictor.errors import PredictorError, UnreadableVideo
from predictor.media.images import write_png
from predictor.media.video import Frame, open_video, probe
from predictor.media.wholeness import lacks_its_end

COUNT = 60


def noisy_pictures(count: int = COUNT) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    """Return marked pictures with noise, which makes packets large enough to cut through."""
    rng = np.random.default_rng(0)
    noise = rng.integers(-15, 16, (count, 48, 64, 3))
    return [
        (marked_picture(number) + noise[number]).clip(0, 255).astype(np.uint8)
        for number in range(count)
    ]


def cut(path: Path, share: float = 0.6) -> Path:
    """Return a copy of the file with only the first `share` of its bytes."""
    data = path.read_bytes()
    shorter = path.with_name(f"cut-{path.name}")
    shorter.write_bytes(data[: int(len(data) * share)])
    return shorter


def assert_marked_by_time(frames: list[Frame], rate: Fraction) -> None:
    """Check that each frame shows the picture whose number its time tells."""
    numbers = [round((frame.time - frames[0].time) * rate) for frame in frames]
    found = marks([frame.image for frame in frames])
    errors = [abs(a - grey_of(n)) for n, a in zip(numbers, found, strict=True)]
    assert max(errors) <= 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"clip\.mp4 is empty, expected a video"),
        (b"just some words\n" * 50, r"clip\.mp4 is not a readable video: it is a text file"),
        (bytes(range(256)) * 20, r"clip\.mp4 is not a readable video: "),
        (None, r"clip\.mp4 does not exist"),
    ],
)
def test_what_is_no_video_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    for attempt in (probe, open_video):
        with pytest.raises(UnreadableVideo, match=message) as caught:
            attempt(path)
        assert isinstance(caught.value, OSError)
        assert isinstance(caught.value, PredictorError)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["#EXTM3U\n#EXTINF:1,\nother.ts\n", "ffconcat version 1.0\nfile /etc/passwd\n"]
)
def test_playlists_open_no_other_files(tmp_path: Path, text: str) -> None:
    (tmp_path / "list.mp4").write_text(text)
    with pytest.raises(UnreadableVideo, match=r"list\.mp4"):
        probe(tmp_path / "list.mp4")


def test_a_text_with_the_suffix_of_a_drawing_is_no_video(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("FFmpeg would draw this on a terminal\n" * 30)
    with pytest.raises(UnreadableVideo, match=r"notes\.txt is not a"):
        probe(tmp_path / "notes.txt")


def test_sound_alone_is_named(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
        frame.sample_rate = 8000
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with pytest.raises(UnreadableVideo, match=r"song\.mp4 has no video stream, only 1 audio"):
        probe(path)


def test_a_still_picture_is_named(tmp_path: Path) -> None:
    write_png(tmp_path / "photo.png", torch.zeros(3, 8, 8))
    with pytest.raises(UnreadableVideo, match=r"photo\.png is a still picture, expected a video"):
        probe(tmp_path / "photo.png")


def test_an_mp4_cut_off_before_its_index_says_so(tmp_path: Path) -> None:
    path = cut(write_video(tmp_path / "a.mp4", noisy_pictures()))
    with pytest.raises(UnreadableVideo, match=r"cut-a\.mp4 .* its index \(moov\) is missing"):
        probe(path)


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        ("a.mp4", Recipe(container_options={"movflags": "faststart"})),
        ("sound.mp4", Recipe(container_options={"movflags": "faststart"}, has_audio=True)),
        (
            "fragments.mp4",
            Recipe(
                options={"qp": "0", "g": "10"},
                container_options={"movflags": "frag_keyframe+empty_moov"},
            ),
        ),
        ("a.mkv", Recipe()),
        ("sound.mkv", Recipe(has_audio=True)),
        ("a.webm", Recipe("libvpx-vp9", {"lossless": "1"})),
        ("a.ts", Recipe()),
        ("bframes.ts", Recipe(options={"qp": "0", "bf": "3"})),
        ("hevc.ts", Recipe("libx265", {"x265-params": "lossless=1:log-level=none"})),
        ("a.avi", Recipe("mpeg4", {"flags": "+qscale", "global_quality": "236"})),
        ("a.flv", Recipe()),
        ("a.wmv", Recipe("wmv2", {"flags": "+qscale", "global_quality": "236"})),
        ("a.y4m", Recipe("rawvideo", {})),
        ("a.gif", Recipe("gif", {}, "gray", rate=Fraction(20))),
    ],
)
def test_what_decodes_of_a_truncated_file_is_read_and_the_loss_said(
    tmp_path: Path, name: str, recipe: Recipe
) -> None:
    whole = write_video(tmp_path / name, noisy_pictures(), recipe)
    with open_video(whole) as reader:
        assert len(list(reader)) == COUNT
        assert reader.truncated is None
    with open_video(cut(whole)) as reader:
        frames = list(reader)
        assert reader.truncated is not None
        assert ("cut off at" in reader.truncated) or ("it ends at" in reader.truncated)
    assert 20 < len(frames) < 45
    assert_marked_by_time(frames, recipe.rate)
    with open_video(cut(whole)) as reader:
        tail = reader.tail(3)
        assert [frame.time for frame in tail] == [frame.time for frame in frames][-3:]
        assert reader.truncated is not None


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.flv"])
def test_damage_in_the_middle_is_passed_over(tmp_path: Path, name: str) -> None:
    path = write_video(tmp_path / name, noisy_pictures(), Recipe(options={"qp": "0", "g": "10"}))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 1500] = np.random.default_rng(1).bytes(1500)
    path.write_bytes(data)
    with open_video(path) as reader:
        frames = list(reader)
        # Matroska and FLV skip to the next packet without a word; only the times tell.
        assert reader.truncated is not None or name in ("a.mkv", "a.flv")
    assert len(frames) >= 45
    assert_marked_by_time(frames[:20], Fraction(25))
    assert_marked_by_time([frames[0], *frames[-10:]], Fraction(25))


@pytest.mark.parametrize(
    "name",
    [
        *("a.mp4", "a.mov", "a.mkv", "a.avi", "a.ts", "a.gif", "live.mkv", "fragments.mp4"),
        *("a.flv", "a.wmv", "a.y4m", "gray.y4m", "deep.y4m", "full.y4m"),
    ],
)
def test_whole_files_do_not_lack_their_end(tmp_path: Path, name: str) -> None:
    options = {"live": {"live": "1"}, "fragments": {"movflags": "frag_keyframe+empty_moov"}}
    recipe = Recipe(container_options=options.get(name.split(".")[0], {}))
    if name.endswith("gif"):
        recipe = Recipe("gif", {}, "gray")
    elif name.endswith("wmv"):
        recipe = Recipe("wmv2", {})
    elif name.endswith("y4m"):
        formats = {"gray": "gray", "deep": "yuv422p10le", "full": "yuv444p"}
        pixel_format = formats.get(name.split(".")[0], "yuv420p")
        recipe = Recipe("rawvideo", {}, pixel_format, container_options={"strict": "-1"})
    path = write_video(tmp_path / name, noisy_pictures(8), recipe)
    container = probe(path).container
    assert not lacks_its_end(path, container)
    if name != "live.mkv":  # a live file has no end to lack
        shorter = path.with_name("shorter")
        shorter.write_bytes(path.read_bytes()[:-30])
        assert lacks_its_end(shorter, container)


def test_an_odd_size_of_halved_chroma_is_rounded_up(tmp_path: Path) -> None:
    odd = [picture[:47, :63] for picture in noisy_pictures(3)]
    path = write_video(tmp_path / "a.y4m", odd, Recipe("rawvideo", {}))
    assert not lacks_its_end(path, "yuv4mpegpipe")


def test_a_stream_that_appears_midway_does_not_end_the_reading(tmp_path: Path) -> None:
    """Sound from 20 s on in an FLV whose header knows of none, as after a change of program."""
    path = write_video(tmp_path / "a.flv", [marked_picture(k) for k in range(500)], Recipe())
    sound = b"\x08\0\0\x04\0\x4e\x20\0\0\0\0\x2f\xff\xfb\x90"
    path.write_bytes(path.read_bytes() + sound + len(sound).to_bytes(4, "big"))
    is_fatal = int(av.__version__.split(".")[0]) < 19
    with av.open(str(path)) as container:  # the premise
        assert len(container.streams) == 1
        with pytest.raises(IndexError) if is_fatal else contextlib.nullcontext():
            list(container.demux(video=0))
    with open_video(path) as reader:
        assert len(list(reader)) == 500
        assert reader.truncated is None


def test_times_of_damage_count_from_the_first_picture(tmp_path: Path) -> None:
    """Players show the first picture at 0 s, whatever the file's own timeline says."""
    recipe = Recipe(container_options={"output_ts_offset": "10"}, options={"qp": "0", "g": "10"})
    path = cut(write_video(tmp_path / "a.ts", noisy_pictures(), recipe), 0.61)
    with open_video(path) as reader:
        assert reader.info.start_time == 10
        last = list(reader)[-1].time - reader.info.start_time
        assert reader.truncated is not None
        told = float(reader.truncated.split("cut off at ")[1].split(" s")[0])
    assert float(last) < told < float(last) + 0.2


def test_a_large_box_size_is_read_as_64_bits(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    box = b"\0\0\0\1mdat" + (16 + 100).to_bytes(8, "big") + bytes(100)
    path.write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0" + box)
    assert not lacks_its_end(path, "mov,mp4,m4a,3gp,3g2,mj2")
    path.write_bytes(path.read_bytes()[:-1])
    assert lacks_its_end(path, "mov,mp4,m4a,3gp,3g2,mj2")


def test_a_missing_file_between_probing_and_reading_is_an_error(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", [marked_picture(0)] * 2)
    with open_video(path) as reader:
        path.unlink()
        with pytest.raises(UnreadableVideo, match="does not exist"):
            next(iter(reader))


def test_a_truncated_report_is_one_line_without_the_library_s_numbers(tmp_path: Path) -> None:
    path = cut(write_video(tmp_path / "a.mkv", noisy_pictures()))
    with open_video(path) as reader:
        list(reader)
    assert reader.truncated is not None
    assert "\n" not in reader.truncated
    assert "[Errno" not in reader.truncated
    assert "of 2.400 s" in reader.truncated
