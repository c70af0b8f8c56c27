"""Every input that cannot be used ends in one clear line, the right exit code, and nothing lost."""

import os
import pickle
import resource
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from ended import Command, Ended
from made_clips import Picture, decoded, pictures, psnr, write_clip, write_images
from safetensors.torch import save_file

from pipelines.timecodes import clock

FAST_START = {"movflags": "faststart"}
FRAGMENTED = {"movflags": "frag_keyframe+empty_moov"}


def refused(ended: Ended, *said: str, code: int = 1) -> None:
    """Check that a command failed with one line on stderr that says all of `said`."""
    assert ended.code == code
    assert ended.out == ""
    assert len(ended.err.splitlines()) == 1, ended.err
    for word in said:
        assert word in ended.err


def only_inputs_are_left(folder: Path, *names: str) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)


def noisy(count: int, size: tuple[int, int] = (64, 96)) -> list[Picture]:
    """Return frames that take many bytes, so that a cut file loses some."""
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    return [np.roll(noise, 2 * k, axis=1) for k in range(count)]


def test_missing_file(command: Command, tmp_path: Path) -> None:
    refused(command("frames", tmp_path / "absent.mp4"), "absent.mp4", "no such file")


def test_empty_file(command: Command, tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    refused(command("frames", tmp_path / "empty.mp4"), "empty.mp4", "is empty")
    only_inputs_are_left(tmp_path, "empty.mp4")


def test_text_named_mp4(command: Command, tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("not a video at all\n" * 50)
    refused(command("frames", tmp_path / "notes.mp4"), "notes.mp4", "text")
    only_inputs_are_left(tmp_path, "notes.mp4")


def test_a_pipe_is_no_file_to_read_twice(command: Command, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    refused(command("frames", tmp_path / "pipe.mp4"), "pipe.mp4", "not a regular file")


def test_a_name_without_a_container_is_said_with_what_helps(
    command: Command, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", pictures(4)).rename(tmp_path / "clip")
    refused(command("frames", clip), "clip.predicted", ".mp4 .m4v", "-o")
    refused(command("frames", clip, "--dry-run"), "clip.predicted", "-o")
    refused(command("frames", clip, "-o", "/dev/null"), "-o /dev/null has no suffix", code=2)
    assert command("frames", clip, "-o", tmp_path / "out.mp4").code == 0


def test_mp4_cut_before_its_index(command: Command, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "cut.mp4", noisy(30))
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    refused(command("frames", clip), "cut.mp4", "index")
    only_inputs_are_left(tmp_path, "cut.mp4")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("cut.mkv", {}),
        ("cut.ts", {}),
        ("faststart.mp4", FAST_START),
        ("fragmented.mp4", FRAGMENTED),
    ],
)
@pytest.mark.parametrize("mode", ["append", "next"])
def test_cut_file_whose_index_survives_is_used_in_part(
    command: Command, tmp_path: Path, name: str, options: dict[str, str], mode: str
) -> None:
    clip = write_clip(tmp_path / name, noisy(40), options=options)
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 6 // 10])
    readable = len(decoded_as_far_as_possible(clip))
    assert 5 < readable < 40
    ended = command("frames", clip, "--mode", mode, "--json", *(["-n", 2] * (mode == "append")))
    assert ended.code == 0, ended.err
    (entry,) = ended.document["results"]
    assert entry["truncated"] is True
    assert "used in part" in ended.err
    shown, times = decoded(Path(entry["output"]))
    if mode == "append":
        begin = times[entry["first_index"] - 1] - times[0]
        assert entry["context_end_s"] == pytest.approx(float(begin), abs=1e-3)
        assert f"continues from its frame at {clock(begin)}" in ended.err
    assert abs(len(shown) - readable - 2 * (mode == "append")) <= 1


def decoded_as_far_as_possible(path: Path) -> list[Picture]:
    shown: list[Picture] = []
    with av.open(str(path)) as container:
        try:
            for frame in container.decode(video=0):
                if not frame.is_corrupt:
                    shown.append(frame.to_ndarray(format="rgb24"))
        except av.FFmpegError:
            pass
    return shown


def test_audio_only(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=48000, layout="mono")
        assert isinstance(sound, av.AudioStream)
        for start in range(0, 48000, 1024):
            samples = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            samples.rate, samples.pts = 48000, start
            container.mux(sound.encode(samples))
        container.mux(sound.encode(None))
    refused(command("frames", path), "song.mp4", "no video stream", "audio")
    only_inputs_are_left(tmp_path, "song.mp4")


@pytest.mark.parametrize("mode", ["append", "only", "next", "side-by-side"])
def test_one_frame_says_how_many_are_needed(
    command: Command, tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.frames.clip.find_model", Path)
    clip = write_clip(tmp_path / "one.mp4", pictures(1))
    for option in ("--json", "--dry-run"):
        ended = command("frames", clip, "--mode", mode, option)
        assert (ended.code, len(ended.err.splitlines())) == (1, 1)
        assert all(word in ended.err for word in ("one.mp4", "has 1 frame", "at least"))
    only_inputs_are_left(tmp_path, "one.mp4")


def test_fewer_frames_than_are_to_be_held_out(command: Command, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "few.mp4", pictures(9))
    refused(command("frames", clip, "--mode", "side-by-side"), "few.mp4", "9 frames", "8")
    only_inputs_are_left(tmp_path, "few.mp4")


@pytest.mark.parametrize("mode", ["append", "only", "side-by-side"])
def test_moment_after_the_end(
    command: Command, tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.frames.clip.find_model", Path)
    clip = write_clip(tmp_path / "short.mp4", pictures(20))
    said = ("short.mp4", "--at 00:01:00.000 is after its last frame at 00:00:00.760")
    for option in ("--json", "--dry-run"):
        ended = command("frames", clip, "--mode", mode, "--at", 60, option)
        assert (ended.code, len(ended.err.splitlines())) == (1, 1)
        assert all(word in ended.err for word in said)
    only_inputs_are_left(tmp_path, "short.mp4")
    # the video is over at 0.8 s, its sound may end a little later
    assert command("frames", clip, "--mode", "only", "--at", 0.82, "-n", 1).code == 0


def test_folder_with_bad_files_does_the_others(command: Command, tmp_path: Path) -> None:
    for name in ("a.mp4", "z.mkv"):
        write_clip(tmp_path / name, pictures(6))
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "text.mp4").write_text("hello")
    ended = command("frames", tmp_path, "-n", 1, "--json")
    assert ended.code == 3
    status = {Path(entry["input"]).name: entry["status"] for entry in ended.document["results"]}
    assert status == {"a.mp4": "done", "empty.mp4": "failed", "text.mp4": "failed", "z.mkv": "done"}
    errors = [entry["error"] for entry in ended.document["results"] if entry["error"]]
    assert [error["type"] for error in errors] == ["UnreadableVideo"] * 2
    assert "empty.mp4" in ended.err
    assert "text.mp4" in ended.err
    assert len(decoded(tmp_path / "z.predicted.mkv")[0]) == 7


def test_folder_with_one_bad_file_is_still_a_batch(command: Command, tmp_path: Path) -> None:
    (tmp_path / "empty.mp4").touch()
    refused(command("frames", tmp_path), "empty.mp4", code=3)


def test_folder_without_clips(command: Command, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    refused(command("frames", tmp_path / "folder"), "folder", "no video and no image")


@pytest.mark.parametrize("mode", ["append", "next"])
def test_no_space_left(command: Command, tmp_path: Path, mode: str) -> None:
    clip = write_clip(tmp_path / "a.mp4", noisy(20, (240, 320)))
    before = clip.read_bytes()
    output = tmp_path / "out" / "o.mp4"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, limits[1]))
        ended = command("frames", clip, "--mode", mode, "-o", output)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    refused(ended, "o.mp4", "not written")
    assert list(output.parent.iterdir()) == []
    assert clip.read_bytes() == before


def test_output_is_input(command: Command, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", pictures(6))
    before = clip.read_bytes()
    (tmp_path / "link.mp4").symlink_to(clip)
    for output in (clip, tmp_path / "link.mp4"):
        refused(command("frames", clip, "-o", output, "--overwrite"), "a.mp4", "is the input")
    assert clip.read_bytes() == before


def test_output_exists(command: Command, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", pictures(6))
    (tmp_path / "o.mp4").write_text("precious")
    refused(command("frames", clip, "-o", tmp_path / "o.mp4"), "o.mp4", "exists", "--overwrite")
    assert (tmp_path / "o.mp4").read_text() == "precious"


def test_plot_of_next_does_not_replace_a_picture(command: Command, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", pictures(6))
    (tmp_path / "a.predicted.png").write_text("precious")
    refused(command("frames", clip, "--mode", "next"), "a.predicted.png", "exists")
    only_inputs_are_left(tmp_path, "a.mp4", "a.predicted.png")


def test_codec_that_cannot_be_encoded_names_the_option(command: Command, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", pictures(6))
    refused(command("frames", clip, "--codec", "vvc"), "vvc cannot be encoded here", "--codec")
    refused(command("frames", clip, "--codec", "prores"), "mp4 cannot hold prores", "--codec")
    refused(command("frames", clip, "--codec", "h267"), "h267", "--codec", code=2)
    refused(command("frames", clip, "-o", tmp_path / "o.xyz"), "o.xyz has the suffix", code=2)
    only_inputs_are_left(tmp_path, "a.mp4")


@pytest.mark.parametrize("mode", ["append", "only", "next", "side-by-side"])
def test_errors_of_an_encoder_name_the_video(command: Command, tmp_path: Path, mode: str) -> None:
    clip = write_clip(tmp_path / "a.mp4", pictures(12))
    arguments = ["frames", clip, "--mode", mode]
    refused(command(*arguments, "--codec", "prores"), f"{clip}: mp4 cannot hold prores")
    lossless = ["--codec", "mjpeg", "--lossless"]
    refused(command(*arguments, *lossless), f"{clip}: mjpeg cannot be lossless")
    unknown = ["--crf", 20, "--encoder-option", "bogus=1"]
    refused(command(*arguments, *unknown), f"{clip}: libx264 has no option bogus", code=2)
    only_inputs_are_left(tmp_path, "a.mp4")


@pytest.mark.parametrize(
    ("name", "said"),
    [("notes.srt", "it is a text file"), ("one.png", "one.png is a still picture")],
)
def test_what_is_no_video_is_not_blamed_on_the_output(
    command: Command, tmp_path: Path, name: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.frames.clip.find_model", Path)
    if name == "one.png":
        write_images(tmp_path / "png", pictures(1))
        (tmp_path / "png" / "0000.png").rename(tmp_path / name)
    else:
        (tmp_path / name).write_text("not a video")
    for option in ([], ["--dry-run"]):
        refused(command("frames", tmp_path / name, *option), name, said)


def test_clip_that_changes_size_midway(command: Command, tmp_path: Path) -> None:
    first = write_clip(tmp_path / "1.ts", pictures(20))
    smaller = [np.ascontiguousarray(picture[:48, :64]) for picture in pictures(20)]
    times = [Fraction(k, 25) for k in range(20, 40)]
    second = write_clip(tmp_path / "2.ts", smaller, Fraction(25), times)
    clip = tmp_path / "both.ts"
    clip.write_bytes(first.read_bytes() + second.read_bytes())
    for mode in ("append", "next"):
        ended = command("frames", clip, "--mode", mode)
        refused(ended, "both.ts", "changes from 96x64 to 64x48")
    only_inputs_are_left(tmp_path, "1.ts", "2.ts", "both.ts")


class TestWeights:
    """The model comes from the library here, as it does for users."""

    @pytest.fixture
    def clip(self, tmp_path: Path) -> Path:
        return write_clip(tmp_path / "a.mp4", pictures(6))

    @pytest.fixture
    def command(self, capfd: pytest.CaptureFixture[str]) -> Command:
        from pipelines.cli import run

        def ended(*arguments: object) -> Ended:
            code = run([str(argument) for argument in arguments])
            said = capfd.readouterr()
            return Ended(code, said.out, said.err)

        return ended

    def test_unknown_model(self, command: Command, clip: Path) -> None:
        refused(command("frames", clip, "--model", "frame"), "frame", "no model")
        refused(command("frames", clip, "--model", "frame", "--dry-run"), "no model")

    def test_unknown_model_of_a_batch_is_said_once(self, command: Command, clip: Path) -> None:
        write_clip(clip.with_name("b.mp4"), pictures(6))
        ended = command("frames", clip.parent, "--model", "frame", "--json")
        assert (ended.code, ended.document["exit_code"]) == (1, 1)
        assert len(ended.err.splitlines()) == 1
        assert [entry["status"] for entry in ended.document["results"]] == ["failed", "failed"]

    def test_pickled_weights_are_not_read(self, command: Command, clip: Path) -> None:
        class Explosive:
            def __reduce__(self) -> tuple[object, ...]:
                return Path.write_text, (clip.with_name("ran"), "the pickle ran")

        zipped, plain = clip.with_name("zipped.pt"), clip.with_name("plain.pt")
        torch.save({"weight": Explosive()}, zipped)
        plain.write_bytes(pickle.dumps(Explosive()))
        for weights in (zipped, plain):
            refused(command("frames", clip, "--model", weights), weights.name, "pickle")
        assert not clip.with_name("ran").exists()

    def test_damaged_weights(self, command: Command, clip: Path) -> None:
        weights = clip.with_name("w.safetensors")
        save_file({"weight": torch.zeros(1000)}, weights)
        refused(command("frames", clip, "--model", weights), "w.safetensors")
        weights.write_bytes(weights.read_bytes()[:100])
        refused(command("frames", clip, "--model", weights), "w.safetensors")


def test_what_is_predicted_after_the_good_part_continues_it(
    command: Command, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "cut.ts", pictures(40))
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 6 // 10])
    ended = command("frames", clip, "-n", 1, "--json")
    (entry,) = ended.document["results"]
    shown, _ = decoded(Path(entry["output"]))
    assert psnr(shown[-1], np.roll(shown[-2], 2, axis=1)) > 28


def test_damage_that_only_the_whole_reading_meets_is_said(command: Command, tmp_path: Path) -> None:
    """The end of a Y4M is found without reading its middle, which append must encode again."""
    clip = write_clip(tmp_path / "a.y4m", pictures(40), codec="rawvideo")
    data = bytearray(clip.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 20_000] = bytes(20_000)
    clip.write_bytes(data)
    ended = command("frames", clip, "-n", 1, "--json")
    (entry,) = ended.document["results"]
    assert (ended.code, entry["packets_copied"], entry["truncated"]) == (0, False, True)
    assert "used in part: it cannot be read on" in ended.err
    assert "the prediction continues from its frame at 00:00:01.560" in ended.err
    assert len(decoded(Path(entry["output"]))[0]) < 30


def test_moments_are_told_from_the_first_frame(command: Command, tmp_path: Path) -> None:
    times = [7 + Fraction(k, 25) for k in range(40)]
    frames = [*pictures(37), *pictures(3, seed=5)]
    clip = write_clip(tmp_path / "late.ts", frames, times=times)
    assert decoded(clip)[1][0] >= 7
    ended = command("frames", clip, "-n", 1)
    assert "scene cut at 00:00:01.480: predicted from the 3 frames after it" in ended.err
    refused(command("frames", clip, "--at", 1.48, "--overwrite"), "scene cut at 00:00:01.480")
