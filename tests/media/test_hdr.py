"""HDR10 metadata, written by encoders on their own and read from what they wrote."""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest
from made_videos import Recipe, smooth_picture, textured_picture, write_video

from predictor.media.encoding import EncodingOptions, VideoWriter
from predictor.media.hdr import HdrMetadata, Mastering
from predictor.media.video import probe

PQ = (1, 9, 9, 16)
P3 = Mastering(
    primaries=((34000, 16000), (13250, 34500), (7500, 3000)),
    white=(15635, 16450),
    least=50,
    most=10_000_000,
)
SAID = {
    "libx265": {
        "x265-params": "log-level=none:max-cll=1000,400:master-display="
        "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    },
    "libx264": {
        "x264-params": "cll=1000,400:mastering-display="
        "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    },
    "libsvtav1": {
        "preset": "10",
        "svtav1-params": "content-light=1000,400:mastering-display="
        "G(0.265,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.329)L(1000,0.005)",
    },
}


@pytest.fixture(autouse=True)
def _quiet_av1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVT_LOG", "1")


def source(path: Path, codec: str = "libx265", options: Mapping[str, str] | None = None) -> Path:
    said = SAID[codec] if options is None else options
    recipe = Recipe(codec=codec, options=said, pixel_format="yuv420p10le", color=PQ)
    return write_video(path, [textured_picture(k) for k in range(4)], recipe)


@pytest.mark.parametrize("codec", sorted(SAID))
def test_what_an_encoder_says_is_read(tmp_path: Path, codec: str) -> None:
    assert probe(source(tmp_path / "a.mkv", codec)).hdr == HdrMetadata(P3, (1000, 400))


def test_a_video_that_says_nothing_has_nothing(tmp_path: Path) -> None:
    clip = source(tmp_path / "a.mkv", options={"x265-params": "log-level=none"})
    assert probe(clip).hdr is None


@pytest.mark.parametrize("codec", ["hevc", "h264", "av1"])
@pytest.mark.parametrize(
    "hdr",
    [
        HdrMetadata(P3, (1000, 400)),
        HdrMetadata(None, (1, 65535)),
        HdrMetadata(
            Mastering(((35399, 14599), (8500, 39850), (6550, 2301)), (15634, 16451), 1, 40_000_000),
            None,
        ),
    ],
    ids=["both", "light", "display"],
)
def test_what_is_written_is_read_again(tmp_path: Path, codec: str, hdr: HdrMetadata) -> None:
    like = replace(probe(source(tmp_path / "a.mkv")), hdr=hdr)
    output = tmp_path / "b.mp4"
    with VideoWriter(output, like, like.size, options=EncodingOptions(codec=codec)) as writer:
        for number in range(3):
            writer.write(smooth_picture(number), Fraction(number, 25))
    found = probe(output).hdr
    assert found is not None
    assert not writer.loses_hdr
    assert found.light_level == hdr.light_level
    if codec == "av1" and hdr.mastering is not None:  # its units are 1/65536 and 1/16384
        assert found.mastering is not None
        assert found.mastering.primaries == hdr.mastering.primaries
        assert found.mastering.white == hdr.mastering.white
        assert found.mastering.most == hdr.mastering.most
        assert found.mastering.least == pytest.approx(hdr.mastering.least, abs=1)
    else:
        assert found == hdr


def test_own_parameters_join_those_of_the_metadata(tmp_path: Path) -> None:
    like = probe(source(tmp_path / "a.mkv"))
    options = EncodingOptions(encoder_options={"x265-params": "keyint=2"})
    with VideoWriter(tmp_path / "b.mp4", like, like.size, options=options) as writer:
        for number in range(4):
            writer.write(smooth_picture(number), Fraction(number, 25))
    assert probe(tmp_path / "b.mp4").hdr == like.hdr
    with av.open(tmp_path / "b.mp4") as container:
        keys = [packet.is_keyframe for packet in container.demux(video=0) if packet.size]
    assert sum(keys) == 2


def test_an_encoder_that_cannot_say_it_is_known(tmp_path: Path) -> None:
    like = probe(source(tmp_path / "a.mkv"))
    for name, codec in (("b.webm", "vp9"), ("b.mkv", "ffv1")):
        options = EncodingOptions(codec=codec)
        with VideoWriter(tmp_path / name, like, like.size, options=options) as writer:
            writer.write(smooth_picture(0), Fraction(0))
        assert writer.loses_hdr
        assert probe(tmp_path / name).hdr is None
