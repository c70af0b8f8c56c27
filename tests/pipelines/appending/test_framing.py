"""H.264 and HEVC in another container: copied where both store the packets alike."""

from fractions import Fraction
from pathlib import Path

import av
import pytest
from encoded_clips import QUIET_HEVC, assert_like_predictions, decoded, make_clip, predictions

from pipelines.appending.append import append_frames

HEVC = {"codec": "libx265", "options": QUIET_HEVC}
SOURCES = {
    "h264.mp4": {"audio": "aac"},
    "h264.mkv": {"audio": "aac"},
    "h264.flv": {"audio": "aac"},
    "hevc.mp4": HEVC,
    "hevc-10bit.mkv": {**HEVC, "pixel_format": "yuv420p10le"},
    "uneven.mkv": {
        "ticks": [0, *range(28, 28 + 22 * 61, 61), 2000],
        "time_base": Fraction(1, 1000),
    },
}


@pytest.mark.parametrize(
    ("name", "container"),
    [
        ("h264.mp4", "mkv"),
        ("h264.mp4", "mov"),
        ("h264.mkv", "mp4"),
        ("h264.flv", "mkv"),
        ("hevc.mp4", "mkv"),
        ("hevc-10bit.mkv", "mp4"),
        ("hevc-10bit.mkv", "mov"),
        ("uneven.mkv", "mp4"),
    ],
)
def test_packets_move_between_containers_of_the_same_framing(
    tmp_path: Path, name: str, container: str
) -> None:
    source = make_clip(tmp_path / name, **SOURCES[name])
    output = tmp_path / f"out.{container}"
    report = append_frames(source, output, predictions(source))
    assert (report.reason, report.dropped) == ("the join decodes exactly", ())
    before, after = decoded(source), decoded(output)
    assert [samples for _, samples in after[: len(before)]] == [samples for _, samples in before]
    millisecond = Fraction(1, 1000)
    expected = [time for time, _ in before] + [time for _, time in predictions(source)]
    assert all(
        abs(time - after[0][0] - want + expected[0]) <= millisecond
        for (time, _), want in zip(after, expected, strict=True)
    )
    assert_like_predictions(output, 3)
    if name.startswith("hevc") and container != "mkv":
        with av.open(output) as written:  # the one that Apple's players show
            assert written.streams.video[0].codec_context.codec_tag == "hvc1"


def test_h264_with_start_codes_is_encoded_again_for_mp4(tmp_path: Path) -> None:
    source = make_clip(tmp_path / "h264.ts")
    report = append_frames(source, tmp_path / "out.mp4", predictions(source))
    assert not report.packet_copied
    assert report.reason == "the container mp4 stores h264 in another form"
