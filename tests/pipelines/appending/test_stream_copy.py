from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.stream import Disposition
from encoded_clips import image, make_clip, packets

from pipelines.appending.packet_times import demuxed
from pipelines.appending.stream_copy import OtherStreams, StreamCopy, created
from predictor.errors import UnsupportedCodec
from predictor.media.encoding import VideoWriter
from predictor.media.video import probe


def copied(source: Path, destination: Path, until: Fraction | None = None) -> list[str]:
    with av.open(source) as container, created(destination) as output:
        copy = StreamCopy(container, output, until=until)
        for packet in demuxed(container, [container.streams[index] for index in copy.sources]):
            copy.write(packet)
        return copy.dropped


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "ts", "avi", "flv"])
def test_packets_times_and_contents_stay(tmp_path: Path, suffix: str) -> None:
    source, output = tmp_path / f"in.{suffix}", tmp_path / f"out.{suffix}"
    codecs = ("mpeg4", "mp3") if suffix == "avi" else ("libx264", "aac")
    make_clip(source, codecs[0], audio=codecs[1])
    assert copied(source, output) == []
    for kind in ("video", "audio"):
        assert packets(output, kind) == packets(source, kind)


def test_an_encoded_video_has_the_number_of_the_one_it_replaces(tmp_path: Path) -> None:
    """The muxer would choose 0x100, which the sound of some recorders has."""
    clip, source, output = (tmp_path / name for name in ("clip.ts", "in.ts", "out.ts"))
    make_clip(clip, audio="aac")
    numbers = {"audio": 0x100, "video": 0x101}
    with av.open(clip) as container, created(source) as made:
        copy = StreamCopy(container, made)
        for stream in made.streams:
            stream.id = numbers[stream.type]
        for packet in demuxed(container, [container.streams[index] for index in copy.sources]):
            copy.write(packet)
    info = probe(source)
    with (
        VideoWriter(output, info, info.size) as writer,
        OtherStreams(source, writer.output) as others,
    ):
        for number in range(5):
            writer.write(image(number), info.start_time + Fraction(number, 25))
        others.write_due(None)
    with av.open(output) as container:
        assert {stream.type: stream.id for stream in container.streams} == numbers
    assert packets(output, "audio") == packets(source, "audio")


@pytest.mark.parametrize(
    ("name", "audio", "lost"),
    [
        ("out.ts", "pcm_bluray", ["audio (pcm_bluray), which mpegts cannot store"]),
        ("out.m2ts", "pcm_s16le", ["audio (pcm_s16le), which mpegts cannot store"]),
        ("out.ts", "flac", ["audio (flac), which mpegts cannot store"]),
        ("out.ts", "libmp3lame", []),
        ("out.ts", "libopus", []),
        ("out.ts", "eac3", []),
    ],
)
def test_sound_that_would_be_nameless_data_is_left_out_and_said(
    tmp_path: Path, name: str, audio: str, lost: list[str]
) -> None:
    """The muxer of MPEG-TS takes any."""
    source = make_clip(tmp_path / ("in.m2ts" if audio == "pcm_bluray" else "in.mkv"), audio=audio)
    chapters = [] if source.suffix == ".m2ts" else ["chapters"]
    assert copied(source, tmp_path / name) == [*lost, *chapters]
    with av.open(tmp_path / name) as container:
        kinds = [stream.type for stream in container.streams]
    assert kinds == (["video"] if lost else ["video", "audio"])


@pytest.mark.parametrize("is_encoded", [False, True])
def test_lpcm_of_blu_rays_stays_in_a_file_that_is_still_unfinished(
    tmp_path: Path, is_encoded: bool
) -> None:
    """FFmpeg takes MPEG-TS for that of Blu-ray discs by the end of its name alone."""
    source = make_clip(tmp_path / "in.m2ts", audio="pcm_bluray")
    unfinished, output = tmp_path / "out.M2TS.partial", tmp_path / "out.m2ts"
    if is_encoded:
        info = probe(source)
        with VideoWriter(unfinished, info, info.size) as writer:
            with OtherStreams(source, writer.output) as others:
                for number in range(5):
                    writer.write(image(number), info.start_time + Fraction(number, 25))
                others.write_due(None)
            assert others.dropped == []
    else:
        assert copied(source, unfinished) == []
    unfinished.rename(output)
    with av.open(output) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
    assert packets(output, "audio") == packets(source, "audio")


