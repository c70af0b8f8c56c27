"""Writing videos, and reading them again with the reader that test_video.py tests."""

import ctypes
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest
import torch
from made_videos import Recipe, marked_picture, smooth_picture, write_video
from written_videos import NTSC, PLAIN, SIZE, mean_error, moving, written

from predictor.media.colour import FULL, LIMITED
from predictor.media.encoding import EncodingOptions, VideoWriter
from predictor.media.video import ColorTags, open_video, probe

SMALLEST_DNXHR = (120, 256)
# suffix, codec: mean error in 8-bit levels that its defaults keep to on the pictures used here
FORMATS = {
    ("mp4", "h264"): 3.0,
    ("mp4", "hevc"): 3.0,
    ("mp4", "av1"): 3.0,
    ("mp4", "vp9"): 3.0,
    ("mp4", "mpeg4"): 2.5,
    ("mov", "h264"): 3.0,
    ("mov", "prores"): 0.6,
    ("mov", "qtrle"): 0.4,
    ("mkv", "h264"): 3.0,
    ("mkv", "ffv1"): 1.0,
    ("mkv", "vp8"): 2.5,
    ("mkv", "mjpeg"): 2.0,
    ("webm", "vp9"): 3.0,
    ("webm", "av1"): 3.0,
    ("avi", "mpeg4"): 2.5,
    ("avi", "h264"): 3.5,
    ("avi", "mjpeg"): 2.0,
    ("ts", "h264"): 3.0,
    ("ts", "hevc"): 3.0,
    ("ts", "mpeg2video"): 2.5,
    ("y4m", "rawvideo"): 1.0,
    ("flv", "h264"): 3.0,
    ("wmv", "wmv2"): 3.0,
    ("gif", "gif"): 9.0,
    ("apng", "apng"): 0.4,
}


@pytest.mark.parametrize(("suffix", "codec"), FORMATS)
def test_what_is_written_is_read_again(tmp_path: Path, suffix: str, codec: str) -> None:
    rate = Fraction(25) if suffix in ("gif", "apng") else NTSC
    like = replace(PLAIN, average_rate=rate, time_base=1 / rate)
    path = tmp_path / f"a.{suffix}"
    info, frames = written(path, like, options=EncodingOptions(codec=codec))
    assert info.codec == codec
    assert info.size == SIZE
    assert not info.is_variable_rate
    clock = info.time_base
    exact = ((1 / rate) / clock).denominator == 1
    for number, frame in enumerate(frames):
        error = abs(frame.time - frames[0].time - number / rate)
        assert error <= (0 if exact else clock)
    assert info.average_rate == rate or suffix == "flv"  # which stores no exact rate
    assert mean_error(frames, moving(12)) < FORMATS[suffix, codec]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov", "webm", "avi", "gif", "y4m"])
def test_each_container_has_a_usual_codec(tmp_path: Path, suffix: str) -> None:
    like = replace(PLAIN, average_rate=Fraction(25), time_base=Fraction(1, 25))
    info, frames = written(tmp_path / f"a.{suffix}", like, count=3)
    assert len(frames) == 3
    usual = {"webm": "vp9", "avi": "mpeg4", "gif": "gif", "y4m": "rawvideo"}
    assert info.codec == usual.get(suffix, "h264")


def test_the_output_is_like_its_source(tmp_path: Path) -> None:
    recipe = Recipe(
        "libx265",
        {"x265-params": "lossless=1:log-level=none"},
        "yuv422p10le",
        rate=NTSC,
        aspect=Fraction(4, 3),
        color=(LIMITED, 9, 9, 16),
    )
    source = write_video(tmp_path / "a.mkv", [marked_picture(n) for n in range(5)], recipe)
    like = probe(source)
    info, _ = written(tmp_path / "b.mkv", like)
    same = ("codec", "pixel_format", "bit_depth", "size", "sample_aspect_ratio", "color")
    same += ("container", "average_rate", "time_base", "is_variable_rate", "profile")
    for name in same:
        assert getattr(info, name) == getattr(like, name), name


@pytest.mark.parametrize(
    ("codec", "suffix", "lost"),
    [
        ("vp9", "mp4", ()),
        ("av1", "mp4", ()),  # whose decoder says 1
        ("vp9", "webm", ("pixel aspect",)),
    ],
)
def test_a_pixel_aspect_that_the_file_lacks_is_known(
    tmp_path: Path, codec: str, suffix: str, lost: tuple[str, ...]
) -> None:
    like = replace(PLAIN, codec=codec, sample_aspect_ratio=Fraction(4, 3))
    with VideoWriter(tmp_path / f"a.{suffix}", like, SIZE) as writer:
        for number in range(3):
            writer.write(smooth_picture(number), number / NTSC)
    assert writer.lost == lost
    assert (probe(writer.path).sample_aspect_ratio == Fraction(4, 3)) == (not lost)


