"""What is made where packets cannot be copied: the whole video, encoded once."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from encoded_clips import assert_like_predictions, decoded, image, make_clip, packets, predictions

from pipelines.appending import append
from pipelines.appending.append import append_frames
from predictor.media.colour import sample_planes
from predictor.media.encoding import EncodingOptions
from predictor.media.video import open_video


@pytest.mark.parametrize(
    ("name", "settings", "reason"),
    [
        ("in.gif", {"codec": "gif", "pixel_format": "rgb8"}, "gif cannot be continued"),
        ("in.avi", {}, "AVI does not say when"),
        ("in.mp4", {"codec": "mpeg4", "options": {"bf": "2"}}, "MPEG-4 with B-frames"),
        ("in.h264", {}, "its packets do not say when they are shown"),
    ],
)
def test_what_cannot_be_copied_is_encoded_once_and_said(
    tmp_path: Path, name: str, settings: dict[str, object], reason: str
) -> None:
    source = make_clip(tmp_path / name, **settings)
    output = tmp_path / f"out-{name}"
    with open_video(source) as reader:
        frames = list(reader)
    last = frames[-1].time
    pictures = [(image(30 + n), last + (n + 1) * Fraction(1, 25)) for n in range(3)]
    report = append_frames(source, output, pictures)
    assert not report.packet_copied
    assert report.reason.startswith(reason)
    assert (report.frames_kept, report.frames_added) == (24, 3)
    with open_video(output) as reader:
        after = list(reader)
    assert len(after) == 27
    for before, now in zip(frames, after, strict=False):
        assert (before.image - now.image).abs().mean() < 0.08
    assert_like_predictions(output, 3, tolerance=0.12)


def test_an_encoding_that_was_asked_for_is_made_and_audio_still_copied(tmp_path: Path) -> None:
    source, output = make_clip(tmp_path / "in.mp4", audio="aac"), tmp_path / "out.mp4"
    options = EncodingOptions(codec="h264", crf=10)
    report = append_frames(source, output, predictions(source), options)
    assert not report.packet_copied
    assert report.reason == "options for the encoding were given"
    assert packets(output, "audio") == packets(source, "audio")
    assert [time for time, _ in decoded(output)] == [Fraction(n, 25) for n in range(27)]
    with av.open(output) as container:
        assert container.metadata["title"] == "a clip"
        assert len(container.chapters()) == 1
    assert_like_predictions(output, 3)


@pytest.mark.parametrize(
    ("name", "settings", "options", "is_exact"),
    [
        ("a.mp4", {"rotation_deg": 90, "pixel_format": "yuv444p"}, EncodingOptions(lossless=True),
         True),
        ("a.mkv", {"codec": "ffv1", "pixel_format": "yuv422p10le"}, EncodingOptions(lossless=True),
         True),
        ("a.avi", {"codec": "utvideo", "pixel_format": "yuv422p"}, None, False),  # is without loss
    ],
)  # fmt: skip
def test_samples_encoded_again_without_loss_are_exact(
    tmp_path: Path,
    name: str,
    settings: dict[str, Any],
    options: EncodingOptions | None,
    is_exact: bool,
) -> None:
    source, output = make_clip(tmp_path / name, **settings), tmp_path / f"out-{name}"
    with open_video(source) as reader:
        turns, before = reader.info.rotation_deg // 90, [frame.coded for frame in reader]
        last = len(before) * Fraction(1, 25)
    pictures = [(torch.rot90(image(30), -turns, (-2, -1)), last)]
    report = append_frames(source, output, pictures, options)
    assert (report.packet_copied, report.is_exact) == (False, is_exact)
    with open_video(output) as reader:
        after = [frame.coded for frame in reader]
    for old, new in zip(before, after[:-1], strict=True):
        for one, other in zip(sample_planes(old), sample_planes(new), strict=True):
            assert np.array_equal(np.rot90(one, -turns), other)


def test_a_folder_of_images_is_encoded(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(5):
        pixels = np.ascontiguousarray((image(number).permute(1, 2, 0) * 127.5 + 127.5).byte())
        frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
        frame.save(folder / f"{number}.png")
    pictures = [(image(30 + n), (5 + n) * Fraction(1, 25)) for n in range(3)]
    report = append_frames(folder, tmp_path / "out.mp4", pictures)
    assert report.reason == "the source is a folder of images"
    assert (report.frames_kept, report.frames_added) == (5, 3)
    assert_like_predictions(tmp_path / "out.mp4", 3)


def test_a_seam_that_decodes_otherwise_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The predicted frames, by then encoded, come back from the tail."""
    monkeypatch.setattr(append, "seam_fault", lambda *_: "the frame at 0.920 s changed")
    source, output = make_clip(tmp_path / "in.mp4", audio="aac"), tmp_path / "out.mp4"
    report = append_frames(source, output, predictions(source))
    assert not report.packet_copied
    assert report.reason == "the join does not decode exactly: the frame at 0.920 s changed"
    assert (report.frames_kept, report.frames_added) == (24, 3)
    assert [time for time, _ in decoded(output)] == [Fraction(n, 25) for n in range(27)]
    assert packets(output, "audio") == packets(source, "audio")
    assert_like_predictions(output, 3)
