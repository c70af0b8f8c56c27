from pathlib import Path

import av
import pytest

from predictor.errors import SettingsError, UnsupportedCodec
from predictor.media.codecs import (
    CONTAINERS,
    codecs_of,
    container_for,
    pixel_format_for,
    readable_tags,
    usual_codec,
)
from predictor.media.colour import FULL, LIMITED, UNSPECIFIED, ColorTags
from predictor.media.encoders import ENCODERS, encoder_for

EVEN = (48, 64)


@pytest.mark.parametrize(
    ("name", "container"),
    [
        ("a.mp4", "mp4"),
        ("a.predicted.MKV", "matroska"),
        ("a.mp4.partial", "mp4"),
        ("a.partial.webm", "webm"),
        ("a.m2ts", "mpegts"),
        ("a.y4m", "yuv4mpegpipe"),
        ("a.f4v", "mp4"),
        ("a.qt", "mov"),
        ("a.3g2", "3g2"),
    ],
)
def test_the_container_follows_the_suffix(name: str, container: str) -> None:
    assert container_for(Path("x.avi") / name) == container


@pytest.mark.parametrize("name", ["a.xyz", "a", "a.partial", "partial"])
def test_an_unknown_suffix_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(UnsupportedCodec, match=r"suffix.* expected one of \.mp4 "):
        container_for(Path(name))


@pytest.mark.parametrize("container", sorted(set(CONTAINERS.values())))
def test_every_container_holds_its_usual_codec_and_that_can_be_encoded(container: str) -> None:
    codec = usual_codec(container)
    assert codec in codecs_of(container)
    assert encoder_for(codec).name in av.codecs_available


def test_every_encoder_of_the_table_exists() -> None:
    for codec, encoder in ENCODERS.items():
        assert av.Codec(encoder.name, "w").canonical_name == codec


def test_codecs_are_found_by_their_own_and_by_their_encoder_s_name() -> None:
    assert encoder_for("hevc").name == encoder_for("libx265").name == "libx265"
    assert encoder_for("libx265").quality is not None
    assert encoder_for("dnxhd").name == "dnxhd"  # not in the table


@pytest.mark.parametrize("codec", ["vc1", "rv40", "vvc"])
def test_a_codec_without_an_encoder_is_refused_naming_the_option(codec: str) -> None:
    with pytest.raises(UnsupportedCodec, match=f"{codec} cannot be encoded here.*--codec"):
        encoder_for(codec)


def test_formats_in_the_memory_of_a_device_are_not_chosen() -> None:
    """NVENC's list begins with plain formats and ends with those of CUDA, which have no samples."""
    try:
        formats = av.Codec("h264_nvenc", "w").video_formats
    except ValueError:
        pytest.skip("this FFmpeg was built without NVENC")
    assert any(not shape.components for shape in formats or [])
    assert pixel_format_for("h264_nvenc", "mp4", "yuv420p", (48, 64)) == "yuv420p"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("h267", "did you mean h26"),
        ("h265", "did you mean hevc"),
        ("H.265", "did you mean hevc"),
        ("nonsense", "such as h264"),
    ],
)
def test_a_name_that_is_no_codec_is_a_wrong_setting(name: str, hint: str) -> None:
    with pytest.raises(SettingsError, match=f"--codec {name} is no codec .*{hint}"):
        encoder_for(name)


def test_a_codec_for_sound_is_refused() -> None:
    with pytest.raises(SettingsError, match="is a codec for audio, expected video"):
        encoder_for("aac")


def test_an_unknown_container_is_refused() -> None:
    with pytest.raises(UnsupportedCodec, match="the container nonsense cannot be written"):
        codecs_of("nonsense")