@pytest.mark.parametrize(
    ("profile", "pixel_format", "written_profile", "written_format"),
    [
        ("DNXHR LB", "yuv422p", "DNXHR LB", "yuv422p"),
        ("DNXHR SQ", "yuv422p", "DNXHR SQ", "yuv422p"),
        ("DNXHR HQ", "yuv422p", "DNXHR HQ", "yuv422p"),
        ("DNXHD", "yuv422p", "DNXHR HQ", "yuv422p"),
        ("DNXHR HQX", "yuv422p10le", "DNXHR HQX", "yuv422p10le"),
        ("DNXHR 444", "yuv444p12le", "DNXHR 444", "yuv444p10le"),
        ("DNXHR 444", "gbrp10le", "DNXHR 444", "gbrp10le"),
    ],
)
def test_dnxhr_keeps_the_profile_of_its_source(
    tmp_path: Path, profile: str, pixel_format: str, written_profile: str, written_format: str
) -> None:
    like = replace(PLAIN, codec="dnxhd", profile=profile, pixel_format=pixel_format)
    info, frames = written(tmp_path / "a.mov", like, count=3, size=SMALLEST_DNXHR)
    assert (info.codec, info.profile) == ("dnxhd", written_profile)
    assert info.pixel_format == written_format
    assert mean_error(frames, moving(3, SMALLEST_DNXHR)) < 3


def test_dnxhd_is_chosen_by_its_rate(tmp_path: Path) -> None:
    like = replace(PLAIN, codec="dnxhd", average_rate=Fraction(25))
    options = EncodingOptions(encoder_options={"b": "36M"})
    info, _ = written(tmp_path / "a.mov", like, 2, options, size=(1080, 1920))
    assert info.profile == "DNXHD"


def test_upright_pictures_of_a_turned_source_are_not_turned_twice(tmp_path: Path) -> None:
    source = write_video(
        tmp_path / "a.mp4",
        [marked_picture(n, 48, 64) for n in range(5)],
        Recipe(rotation_ccw=-90, aspect=Fraction(4, 3)),
    )
    like = probe(source)
    assert like.size == (64, 48)
    info, frames = written(tmp_path / "b.mp4", like, size=like.size)
    assert (info.size, info.rotation_deg) == ((64, 48), 0)
    assert info.sample_aspect_ratio == Fraction(3, 4)
    assert mean_error(frames, moving(12, (64, 48))) < 3


@pytest.mark.parametrize(
    "tags",
    [
        ColorTags(),
        ColorTags(LIMITED, 1, 1, 1),
        ColorTags(FULL, 1, 1, 1),
        ColorTags(LIMITED, 6, 6, 6),
        ColorTags(FULL, 5, 5, 6),
        ColorTags(LIMITED, 9, 9, 16),
        ColorTags(0, 1, 2, 2),
    ],
)
@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        ("mp4", "h264"),
        ("mkv", "ffv1"),
        ("webm", "vp9"),
        ("mp4", "hevc"),
        ("mp4", "mpeg4"),
        ("avi", "mpeg4"),
        ("avi", "mjpeg"),
        ("avi", "utvideo"),
        ("webm", "vp8"),
        ("ts", "mpeg2video"),
        ("mov", "prores"),
        ("mov", "dnxhd"),
        ("mov", "rawvideo"),
        ("y4m", "rawvideo"),
        ("wmv", "wmv2"),
    ],
)
def test_colour_comes_back_whatever_tags_the_format_keeps(
    tmp_path: Path, suffix: str, codec: str, tags: ColorTags
) -> None:
    # A wrong matrix or range errs by 5 levels on average and more; the codecs here by under 3.
    like = replace(PLAIN, color=tags)
    path = tmp_path / f"a.{suffix}"
    size = SMALLEST_DNXHR if codec == "dnxhd" else SIZE
    with VideoWriter(path, like, size, options=EncodingOptions(codec=codec)) as writer:
        for number in range(6):
            writer.write(smooth_picture(0, *size), number / NTSC)
    with open_video(path) as reader:
        frames = list(reader)
    assert mean_error(frames, [smooth_picture(0, *size)] * 6) < 3
    found = reader.info.color
    if tags.matrix != 2 and codec in ("h264", "hevc", "ffv1"):
        assert (found.matrix, found.primaries) == (tags.matrix, tags.primaries)
        assert found.range == (tags.range or found.range)
    if suffix not in ("mov", "wmv"):
        assert writer.color.matrix in (found.matrix, 2)


