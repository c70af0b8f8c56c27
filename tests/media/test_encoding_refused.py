"""What cannot be written is one clear error, and leaves nothing half-written."""

import re
import resource
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import torch
from made_videos import smooth_picture
from numpy.typing import NDArray
from torch import Tensor
from written_videos import NTSC, PLAIN, SIZE, written

from predictor.errors import (
    OutputNotWritten,
    SettingsError,
    TensorContractError,
    UnsupportedCodec,
)
from predictor.media.encoding import EncodingOptions, VideoWriter


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (EncodingOptions(codec="vc1"), UnsupportedCodec, "vc1 cannot be encoded here.*--codec"),
        (EncodingOptions(codec="prores"), UnsupportedCodec, "mp4 cannot hold prores.*--codec"),
        (
            EncodingOptions(encoder_options={"presset": "slow"}),
            SettingsError,
            "libx264 has no option presset, did you mean preset",
        ),
        (
            EncodingOptions(encoder_options={"preset": "warp"}),
            SettingsError,
            "libx264 refuses 64x48 yuv420p with --encoder-option preset=warp",
        ),
        (
            EncodingOptions(codec="dnxhd", encoder_options={"b": "1M"}),
            UnsupportedCodec,
            "dnxhd refuses 64x48 .*--codec",
        ),
        (EncodingOptions(codec="mpeg4", lossless=True), UnsupportedCodec, "cannot be lossless"),
    ],
)
def test_what_cannot_be_encoded_is_one_clear_line(
    tmp_path: Path, options: EncodingOptions, error: type[Exception], message: str
) -> None:
    name = "a.mov" if options.codec == "dnxhd" else "a.mp4"
    with pytest.raises(error, match=message) as caught:
        VideoWriter(tmp_path / name, PLAIN, SIZE, options=options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("qp", "30", "qp=30"),
        ("crf", "30", "crf=30"),
        ("b", "1M", "b=1M"),
        ("lossless", "0", "lossless=0"),
        ("x264-params", "ref=2:qp=30", "qp=30 of x264-params"),
        ("x264opts", "bitrate=100", "bitrate=100 of x264opts"),
        ("x265-params", "lossless=0:crf=30", "lossless=0 of x265-params"),
        ("x265-params", "no-lossless=1", "no-lossless=1 of x265-params"),
        ("x265-params", "--loss\\less=0", r"--loss\less=0 of x265-params"),
        ("x265-params", "mcstf=1", "mcstf=1 of x265-params"),
        ("svtav1-params", "film-grain=8", "film-grain=8 of svtav1-params"),
    ],
)
def test_options_that_undo_lossless_are_refused(key: str, value: str, named: str) -> None:
    message = f"lossless and the encoder option {re.escape(named)} exclude each other"
    with pytest.raises(SettingsError, match=f"^{message}: [^\n]*$"):
        EncodingOptions(lossless=True, encoder_options={key: value})


@pytest.mark.parametrize(
    ("codec", "key", "value"),
    [
        ("h264", "preset", "slow"),
        ("h264", "x264-params", "ref=2:qcomp=0.7"),
        ("hevc", "x265-params", "keyint=10:no-sao=1"),
        ("vp9", "deadline", "realtime"),
    ],
)
def test_other_options_keep_what_is_lossless_exact(
    tmp_path: Path, codec: str, key: str, value: str
) -> None:
    sent: list[NDArray[Any]] = []
    options = EncodingOptions(codec=codec, lossless=True, encoder_options={key: value})
    with VideoWriter(tmp_path / "a.mkv", PLAIN, SIZE, options=options) as writer:
        for number in range(4):
            writer.write(
                smooth_picture(number),
                number / NTSC,
                retouch=lambda frame: sent.append(frame.to_ndarray()),
            )
    with av.open(str(tmp_path / "a.mkv")) as container:
        found = [frame.to_ndarray() for frame in container.decode(video=0)]
    np.testing.assert_array_equal(found, sent)