@pytest.mark.parametrize(
    ("encoder", "like", "size", "chosen"),
    [
        ("libx264", "yuv420p", EVEN, "yuv420p"),
        ("libx264", "yuv420p10le", EVEN, "yuv420p10le"),
        ("libx264", "yuv420p12le", EVEN, "yuv420p10le"),  # as deep as it goes
        ("libx264", "yuv420p", (47, 64), "yuv422p"),  # no half of 47
        ("libx264", "yuv420p", (47, 63), "yuv444p"),
        ("libx264", "yuv420p10le", (48, 63), "yuv444p10le"),
        ("libx264", "yuv422p", (47, 64), "yuv422p"),  # halved across alone
        ("libx264", "yuva420p", EVEN, "yuv420p"),
        ("libx264", "gray", EVEN, "gray"),
        ("libx265", "yuv422p12le", EVEN, "yuv422p12le"),
        ("libx265", "gbrp", EVEN, "gbrp"),
        ("libvpx-vp9", "yuv420p", (47, 63), "yuv420p"),
        ("libvpx", "yuv444p", EVEN, "yuv420p"),
        ("mpeg4", "yuv422p10le", (47, 63), "yuv420p"),
        ("mjpeg", "yuvj422p", EVEN, "yuvj422p"),
        ("mjpeg", "yuv420p", EVEN, "yuvj420p"),
        ("prores_ks", "yuv422p10le", EVEN, "yuv422p10le"),
        ("prores_ks", "yuva444p10le", EVEN, "yuv444p10le"),
        ("ffv1", "yuv420p", (47, 63), "yuv420p"),
        ("ffv1", "gbrp10le", EVEN, "gbrp10le"),
        ("png", "rgb24", EVEN, "rgb24"),
        ("png", "gbrp16le", EVEN, "rgb48be"),
        ("qtrle", "argb", EVEN, "rgb24"),
    ],
)
def test_pixel_formats_lose_as_little_as_can_be(
    encoder: str, like: str, size: tuple[int, int], chosen: str
) -> None:
    assert pixel_format_for(encoder, "matroska", like, size) == chosen


def test_an_odd_size_that_an_encoder_refuses_names_the_option() -> None:
    with pytest.raises(UnsupportedCodec, match=r"libsvtav1 .* of 63x47; .*--codec"):
        pixel_format_for("libsvtav1", "matroska", "yuv420p", (47, 63))


def test_raw_video_keeps_to_what_its_container_can_name() -> None:
    assert pixel_format_for("rawvideo", "yuv4mpegpipe", "gbrp", EVEN) == "yuv444p"
    assert pixel_format_for("rawvideo", "yuv4mpegpipe", "yuv420p10le", EVEN) == "yuv420p10le"
    assert pixel_format_for("rawvideo", "matroska", "nv12", EVEN) == "nv12"


@pytest.mark.parametrize(
    ("codec", "container", "matrix", "color_range"),
    [
        ("h264", "mpegts", 1, FULL),
        ("vp9", "ivf", 1, FULL),
        ("mpeg2video", "mpegts", 1, LIMITED),
        ("vp8", "webm", 5, LIMITED),
        ("mpeg4", "avi", UNSPECIFIED, LIMITED),
        ("mpeg4", "mp4", 1, FULL),
        ("ffv1", "matroska", 1, FULL),
        ("rawvideo", "yuv4mpegpipe", UNSPECIFIED, FULL),
    ],
)
def test_tags_are_what_a_reader_will_find(
    codec: str, container: str, matrix: int, color_range: int
) -> None:
    found = readable_tags(codec, container, ColorTags(FULL, 1, 1, 1))
    assert (found.matrix, found.range) == (matrix, color_range)


@pytest.mark.parametrize(
    ("codec", "quality", "lossless", "expected"),
    [
        ("h264", None, False, {"crf": "18"}),
        ("h264", 30, False, {"crf": "30"}),
        ("h264", None, True, {"qp": "0"}),
        ("hevc", 25, False, {"crf": "25", "x265-params": "log-level=none"}),
        ("hevc", None, True, {"x265-params": "log-level=none:lossless=1"}),
        ("mpeg4", None, False, {"flags": "+qscale", "global_quality": "236"}),
        ("mpeg4", 5, False, {"flags": "+qscale", "global_quality": "590"}),
        ("ffv1", None, True, {}),
        ("prores", None, False, {}),
    ],
)
def test_options_say_quality_in_the_encoder_s_words(
    codec: str, quality: int | None, lossless: bool, expected: dict[str, str]
) -> None:
    assert encoder_for(codec).options(quality, lossless) == expected


def test_what_an_encoder_cannot_do_is_refused() -> None:
    with pytest.raises(UnsupportedCodec, match=r"mpeg4 cannot be lossless.*--codec"):
        encoder_for("mpeg4").options(None, True)
    with pytest.raises(UnsupportedCodec, match=r"prores_ks has no constant quality.*--crf"):
        encoder_for("prores").options(20, False)