def test_untagged_high_definition_comes_back_as_it_was(tmp_path: Path) -> None:
    for codec, suffix in (("h264", "mp4"), ("vp8", "webm"), ("mjpeg", "avi"), ("mpeg4", "avi")):
        _, frames = written(
            tmp_path / f"a.{suffix}",
            replace(PLAIN, width=1280, height=64),
            count=1,
            options=EncodingOptions(codec=codec),
            size=(64, 1280),
        )
        assert mean_error(frames, moving(1, (64, 1280))) < 2, codec


@pytest.mark.parametrize(
    ("suffix", "codec", "pixel_format"),
    [
        ("mp4", "h264", "yuv444p"),
        ("mp4", "hevc", "yuv444p10le"),
        ("mkv", "ffv1", "yuv444p"),
        ("webm", "vp9", "yuv444p"),
        ("mkv", "av1", None),
    ],
)
def test_lossless_keeps_the_codes(
    tmp_path: Path, suffix: str, codec: str, pixel_format: str | None
) -> None:
    # With full chroma only the rounding of the codes is left: under 1.7 levels, a quarter at 10.
    like = replace(PLAIN, pixel_format=pixel_format or "yuv420p", color=ColorTags(LIMITED, 1, 1, 1))
    options = EncodingOptions(codec=codec, lossless=True)
    _, frames = written(tmp_path / f"a.{suffix}", like, options=options)
    errors = [
        (frame.image - picture).abs().max().item() * 127.5
        for frame, picture in zip(frames, moving(12), strict=True)
    ]
    assert max(errors) < {"yuv444p": 1.7, "yuv444p10le": 0.46, None: 12.0}[pixel_format]


@pytest.mark.parametrize(("suffix", "codec"), [("mkv", "h264"), ("mkv", "ffv1"), ("mp4", "hevc")])
def test_lossless_keeps_rgb_of_rgb_sources(tmp_path: Path, suffix: str, codec: str) -> None:
    like = replace(PLAIN, pixel_format="gbrp")
    options = EncodingOptions(codec=codec, lossless=True)
    _, frames = written(tmp_path / f"a.{suffix}", like, options=options)
    for frame, picture in zip(frames, moving(12), strict=True):
        assert (frame.image - picture).abs().max() * 127.5 <= 0.51


def test_a_folder_becomes_a_file_that_every_player_shows(tmp_path: Path) -> None:
    like = replace(PLAIN, pixel_format="gbrp")
    assert written(tmp_path / "a.mp4", like, count=2)[0].pixel_format == "yuv420p"
    deep = replace(PLAIN, pixel_format="gbrp16le", bit_depth=16)
    assert written(tmp_path / "b.mp4", deep, count=2)[0].pixel_format == "yuv420p10le"


@pytest.mark.parametrize(
    ("suffix", "codec", "pixel_format"),
    [
        ("mp4", "h264", "yuv444p"),
        ("mp4", "hevc", "yuv444p"),
        ("webm", "vp9", "yuv420p"),
        ("webm", "vp8", "yuv420p"),
        ("avi", "mpeg4", "yuv420p"),
        ("avi", "mjpeg", "yuvj420p"),
        ("mkv", "ffv1", "yuv420p"),
        ("mov", "prores", "yuv422p10le"),
        ("y4m", "rawvideo", "yuv420p"),
        ("gif", "gif", "bgra"),
    ],
)
def test_odd_sizes_are_kept(tmp_path: Path, suffix: str, codec: str, pixel_format: str) -> None:
    size = (47, 63)
    like = replace(PLAIN, width=63, height=47, average_rate=Fraction(25), time_base=Fraction(1, 25))
    path = tmp_path / f"a.{suffix}"
    info, frames = written(path, like, 3, EncodingOptions(codec=codec), size=size)
    assert info.size == size
    assert info.pixel_format == pixel_format
    assert mean_error(frames, moving(3, size)) < 9


def test_a_gif_has_the_best_palette_of_each_picture(tmp_path: Path) -> None:
    # Pictures of few colours are exact, also when each has other colours than the one before.
    like = replace(PLAIN, average_rate=Fraction(20), time_base=Fraction(1, 20))
    pictures = []
    for number in range(4):
        picture = torch.full((3, 48, 64), number / 4 - 0.9)
        picture[number % 3, 10:30, 10 + number * 5 : 30 + number * 5] = 0.9 - number / 8
        pictures.append(picture)
    path = tmp_path / "a.gif"
    with VideoWriter(path, like, SIZE) as writer:
        for number, picture in enumerate(pictures):
            writer.write(picture, Fraction(number, 20))
    with open_video(path) as reader:
        frames = list(reader)
    assert mean_error(frames, pictures) < 1.5
    assert [frame.time for frame in frames] == [Fraction(n, 20) for n in range(4)]


