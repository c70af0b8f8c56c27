import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from torch import Tensor

from pipelines.inpaint.masks import MaskSettings
from pipelines.inpaint.video import FilledVideo, fill_video
from predictor.errors import (
    OutputExists,
    OutputIsInput,
    OutputNotWritten,
    SettingsError,
    UnreadableVideo,
    UnsupportedCodec,
    UnusableMask,
)
from predictor.holes import Box, Hole
from predictor.media.encoding import EncodingOptions

HEIGHT, WIDTH = 64, 96
BOX = "box:20,16,24,18"
LOSSLESS = EncodingOptions(lossless=True)


class White:
    """Fills with white, so that what it filled is known again."""

    def fill(self, images: Tensor, masks: Tensor) -> Tensor:
        return images * (1 - masks) + masks

    def seen(self, hole: Hole, size: tuple[int, int]) -> Box:
        return hole.box.grown(8).within(*size)


def picture(number: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a dark still scene with noise, in which nothing behind a hole is ever seen."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    scene = 70 + 40 * np.sin(columns / 9) * np.cos(rows / 7)
    noise = np.random.default_rng(number).integers(-3, 4, (HEIGHT, WIDTH, 3))
    return (scene[..., None] + noise).astype(np.uint8)


def clip(
    path: Path,
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    ticks: list[int] | None = None,
    count: int = 8,
    rotation: int = 0,
    has_audio: bool = False,
    color: int = 1,
) -> Path:
    """Write a video on a clock of milliseconds, 25 frames a second or with frames at `ticks`."""
    with av.open(str(path), "w") as container:
        options = {"crf": "16"} if codec == "libx264" else {"x265-params": "log-level=none"}
        video = container.add_stream(codec, rate=25, options=options)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, pixel_format
        video.codec_context.time_base = Fraction(1, 1000)
        video.color_primaries = video.color_trc = video.colorspace = video.color_range = color
        if rotation:
            video.set_display_rotation(rotation)
        sound = None
        if has_audio:
            sound = container.add_stream("aac", rate=48000, layout="mono")
            assert isinstance(sound, av.AudioStream)
            sound.metadata["language"] = "deu"
            times: Any = {"start": 0, "end": 200, "time_base": Fraction(1, 1000)}
            container.set_chapters([{"id": 1, **times, "metadata": {"title": "one"}}])
            container.metadata["title"] = "a clip"
        for number in range(count):
            frame = av.VideoFrame.from_ndarray(picture(number), format="rgb24").reformat(
                format=pixel_format, dst_colorspace="ITU709", dst_color_range="MPEG"
            )
            frame.pts = 40 * number if ticks is None else ticks[number]
            frame.time_base = Fraction(1, 1000)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if sound is not None:
            for start in range(0, 1920 * count, 1024):
                wave = np.sin(np.arange(start, start + 1024) / 20).astype(np.float32)
                tone = av.AudioFrame.from_ndarray(wave[None], "fltp", "mono")
                tone.sample_rate, tone.pts, tone.time_base = 48000, start, Fraction(1, 48000)
                container.mux(sound.encode(tone))
            container.mux(sound.encode(None))
    return path


def frames(path: Path) -> list[av.VideoFrame]:
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def plane(frame: av.VideoFrame, number: int = 0) -> np.ndarray[Any, np.dtype[Any]]:
    kind = np.uint16 if frame.format.components[0].bits > 8 else np.uint8
    part = frame.planes[number]
    return np.frombuffer(part, kind).reshape(part.height, -1)[:, : part.width]


def hole(top: int = 16, left: int = 20, height: int = 18, width: int = 24) -> Any:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top : top + height, left : left + width] = True
    return mask


def done(source: Path, mask: str = BOX, **options: Any) -> FilledVideo:
    output = options.pop("output", source.with_name(f"out-{source.name}"))
    return fill_video(source, output, mask, White(), **options)