def test_the_average_rate_of_uneven_frames_stays(tmp_path: Path) -> None:
    """Matroska stores it; FFmpeg would guess the rate of its clock, 1000."""
    source, output = tmp_path / "in.mkv", tmp_path / "out.mkv"
    make_clip(source, ticks=[0, 31, 90, 127, 140], count=5, time_base=Fraction(1, 1000))
    copied(source, output)
    rates = []
    for path in (source, output):
        with av.open(path) as container:
            rates.append(container.streams.video[0].average_rate)
    assert rates == [25, 25]


def test_decoding_times_that_matroska_leaves_out_are_completed(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv")
    with av.open(source) as container:
        raw = [packet.dts for packet in container.demux(video=0) if packet.size]
    assert raw[:2] == [None, None], "the premise: B-frames hide the first two"
    with av.open(source) as container:
        video = container.streams.video
        found = [(packet.dts, packet.pts) for packet in demuxed(container, video)]
    assert found[:3] == [(-80, 0), (-40, 80), (0, 40)]
    assert [dts for dts, _ in found] == sorted({dts for dts, _ in found if dts is not None})
    assert all(dts <= pts for dts, pts in found if dts is not None and pts is not None)


def test_what_a_container_cannot_store_is_said(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mkv", audio="aac")
    with av.open(source) as container, created(tmp_path / "out.webm") as output:
        dropped = StreamCopy(container, output).dropped
    assert dropped == [
        "video (h264), which webm cannot store",
        "audio (aac), which webm cannot store",
    ]
    with pytest.raises(UnsupportedCodec, match=r"\.xyz"):
        created(tmp_path / "out.xyz")


@pytest.mark.parametrize(
    ("name", "audio", "lost"),
    [
        ("out.mpg", "aac", ["audio (aac), which mpeg cannot store"]),
        ("out.mxf", "aac", ["audio (aac), which mxf cannot store"]),
        ("out.ogv", "aac", ["audio (aac), which ogg cannot store"]),
        ("out.mov", "flac", ["audio (flac), which mov cannot store"]),
        ("out.ogv", "flac", []),
        ("out.mpg", "mp2", []),
        ("out.ts", "aac", []),
    ],
)
def test_what_a_container_refuses_only_in_its_header_is_left_out(
    tmp_path: Path, name: str, audio: str, lost: list[str]
) -> None:
    source = make_clip(tmp_path / "in.mkv", audio=audio)
    info = probe(source)
    with VideoWriter(tmp_path / name, info, info.size) as writer:
        with OtherStreams(source, writer.output) as others:
            for number in range(5):
                others.write_due(Fraction(number, 25))
                writer.write(image(number), Fraction(number, 25))
        keeps_chapters = name.endswith((".mov", ".ogv"))
        assert others.dropped == ([*lost] if keeps_chapters else [*lost, "chapters"])
    with av.open(tmp_path / name) as container:
        assert len(container.streams.audio) == (0 if lost else 1)
        assert len(container.streams.video) == 1


def test_subtitles_that_a_container_cannot_store_are_left_out(tmp_path: Path) -> None:
    text = tmp_path / "in.srt"
    text.write_text("1\n00:00:00,100 --> 00:00:00,400\nhello\n")
    clip, source = make_clip(tmp_path / "clip.mkv"), tmp_path / "in.mkv"
    with av.open(clip) as container, av.open(text) as words, created(source) as made:
        copy = StreamCopy(container, made)
        track = made.add_stream_from_template(words.streams.subtitles[0])
        for packet in demuxed(container, container.streams.video):
            copy.write(packet)
        for packet in words.demux(subtitles=0):
            if packet.size:
                packet.stream = track
                made.mux(packet)
    assert copied(source, tmp_path / "out.mkv") == []
    assert copied(source, tmp_path / "out.mp4") == ["subtitle (srt), which mp4 cannot store"]


def test_covers_and_fonts_stay_and_statistics_do_not(tmp_path: Path) -> None:
    clip, source, output = (tmp_path / name for name in ("clip.mkv", "in.mkv", "out.mkv"))
    make_clip(clip)
    with av.open(clip) as container, created(source) as made:
        copy = StreamCopy(container, made)
        made.add_attachment("a.ttf", "application/x-truetype-font", b"a font")
        made.streams[0].metadata["BPS-eng"] = "1234"
        for packet in demuxed(container, container.streams.video):
            copy.write(packet)
    with av.open(source) as container:
        assert container.streams.video[0].metadata["BPS-eng"] == "1234"
    assert copied(source, output) == []
    with av.open(output) as container:
        (font,) = container.streams.attachments
        assert font.data == b"a font"
        assert "BPS-eng" not in container.streams.video[0].metadata


def test_other_streams_go_beside_pictures_that_are_encoded(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "in.mp4", audio="aac")
    with av.open(tmp_path / "out.mp4", "w") as output:
        video = output.add_stream("libx264", rate=25)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
        video.codec_context.time_base = Fraction(1, 25)
        with OtherStreams(source, output, until=Fraction(1, 2)) as others:
            for number in range(13):
                others.write_due(Fraction(number, 25))
                frame = av.VideoFrame(32, 32, "yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                output.mux(video.encode(frame))
            others.write_due(None)
            assert others.dropped == ["audio after 0.500 s"]
        output.mux(video.encode(None))
    kept = packets(tmp_path / "out.mp4", "audio")
    assert kept == packets(source, "audio")[: len(kept)]
    assert len(kept) == 25  # the priming packet and those that begin before 24,000 samples
    assert len(packets(tmp_path / "out.mp4", "video")) == 13
    with av.open(tmp_path / "out.mp4") as container:
        assert container.metadata["title"] == "a clip"
        assert container.streams.audio[0].metadata["language"] == "deu"


def described(source: Path, destination: Path, **tags: str) -> Path:
    """Copy `source` to `destination` with tags for the file, the video and the sound."""
    with av.open(source) as container, created(destination) as made:
        copy = StreamCopy(container, made)
        made.metadata.update(tags)
        for stream, language in zip(made.streams, ("ger", "eng"), strict=True):
            stream.metadata.update(language=language, title=f"a {stream.type}")
            stream.disposition = Disposition.default
        times = {"start": 0, "end": 1, "time_base": Fraction(1, 5)}
        made.set_chapters([{"id": 1, **times, "metadata": {}}])
        for packet in demuxed(container, [container.streams[index] for index in copy.sources]):
            copy.write(packet)
    return destination


@pytest.mark.parametrize("suffix", ["mkv", "mp4", "mov"])
def test_an_encoded_video_is_described_as_the_one_it_replaces(tmp_path: Path, suffix: str) -> None:
    source = described(make_clip(tmp_path / "a.mp4", audio="aac"), tmp_path / f"in.{suffix}")
    info, output = probe(source), tmp_path / f"out.{suffix}"
    with (
        VideoWriter(output, info, info.size) as writer,
        OtherStreams(source, writer.output) as others,
    ):
        for number in range(5):
            writer.write(image(number), Fraction(number, 25))
        others.write_due(None)
        assert others.dropped == []
    with av.open(output) as container:
        streams = (container.streams.video[0], container.streams.audio[0])
        for stream, language in zip(streams, ("ger", "eng"), strict=True):
            told = stream.metadata
            assert told["language"] == language
            assert told.get("title", told.get("name")) == f"a {stream.type}"
            assert stream.disposition & Disposition.default


def test_names_of_tracks_stay_in_a_copy(tmp_path: Path) -> None:
    source = described(make_clip(tmp_path / "a.mp4", audio="aac"), tmp_path / "in.mp4")
    copied(source, tmp_path / "out.mp4")
    with av.open(tmp_path / "out.mp4") as container:
        assert container.streams.audio[0].metadata["name"] == "a audio"


def test_chapters_that_a_container_cannot_store_are_named(tmp_path: Path) -> None:
    source = described(make_clip(tmp_path / "a.mp4", audio="aac"), tmp_path / "in.mp4")
    assert copied(source, tmp_path / "out.mkv") == []
    assert copied(source, tmp_path / "out.ts") == ["chapters"]


def test_what_a_telephone_says_of_itself_stays(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "a.mp4", audio="aac")
    source, key = tmp_path / "in.mov", "com.apple.quicktime.location.ISO6709"
    with av.open(clip) as container, created(source) as made:
        made.options["movflags"] = "use_metadata_tags"
        copy = StreamCopy(container, made)
        made.metadata[key] = "+52.5+013.4/"
        for packet in demuxed(container, [container.streams[index] for index in copy.sources]):
            copy.write(packet)
    assert copied(source, tmp_path / "out.mov") == []
    with av.open(tmp_path / "out.mov") as container:
        assert container.metadata[key] == "+52.5+013.4/"
    assert copied(source, tmp_path / "out.mkv") == []
    assert copied(source, tmp_path / "out.ts") == ["tags of QuickTime", "chapters"]
    with av.open(tmp_path / "out.mkv") as container:
        assert "+52.5+013.4/" in container.metadata.values()