@pytest.mark.parametrize(
    ("codec", "name", "instead"),
    [("vc1", "a.wmv", "wmv2"), ("theora", "a.ogv", "vp8"), ("vvc", "a.mp4", "h264")],
)
def test_a_source_codec_without_an_encoder_names_one_that_the_container_holds(
    tmp_path: Path, codec: str, name: str, instead: str
) -> None:
    like = replace(PLAIN, codec=codec)
    message = f"{codec} cannot be encoded here; choose another with --codec, such as {instead}"
    with pytest.raises(UnsupportedCodec, match=f"^{message}$"):
        VideoWriter(tmp_path / name, like, SIZE)
    info, _ = written(tmp_path / name, like, 2, EncodingOptions(codec=instead))
    assert info.codec == instead


def test_pictures_of_another_size_are_refused(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", PLAIN, SIZE) as writer:
        writer.write(smooth_picture(0), Fraction(0))
        with pytest.raises(TensorContractError, match=r"\(3, 32, 32\), expected \(3, 48, 64\)"):
            writer.write(torch.zeros(3, 32, 32), Fraction(1))


@pytest.mark.parametrize(("first", "second"), [(1, 1), (2, 1)])
def test_times_that_do_not_rise_are_refused(tmp_path: Path, first: int, second: int) -> None:
    with VideoWriter(tmp_path / "a.mp4", PLAIN, SIZE) as writer:
        writer.write(smooth_picture(0), Fraction(first))
        with pytest.raises(UnsupportedCodec, match=r"cannot keep a picture at 1\.0000 s apart"):
            writer.write(smooth_picture(0), Fraction(second))


def test_times_too_close_for_the_container_s_clock_are_refused(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.gif", PLAIN, SIZE) as writer:
        writer.write(smooth_picture(0), Fraction(0))
        with pytest.raises(UnsupportedCodec, match=r"ticks every 0\.0100 s; choose another.*--gif"):
            writer.write(smooth_picture(1), Fraction(1, 1000))


def test_a_variable_rate_that_the_codec_lacks_names_the_option(tmp_path: Path) -> None:
    like = replace(PLAIN, codec="mpeg2video", is_variable_rate=True)
    with VideoWriter(tmp_path / "a.mkv.partial", like, SIZE) as writer:
        writer.write(smooth_picture(0), Fraction(0))
        with pytest.raises(UnsupportedCodec, match=r"^a\.mkv cannot keep.*--codec h264$"):
            writer.write(smooth_picture(1), Fraction(1, 100))


def test_a_video_without_pictures_is_not_written(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputNotWritten, match="no picture"),
        VideoWriter(tmp_path / "a.mp4", PLAIN, SIZE),
    ):
        pass


def test_an_error_inside_reaches_the_caller(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "a.mp4", PLAIN, SIZE)
    writer.write(smooth_picture(0), Fraction(0))
    with pytest.raises(KeyError, match="mine"), writer:
        raise KeyError("mine")


def test_a_folder_that_is_not_there_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(
        OutputNotWritten, match=r"a\.mp4 was not written: there is no folder .*/no$"
    ):
        VideoWriter(tmp_path / "no" / "a.mp4", PLAIN, SIZE)


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.ts"])
def test_no_space_left_is_an_output_error(tmp_path: Path, name: str) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    noise = torch.rand(3, *SIZE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        with pytest.raises(OutputNotWritten, match="was not written: "):
            _write_much(tmp_path / name, noise)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _write_much(path: Path, noise: Tensor) -> None:
    options = EncodingOptions(codec="h264", lossless=True)
    with VideoWriter(path, PLAIN, SIZE, options=options) as writer:
        for number in range(40):
            writer.write(noise.roll(number, 2), number / NTSC)


def test_pictures_that_the_container_leaves_out_are_an_error(tmp_path: Path) -> None:
    """FFmpeg's MXF ends with the first of its streams to end, here a sound of three pictures."""
    like = replace(PLAIN, average_rate=Fraction(25))
    writer = VideoWriter(tmp_path / "a.mxf", like, SIZE)
    sound = writer.output.add_stream("pcm_s16le", rate=48000, layout="mono")
    assert isinstance(sound, av.AudioStream)
    for number in range(12):
        writer.write(smooth_picture(number), Fraction(number, 25))
    tone = av.AudioFrame.from_ndarray(np.zeros((1, 3 * 1920), np.int16), "s16", "mono")
    tone.sample_rate, tone.pts, tone.time_base = 48000, 0, Fraction(1, 48000)
    writer.output.mux(sound.encode(tone))
    with pytest.raises(OutputNotWritten, match="mxf kept only 3 of 12 pictures"):
        writer.close()