def packets(path: Path, kind: str) -> list[tuple[int | None, bytes]]:
    with av.open(str(path)) as container:
        stream = next(stream for stream in container.streams if stream.type == kind)
        return [(packet.pts, bytes(packet)) for packet in container.demux(stream) if packet.size]


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "yuv420p10le"])
def test_without_loss_the_hole_alone_changes(tmp_path: Path, pixel_format: str) -> None:
    source = clip(tmp_path / "a.mp4", pixel_format=pixel_format)
    result = done(source, options=LOSSLESS)
    assert result.keeps_samples
    assert "known samples are exact" in result.how
    before, after = frames(source), frames(result.output)
    assert len(before) == len(after) == result.frames == 8
    assert after[0].format.name == pixel_format
    for old, new in zip(before, after, strict=True):
        for number in range(3):
            kept = ~hole()
            step = HEIGHT // plane(old, number).shape[0]
            blocks = hole().reshape(HEIGHT // step, step, WIDTH // step, step).any((1, 3))
            kept = ~blocks
            assert np.array_equal(plane(old, number)[kept], plane(new, number)[kept])
        assert (plane(new)[hole()] > 220 * 2 ** (new.format.components[0].bits - 8)).all()


def test_with_loss_the_known_pixels_look_the_same(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mp4")
    result = done(source)
    assert not result.keeps_samples
    assert result.how == "encoded once, visually lossless"
    for old, new in zip(frames(source), frames(result.output), strict=True):
        error = plane(old)[~hole()].astype(float) - plane(new)[~hole()]
        assert 10 * np.log10(255**2 / np.square(error).mean()) > 40
        assert plane(new)[hole()].mean() > 200


@pytest.mark.parametrize("codec", ["ffv1", "rawvideo"])
def test_a_codec_without_loss_is_exact_unasked(tmp_path: Path, codec: str) -> None:
    source = clip(tmp_path / "a.mkv", codec=codec)
    result = done(source)
    assert result.keeps_samples
    assert result.how == "encoded once, without loss; known samples are exact"
    for old, new in zip(frames(source), frames(result.output), strict=True):
        assert np.array_equal(plane(old)[~hole()], plane(new)[~hole()])


def test_uneven_frame_times_are_kept(tmp_path: Path) -> None:
    ticks = [0, 40, 90, 100, 300, 301, 420, 1000]
    result = done(clip(tmp_path / "a.mp4", ticks=ticks))
    assert [Fraction(f.pts or 0) * f.time_base for f in frames(result.output)] == [
        Fraction(tick, 1000) for tick in ticks
    ]


def test_sound_chapters_and_tags_are_copied(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mp4", has_audio=True)
    result = done(source)
    assert result.dropped == ()
    assert packets(result.output, "audio") == packets(source, "audio")
    with av.open(str(result.output)) as container:
        assert container.metadata["title"] == "a clip"
        assert container.streams.audio[0].metadata["language"] == "deu"
        assert [chapter["metadata"]["title"] for chapter in container.chapters()] == ["one"]
        context = container.streams.video[0].codec_context
        assert context.name == "h264"
        assert (context.color_range, context.colorspace, context.color_primaries) == (1, 1, 1)


def test_another_container_by_its_suffix(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mp4", has_audio=True)
    result = done(source, output=tmp_path / "b.mkv")
    with av.open(str(result.output)) as container:
        assert container.format.name.startswith("matroska")
    assert [data for _, data in packets(result.output, "audio")] == [
        data for _, data in packets(source, "audio")
    ]


def test_masks_are_meant_in_the_video_as_displayed(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mp4", rotation=90)
    result = done(source, "box:0,0,10,20", options=LOSSLESS)
    assert not result.keeps_samples
    assert result.how.endswith("the known luma is exact")
    new, old = plane(frames(result.output)[0]), plane(frames(source)[0])
    assert new.shape == (WIDTH, HEIGHT)
    assert (new[:20, :10] > 220).all()
    turned = np.rot90(old)  # the tag says counter-clockwise
    assert np.array_equal(new[20:], turned[20:])


def test_a_mask_file_and_a_grown_mask(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mp4")
    cv2.imwrite(str(tmp_path / "logo.png"), 255 * hole(40, 60, 8, 8).astype(np.uint8))
    settings = MaskSettings(dilate_px=2)
    result = done(source, str(tmp_path / "logo.png"), mask_settings=settings, options=LOSSLESS)
    luma = plane(frames(result.output)[0])
    assert (luma[40:48, 58:70] > 220).all()
    assert luma[:38].max() < 150
    assert result.filled_pixels == (luma > 220).sum() > 64


def test_an_empty_mask_copies_the_file(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mp4", has_audio=True)
    cv2.imwrite(str(tmp_path / "none.png"), np.zeros((HEIGHT, WIDTH), np.uint8))
    result = done(source, str(tmp_path / "none.png"))
    assert result.output.read_bytes() == source.read_bytes()
    assert result.warnings == ("its mask is empty: copied unchanged",)
    assert (result.frames, result.filled_pixels, result.keeps_samples) == (8, 0, True)
    encoded = done(source, str(tmp_path / "none.png"), options=LOSSLESS, overwrite=True)
    assert encoded.output.read_bytes() != source.read_bytes()
    for old, new in zip(frames(source), frames(encoded.output), strict=True):
        assert np.array_equal(plane(old), plane(new))


def test_progress_is_told(tmp_path: Path) -> None:
    steps: list[tuple[int, int | None]] = []
    done(clip(tmp_path / "a.mp4"), progress=lambda count, total: steps.append((count, total)))
    assert steps == [(number, 8) for number in range(1, 9)]


def test_a_damaged_video_is_used_in_part(tmp_path: Path) -> None:
    source = clip(tmp_path / "a.mkv", count=60)
    content = source.read_bytes()
    source.write_bytes(content[: len(content) // 2])
    result = done(source)
    assert result.truncated is not None
    assert any("used in part" in warning for warning in result.warnings)
    assert 0 < result.frames == len(frames(result.output)) < 60


class TestRefusals:
    """One line each, and nothing is written."""

    def refused(
        self, kind: type[Exception], message: str, source: Path, mask: str = BOX, **options: Any
    ) -> None:
        before = sorted(source.parent.iterdir())
        with pytest.raises(kind, match=message) as caught:
            done(source, mask, **options)
        assert "\n" not in str(caught.value)
        assert sorted(source.parent.iterdir()) == before

    def test_masks(self, tmp_path: Path) -> None:
        source = clip(tmp_path / "a.mp4")
        cv2.imwrite(str(tmp_path / "small.png"), np.full((5, 4), 255, np.uint8))
        self.refused(
            UnusableMask,
            "a.mp4: it is 96x64, .*small.png is 4x5",
            source,
            str(tmp_path / "small.png"),
        )
        self.refused(UnusableMask, "covers the whole picture", source, "box:0,0,100%,100%")
        self.refused(UnusableMask, "no transparency", source, "alpha")

    @pytest.mark.parametrize("content", [b"", b"no video at all\n" * 40])
    def test_no_video(self, tmp_path: Path, content: bytes) -> None:
        source = tmp_path / "a.mp4"
        source.write_bytes(content)
        self.refused(UnreadableVideo, r"a\.mp4", source)

    def test_how_it_is_encoded(self, tmp_path: Path) -> None:
        source = clip(tmp_path / "a.mov", codec="prores_ks", pixel_format="yuv422p10le")
        message = r"a\.mov: prores_ks cannot be lossless"
        self.refused(UnsupportedCodec, message, source, options=LOSSLESS)
        unknown = EncodingOptions("h264", encoder_options={"prset": "slow"})
        message = r"a\.mov: libx264 has no option prset"
        self.refused(SettingsError, message, source, options=unknown)

    def test_outputs(self, tmp_path: Path) -> None:
        source = clip(tmp_path / "a.mp4")
        self.refused(OutputIsInput, "the output is the input", source, output=source)
        self.refused(UnsupportedCodec, "suffix .doc", source, output=tmp_path / "b.doc")
        self.refused(OutputNotWritten, "not written", source, output=source / "sub" / "b.mp4")
        shutil.copyfile(source, tmp_path / "c.mp4")
        self.refused(OutputExists, "--overwrite", source, output=tmp_path / "c.mp4")

    def test_a_folder_that_may_not_be_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source = clip(tmp_path / "a.mp4")
        touch: Callable[..., None] = Path.touch

        def denied(path: Path, *arguments: Any, **options: Any) -> None:
            if path.suffix == ".partial":
                raise PermissionError(13, "Permission denied", str(path))
            touch(path, *arguments, **options)

        monkeypatch.setattr(Path, "touch", denied)
        self.refused(OutputNotWritten, r"out-a\.mp4: not written: permission denied", source)