def test_crf_and_encoder_options_reach_the_encoder(tmp_path: Path) -> None:
    def size(name: str, options: EncodingOptions) -> int:
        written(tmp_path / name, PLAIN, options=options)
        return (tmp_path / name).stat().st_size

    good = size("a.mp4", EncodingOptions(crf=5))
    assert size("b.mp4", EncodingOptions(crf=45)) < 0.6 * good
    assert size("c.mp4", EncodingOptions(encoder_options={"crf": "45"})) < 0.6 * good
    intra = EncodingOptions(encoder_options={"g": "1"})
    written(tmp_path / "d.mp4", PLAIN, options=intra)
    with av.open(str(tmp_path / "d.mp4")) as container:
        assert all(packet.is_keyframe for packet in container.demux(video=0) if packet.size)


def test_a_source_codec_that_the_container_lacks_becomes_its_usual_one(tmp_path: Path) -> None:
    like = replace(PLAIN, codec="h264", container="mov,mp4,m4a,3gp,3g2,mj2")
    assert written(tmp_path / "a.webm", like, count=2)[0].codec == "vp9"


@pytest.fixture
def filled_memory() -> Iterator[None]:
    """Fill new memory with something else than zeros, so that what is never set shows."""
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        pytest.skip("this is an option of the GNU C library")
    perturb = -6  # M_PERTURB of its malloc.h
    libc.mallopt(perturb, 0xFE)
    yield
    libc.mallopt(perturb, 0)


@pytest.mark.usefixtures("filled_memory")
@pytest.mark.parametrize("count", [1, 2])
def test_hevc_of_fewer_pictures_than_it_waits_for_is_whole(tmp_path: Path, count: int) -> None:
    like = replace(PLAIN, codec="hevc", average_rate=Fraction(25), time_base=Fraction(1, 12800))
    _, frames = written(tmp_path / "a.mov", like, count)
    assert [frame.time for frame in frames] == [Fraction(n, 25) for n in range(count)]
    assert mean_error(frames, moving(count)) < 3


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
def test_hevc_is_tagged_for_players_that_know_only_one_tag(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    written(path, PLAIN, options=EncodingOptions(codec="hevc"))
    with av.open(str(path)) as container:
        assert container.streams.video[0].codec_context.codec_tag == "hvc1"


def test_a_partial_name_and_a_named_container_are_written(tmp_path: Path) -> None:
    _, frames = written(tmp_path / "a.mkv.partial", PLAIN, count=2)
    assert len(frames) == 2
    path = tmp_path / "whatever"
    with VideoWriter(path, PLAIN, SIZE, container="matroska") as writer:
        writer.write(smooth_picture(0), Fraction(0))
    assert probe(path).container == "matroska,webm"


def test_a_name_with_a_colon_is_a_file(tmp_path: Path) -> None:
    _, frames = written(tmp_path / "12:30 %d é.mp4", PLAIN, count=2)
    assert len(frames) == 2


def test_another_stream_can_be_copied_beside_the_pictures(tmp_path: Path) -> None:
    source = write_video(tmp_path / "a.mp4", [marked_picture(0)] * 30, Recipe(has_audio=True))
    path = tmp_path / "b.mp4"
    with (
        av.open(str(source)) as sound,
        VideoWriter(path, probe(source), SIZE) as writer,
    ):
        copy = writer.output.add_stream_from_template(sound.streams.audio[0])
        for number in range(30):
            writer.write(smooth_picture(number), Fraction(number, 25))
        for packet in sound.demux(audio=0):
            if packet.size:
                packet.stream = copy
                writer.output.mux(packet)
    info = probe(path)
    assert (info.audio_count, info.frame_count, info.codec) == (1, 30, "h264")


def test_pictures_on_any_device_type_and_with_gradient_are_written(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    picture = smooth_picture(0).double().requires_grad_()
    with VideoWriter(path, PLAIN, SIZE) as writer:
        writer.write(picture.flip(2).flip(2), Fraction(0))
        writer.write(smooth_picture(0).to(torch.bfloat16), 1 / NTSC)
        writer.write(smooth_picture(0).expand(2, 3, 48, 64)[1], 2 / NTSC)
    with open_video(path) as reader:
        assert mean_error(list(reader), [smooth_picture(0)] * 3) < 3
