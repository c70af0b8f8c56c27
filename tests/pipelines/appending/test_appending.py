"""Appending frames to a video: its packets are copied, and everything else of it stays."""

import resource
import struct
from collections.abc import Iterator
from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import av
import pytest
import torch
from encoded_clips import (
    HEIGHT,
    QUIET_HEVC,
    WIDTH,
    assert_like_predictions,
    decoded,
    image,
    make_clip,
    packets,
    predictions,
)
from torch import Tensor

from pipelines.appending import append
from pipelines.appending.append import AppendReport, append_frames
from pipelines.appending.packet_times import demuxed
from pipelines.appending.parameter_sets import AvcRecord, h264_kind
from pipelines.outputs import atomic_output
from predictor.errors import OutputNotWritten, UnreadableVideo
from predictor.media.encoding import EncodingOptions
from predictor.media.video import open_video

UNEVEN = [*accumulate([0] + [317, 1009, 512, 700, 333, 804] * 4)][:24]
SOURCES = {
    "h264.mp4": {"audio": "aac"},
    "h264.mkv": {"audio": "aac"},
    "h264.ts": {"audio": "aac"},
    "h264.flv": {"audio": "aac"},
    "open-groups.mp4": {"options": {"x264-params": "open-gop=1:bframes=3"}},
    "baseline.mp4": {"options": {"profile": "baseline"}},
    "interlaced.ts": {"options": {"x264-params": "interlaced=1"}},
    "h264-10bit.mp4": {"pixel_format": "yuv420p10le"},
    "h264-444.mkv": {"pixel_format": "yuv444p"},
    "hevc.mp4": {"codec": "libx265", "options": QUIET_HEVC},
    "hevc.ts": {"codec": "libx265", "options": QUIET_HEVC},
    "hevc-10bit.mkv": {
        "codec": "libx265",
        "options": QUIET_HEVC,
        "pixel_format": "yuv420p10le",
    },
    "vp9.webm": {"codec": "libvpx-vp9", "audio": "libopus"},
    "vp8.webm": {"codec": "libvpx", "options": {"auto-alt-ref": "1", "lag-in-frames": "12"}},
    "av1.mp4": {"codec": "libsvtav1", "options": {"preset": "10"}},
    "mpeg4.avi": {"codec": "mpeg4"},
    "mpeg2.mpg": {"codec": "mpeg2video", "options": {"bf": "2"}},
    "ffv1.mkv": {"codec": "ffv1"},
    "png.mov": {"codec": "png", "pixel_format": "rgb24"},
    "uneven.mp4": {"ticks": UNEVEN, "time_base": Fraction(1, 12800)},
    "uneven.mkv": {
        "ticks": [tick // 11 for tick in UNEVEN],
        "time_base": Fraction(1, 1000),
    },
    "one-frame.mp4": {"count": 1},
}


@pytest.fixture(autouse=True)
def _quiet_av1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVT_LOG", "1")


@pytest.mark.parametrize("name", SOURCES)
def test_appending_copies_the_source_exactly(tmp_path: Path, name: str) -> None:
    source = make_clip(tmp_path / name, **SOURCES[name])
    output = tmp_path / f"out-{name}"
    report = append_frames(source, output, predictions(source))
    before, after = decoded(source), decoded(output)
    assert report == AppendReport(
        packet_copied=True,
        reason="the join decodes exactly",
        frames_kept=len(before),
        frames_added=3,
        frames_encoded_again=0,
        dropped=(),
    )
    assert after[: len(before)] == before
    expected = [time for _, time in predictions(source)]
    tick = Fraction(1, 1000)
    assert [abs(time - want) < tick for (time, _), want in zip(after[-3:], expected, strict=True)]
    assert len(after) == len(before) + 3
    assert decoded(output, "NONE") == decoded(output, "AUTO") == after
    assert_like_predictions(output, 3)
    if "audio" in SOURCES[name]:
        assert packets(output, "audio") == packets(source, "audio")


def test_everything_else_of_the_source_stays(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", audio="aac", rotation_deg=90)
    with av.open(source) as container:
        ratio = container.streams.video[0].sample_aspect_ratio
    output = tmp_path / "out.mp4"
    upright = ((torch.rot90(picture, 1, (-2, -1)), time) for picture, time in predictions(source))
    append_frames(source, output, upright)
    with av.open(output) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert video.codec_context.codec_tag == "avc1"
        assert video.average_rate == 25
        assert video.sample_aspect_ratio == ratio
        assert audio.metadata["language"] == "deu"
        assert container.metadata["title"] == "a clip"
        assert [chapter["metadata"]["title"] for chapter in container.chapters()] == ["one"]
        frames = list(container.decode(video))
    assert {frame.rotation for frame in frames} == {90}
    assert {(frame.colorspace, frame.color_range) for frame in frames} == {(1, 1)}


@pytest.mark.parametrize("cut", [None, Fraction(10, 25)])
def test_h264_in_avi_is_copied_up_to_the_last_frame(tmp_path: Path, cut: Fraction | None) -> None:
    """FFmpeg gives its frames times that are a frame later than those of `open_video`."""
    source, output = tmp_path / "in.avi", tmp_path / "out.avi"
    make_clip(source, options={"bf": "0"}, group=50)
    kept = 24 if cut is None else 11
    pictures = [(image(30 + n), Fraction(kept + n, 25)) for n in range(3)]
    report = append_frames(source, output, pictures, cut_after=cut)
    assert (report.packet_copied, report.frames_kept, report.frames_added) == (True, kept, 3)
    with open_video(output) as reader:
        assert [frame.time for frame in reader] == [Fraction(n, 25) for n in range(kept + 3)]
    assert decoded(output)[:kept] == decoded(source)[:kept]
    assert_like_predictions(output, 3)


@pytest.mark.parametrize("options", [None, EncodingOptions(crf=2)])
def test_the_sound_of_mxf_goes_on_silent(tmp_path: Path, options: EncodingOptions | None) -> None:
    """FFmpeg's muxer leaves out the pictures that come after the end of the sound."""
    source, output = tmp_path / "in.mxf", tmp_path / "out.mxf"
    make_clip(source, "mpeg2video", audio="pcm_s16le", options={"bf": "2"})
    report = append_frames(source, output, predictions(source), options)
    assert report.packet_copied == (options is None)
    assert [time for time, _ in decoded(output)] == [Fraction(n, 25) for n in range(27)]
    assert_like_predictions(output, 3)
    sound, longer = (
        b"".join(content for _, _, content in packets(path, "audio")) for path in (source, output)
    )
    assert longer == sound + bytes(len(sound) * 3 // 24)


@pytest.mark.parametrize("options", [None, EncodingOptions(codec="h264")])
@pytest.mark.parametrize(
    ("name", "codec"), [("vp9.mp4", "libvpx-vp9"), ("prores.mov", "prores_ks")]
)
def test_a_pixel_aspect_that_the_container_alone_has_is_kept(
    tmp_path: Path, name: str, codec: str, options: EncodingOptions | None
) -> None:
    pixel_format = "yuv422p10le" if codec == "prores_ks" else "yuv420p"
    source = make_clip(tmp_path / name, codec, pixel_format, count=4, aspect=Fraction(3, 2))
    output = tmp_path / f"out-{name}"
    report = append_frames(source, output, predictions(source), options)
    assert (report.packet_copied, report.dropped) == (options is None, ())
    with av.open(output) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(3, 2)


@pytest.mark.parametrize("options", [None, EncodingOptions(codec="rawvideo")])
def test_a_pixel_aspect_that_cannot_be_written_is_said_to_be_lost(
    tmp_path: Path, options: EncodingOptions | None
) -> None:
    source, output = make_clip(tmp_path / "a.y4m", "rawvideo"), tmp_path / "out.y4m"
    content = source.read_bytes()
    assert content.count(b" A0:0 ") == 1
    source.write_bytes(content.replace(b" A0:0 ", b" A3:2 "))
    report = append_frames(source, output, predictions(source), options)
    assert (report.packet_copied, report.dropped) == (options is None, ("pixel aspect",))


def test_a_rotated_video_goes_on_upright(tmp_path: Path) -> None:
    source, output = make_clip(tmp_path / "in.mp4", rotation_deg=90), tmp_path / "out.mp4"
    with open_video(source) as reader:
        last = reader.tail(1)[0]
    append_frames(source, output, [(last.image, last.time + Fraction(1, 25))])
    with open_video(output) as reader:
        before, after = reader.tail(2)
    assert after.image.shape == (3, WIDTH, HEIGHT)
    assert (after.image - before.image).abs().mean() < 0.04


def test_both_parameter_sets_stand_in_the_header(tmp_path: Path) -> None:
    """Players that read the header alone find the tail's settings there."""
    source, output = make_clip(tmp_path / "in.mp4"), tmp_path / "out.mp4"
    append_frames(source, output, predictions(source))
    with av.open(output) as container:
        extradata = container.streams.video[0].codec_context.extradata
    assert extradata is not None
    record = AvcRecord(extradata)
    assert len(record.sequence_sets) == len(record.picture_sets) == 2
    assert record.numbers() == {0, 31}
    (length,) = struct.unpack(">I", packets(output, "video")[-3][2][:4])
    content = packets(output, "video")[-3][2]
    assert length == len(content) - 4, "the first picture of the tail is one unit"
    assert h264_kind(content[4:]) == 5, "which resets the decoder (IDR)"


@pytest.mark.parametrize("name", ["h264.mp4", "h264.mkv", "h264.ts", "hevc.mp4", "uneven.mp4"])
def test_a_cut_between_reordered_frames_copies_up_to_it(tmp_path: Path, name: str) -> None:
    source = make_clip(tmp_path / name, **SOURCES[name])
    whole = decoded(source)
    for index in (3, 9, 10, 14):
        output = tmp_path / f"{index}-{name}"
        cut = whole[index][0] + Fraction(1, 1000)
        report = append_frames(source, output, predictions(source, after=cut), cut_after=cut)
        assert report.packet_copied
        assert report.frames_kept == index + 1
        assert report.frames_encoded_again <= 4
        copied = report.frames_kept - report.frames_encoded_again
        after = decoded(output)
        assert after[:copied] == whole[:copied]
        assert [time for time, _ in after[: index + 1]] == [time for time, _ in whole[: index + 1]]
        assert len(after) == index + 1 + 3
        assert_like_predictions(output, 3)


def cut_at(cut: Fraction, source: Path, output: Path) -> tuple[str, ...]:
    report = append_frames(source, output, predictions(source, after=cut), cut_after=cut)
    return report.dropped


def test_chapters_that_begin_behind_a_cut_are_said(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mkv")
    source, output = tmp_path / "in.mkv", tmp_path / "out.mkv"
    with av.open(clip) as container, av.open(source, "w") as made:
        video = made.add_stream_from_template(container.streams.video[0])
        edges = [(0, 500), (500, 900)]
        made.set_chapters(
            [
                {"id": number, "start": start, "end": end, "time_base": Fraction(1, 1000),
                 "metadata": {"title": str(number)}}
                for number, (start, end) in enumerate(edges, 1)
            ]
        )  # fmt: skip
        for packet in container.demux(video=0):
            if packet.size:
                packet.stream = video
                made.mux(packet)
    assert cut_at(Fraction(1, 5), source, output) == ("chapters after 0.240 s",)
    with av.open(output) as found:
        assert [chapter["metadata"]["title"] for chapter in found.chapters()] == ["1"]


def test_a_cut_drops_the_audio_and_chapters_behind_it_and_says_so(tmp_path: Path) -> None:
    source, output = make_clip(tmp_path / "in.mp4", audio="aac"), tmp_path / "out.mp4"
    assert cut_at(Fraction(1, 5), source, output) == ("audio after 0.240 s",)
    kept = packets(output, "audio")
    assert kept == packets(source, "audio")[: len(kept)]
    assert kept[-1][0] is not None
    assert Fraction(kept[-1][0], 48000) < Fraction(6, 25) <= Fraction(kept[-1][0] + 1024, 48000)
    with av.open(output) as container:
        ends = [chapter["end"] * chapter["time_base"] for chapter in container.chapters()]
        assert ends == [Fraction(6, 25)]


def test_a_file_cut_off_is_continued_where_it_stops_decoding(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "whole.mkv", audio="aac", count=40).read_bytes()
    source, output = tmp_path / "in.mkv", tmp_path / "out.mkv"
    source.write_bytes(whole[: len(whole) * 7 // 10])
    with open_video(source) as reader:
        last = list(reader)[-1].time
    append_frames(source, output, [(image(30), last + Fraction(1, 25))])
    times = [time for time, _ in decoded(output)]
    assert times[-2:] == [last, last + Fraction(1, 25)]


def test_only_the_last_group_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_clip(tmp_path / "in.mp4", count=96, group=12)
    after, output = Fraction(95, 25), tmp_path / "out.mp4"
    pictures = [(image(30), after + Fraction(1, 25))]
    seam = append.found_seam(source, None)
    assert seam.group_pts == Fraction(84, 25) * 12800
    counted = 0
    original = demuxed

    def counting(*arguments: object) -> Iterator[object]:
        nonlocal counted
        for packet in original(*arguments):
            counted += 1
            yield packet

    monkeypatch.setattr("pipelines.appending.seam.demuxed", counting)
    append_frames(source, output, pictures)
    assert counted == 12


def test_a_source_that_is_no_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_text("no video")
    with pytest.raises(UnreadableVideo, match=r"in\.mp4"):
        append_frames(tmp_path / "in.mp4", tmp_path / "out.mp4", [(image(0), Fraction(0))])


@pytest.mark.parametrize("options", [None, EncodingOptions(crf=1)])
def test_a_full_disk_leaves_nothing_and_is_one_clear_error(
    tmp_path: Path, options: EncodingOptions | None
) -> None:
    source = make_clip(tmp_path / "in.mp4", audio="aac", options={"crf": "1"})
    frames = list(predictions(source))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, hard))
    try:
        with (
            pytest.raises(OutputNotWritten, match="written: "),
            atomic_output(tmp_path / "out.mp4") as partial,
        ):
            append_frames(source, partial, frames, options)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4")

    def interrupted() -> Iterator[tuple[Tensor, Fraction]]:
        yield next(predictions(source))
        raise KeyboardInterrupt

    with (
        pytest.raises(KeyboardInterrupt),
        atomic_output(tmp_path / "out.mp4") as partial,
    ):
        append_frames(source, partial, interrupted())
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_frames_that_an_edit_list_hides_stay_hidden(tmp_path: Path) -> None:
    source, output = tmp_path / "in.mp4", tmp_path / "out.mp4"
    make_clip(source, ticks=[*range(-3, 21)])
    before = decoded(source)
    assert len(before) == 21, "the premise: three frames lie before the edit list's begin"
    report = append_frames(source, output, predictions(source))
    assert (report.packet_copied, report.frames_kept) == (True, 21)
    after = decoded(output)
    assert after[:21] == before
    assert len(after) == 24


def test_hidden_vp8_pictures_are_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The encoder here makes none for so small a clip, so one is marked hidden while it is read."""
    source, output = make_clip(tmp_path / "in.webm", "libvpx"), tmp_path / "out.webm"
    frames = list(predictions(source))

    def with_a_hidden(*arguments: object) -> Iterator[object]:
        for packet in demuxed(*arguments):
            if packet.pts == 40:
                content = bytearray(packet)
                content[0] &= 0b11101111
                hidden = av.Packet(content)
                hidden.pts, hidden.dts, hidden.time_base = packet.pts, packet.dts, packet.time_base
                hidden.stream = packet.stream
                packet = hidden
            yield packet

    monkeypatch.setattr(append, "demuxed", with_a_hidden)
    assert append_frames(source, output, frames).frames_kept == 23
    assert len(decoded(output)) == 26
