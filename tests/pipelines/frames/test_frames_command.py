"""`predictor frames`: exit codes, stdout, stderr and the JSON document."""

import json
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from ended import Command
from made_clips import RollingPredictor, decoded, pictures, write_clip
from torch import Tensor

from pipelines.cli import run
from pipelines.frames.context import Context, context_of
from pipelines.frames.prediction import NextFrames
from predictor.media.video import VideoReader


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", pictures(12))


def test_paths_on_stdout_and_what_was_done_on_stderr(command: Command, clip: Path) -> None:
    ended = command("frames", clip, "-n", 2, "--gif")
    output = clip.with_name("clip.predicted.mp4")
    assert ended.code == 0
    assert ended.out.splitlines() == [str(output), str(output.with_suffix(".gif"))]
    assert "2 frames added after 12 source frames, copied: the join decodes exactly" in ended.err
    assert all(Path(line).is_file() for line in ended.out.splitlines())


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        (".3g2", "libx264"),
        (".f4v", "libx264"),
        (".qt", "libx264"),
        (".m2v", "mpeg2video"),
        (".nut", "ffv1"),
        (".divx", "mpeg4"),
    ],
)
def test_rare_suffixes_keep_their_container_and_packets(
    command: Command, tmp_path: Path, suffix: str, codec: str
) -> None:
    usual = {".f4v": ".mp4", ".qt": ".mov", ".divx": ".avi"}.get(suffix, suffix)
    clip = write_clip(tmp_path / f"a{usual}", pictures(6), codec=codec)
    clip = clip.rename(tmp_path / f"a{suffix}")
    before = decoded(clip)[0]
    ended = command("frames", clip, "-n", 1)
    assert "copied: the join decodes exactly" in ended.err
    after, _ = decoded(tmp_path / f"a.predicted{suffix}")
    assert len(after) == 7
    assert all((new == old).all() for new, old in zip(after, before, strict=False))


def test_each_note_is_one_line_whatever_the_name(command: Command, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "two\nlines.mp4", pictures(6))
    assert len(command("frames", clip, "-n", 1).err.splitlines()) == 1


def test_av1_encoder_says_nothing_by_itself(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SVT_LOG", "1")
    clip = write_clip(tmp_path / "clip.mp4", pictures(6), codec="libsvtav1")
    monkeypatch.delenv("SVT_LOG")
    assert "copied" in command("frames", clip, "-n", 1).err
    assert os.environ["SVT_LOG"] == "1"  # the library reads it once a process


def test_no_output_replaces_another_input(command: Command, clip: Path) -> None:
    """As when a shell writes out ``*.mp4`` where an earlier run left its results."""
    earlier = clip.with_name("clip.predicted.mp4")
    earlier.write_bytes(clip.read_bytes())
    ended = command("frames", clip, earlier, "-n", 1, "--overwrite")
    assert ended.code == 3
    assert f"{earlier}: the output is an input of this command" in ended.err
    assert earlier.read_bytes() == clip.read_bytes()
    assert clip.with_name("clip.predicted.predicted.mp4").is_file()


def test_no_command_prints_the_help_alone(command: Command) -> None:
    ended = command()
    assert (ended.code, ended.err) == (2, "")
    assert "Usage:" in ended.out


def test_json_says_what_was_done(command: Command, clip: Path) -> None:
    ended = command("frames", clip, "-n", 2, "--json")
    assert ended.document["exit_code"] == 0
    (entry,) = ended.document["results"]
    assert entry["input"] == str(clip)
    assert entry["output"] == str(clip.with_name("clip.predicted.mp4"))
    assert (entry["status"], entry["error"], entry["truncated"]) == ("done", None, False)
    assert entry["predicted_times_s"] == [0.48, 0.52]
    assert entry["first_index"] == 12
    assert entry["packets_copied"] is True


def test_several_inputs_go_to_a_folder(command: Command, tmp_path: Path) -> None:
    clips = [write_clip(tmp_path / f"{name}.mp4", pictures(6)) for name in "ab"]
    ended = command("frames", *clips, "-n", 1, "-o", tmp_path / "out")
    assert ended.code == 0
    names = ["a.predicted.mp4", "b.predicted.mp4"]
    assert ended.out.split() == [str(tmp_path / "out" / name) for name in names]


def test_files_that_a_folder_has_beside_its_videos_are_counted(
    command: Command, tmp_path: Path
) -> None:
    write_clip(tmp_path / "a.mp4", pictures(6))
    (tmp_path / "notes.txt").touch()
    ended = command("frames", tmp_path, "-n", 1, "--json")
    assert ended.err.splitlines()[-1] == "predictor: 1 other file left alone (.txt)"
    assert (ended.code, ended.document["other_files"]) == (0, 1)
    (tmp_path / "notes.txt").unlink()
    ended = command("frames", tmp_path, "-n", 1, "--overwrite", "--json")
    assert "other" not in ended.err
    assert ended.document["other_files"] == 0


def test_output_is_a_folder_for_a_batch_of_one(command: Command, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", pictures(6))
    for named, output in (([tmp_path], "folder"), ([clip, tmp_path / "absent.mp4"], "pair")):
        command("frames", *named, "-n", 1, "-o", tmp_path / output)
        assert (tmp_path / output / "a.predicted.mp4").is_file()


def test_frames_dir_of_several_inputs_has_a_folder_for_each(
    command: Command, tmp_path: Path
) -> None:
    for name in ("a.mp4", "b.mp4"):
        write_clip(tmp_path / name, pictures(6))
    command("frames", tmp_path / "*.mp4", "-n", 1, "--frames-dir", tmp_path / "png")
    found = sorted(str(path.relative_to(tmp_path / "png")) for path in tmp_path.glob("png/*/*"))
    assert found == ["a.predicted/000006.png", "b.predicted/000006.png"]


def test_tables_of_one_name_do_not_replace_each_other(command: Command, tmp_path: Path) -> None:
    for name in ("a.mp4", "a.mkv"):
        write_clip(tmp_path / name, pictures(4))
    ended = command("frames", tmp_path, "--mode", "next", "--overwrite")
    assert ended.code == 0
    names = {path.name for path in tmp_path.glob("*.csv")}
    assert names == {"a-mp4.predicted.csv", "a-mkv.predicted.csv"}
    assert len(set(ended.out.split())) == 6


def test_equal_names_of_two_folders_meet_nowhere(command: Command, tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        write_clip(tmp_path / name / "a.mp4", pictures(6))
    where = ["-o", tmp_path / "out", "--frames-dir", tmp_path / "png"]
    assert command("frames", tmp_path / "*" / "a.mp4", "-n", 1, *where).code == 0
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob("[op]*/*/*"))
    assert found == [
        "out/x/a.predicted.mp4",
        "out/y/a.predicted.mp4",
        "png/x/a.predicted",
        "png/y/a.predicted",
    ]


def test_dry_run_writes_nothing(
    command: Command, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.frames.clip.find_model", lambda name: Path(name))
    ended = command("frames", clip, "--duration", "0.2s", "--dry-run", "--json")
    (entry,) = ended.document["results"]
    assert (ended.code, entry["status"], entry["predicted_count"]) == (0, "planned", 5)
    assert entry["output"] == str(clip.with_name("clip.predicted.mp4"))
    assert [path.name for path in clip.parent.iterdir()] == ["clip.mp4"]


def test_overwrite_replaces_an_output(command: Command, clip: Path) -> None:
    assert command("frames", clip, "-n", 1).code == 0
    refused = command("frames", clip, "-n", 1)
    assert refused.code == 1
    assert "--overwrite" in refused.err
    assert command("frames", clip, "-n", 1, "--overwrite").code == 0


def test_encoder_choices_reach_the_video(command: Command, clip: Path, tmp_path: Path) -> None:
    output = tmp_path / "o.mkv"
    ended = command(
        "frames", clip, "-n", 1, "-o", output, "--codec", "ffv1", "--lossless", "--json"
    )
    (entry,) = ended.document["results"]
    assert (ended.code, entry["packets_copied"]) == (0, False)
    refused = command(
        "frames", clip, "-n", 1, "-o", tmp_path / "p.mp4", "--encoder-option", "presto=slow"
    )
    assert refused.code == 2
    assert "presto" in refused.err
    batch = command("frames", clip, tmp_path / "absent.mp4", "--encoder-option", "presto=slow")
    assert batch.code == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frames"], "IN"),
        (["frames", "x.mp4", "-n", "0"], "--count"),
        (["frames", "x.mp4", "-n", "many"], "--count"),
        (["frames", "x.mp4", "-n", "2", "--duration", "1s"], "--duration"),
        (["frames", "x.mp4", "--at", "later"], "--at"),
        (["frames", "x.mp4", "--duration", "0"], "duration"),
        (["frames", "x.mp4", "--mode", "sideways"], "side-by-side"),
        (["frames", "x.mp4", "--mode", "next", "-n", "2"], "next"),
        (["frames", "x.mp4", "--mode", "next", "--gif"], "gif"),
        (["frames", "x.mp4", "--encoder-option", "slow"], "key=value"),
        (["frames", "x.mp4", "--lossless", "--crf", "3"], "lossless"),
        (["frames", "x.mp4", "--lossless", "--encoder-option", "qp=30"], "qp=30 exclude"),
        (["frames", "x.mp4", "--codec", "nonsense"], "--codec"),
        (["frames", "x.mp4", "--codec", "aac"], "audio"),
        (["frames", "x.mp4", "-o", "y.xyz"], "-o y.xyz"),
        (["frames", "x.mp4", "y.mp4", "-o", "all.mp4"], "all.mp4 is named like a file"),
        (["frames", "x.mp4", "--colour"], "--colour"),
        (["frame", "x.mp4"], "frame"),
    ],
)
def test_usage_errors_end_in_one_line_and_two(
    command: Command, arguments: list[str], said: str
) -> None:
    ended = command(*arguments)
    assert ended.code == 2
    assert len(ended.err.splitlines()) == 1
    assert said in ended.err
    assert ended.out == ""
    in_json = command(*arguments, "--json")
    assert in_json.document["exit_code"] == 2
    assert in_json.document["results"] == []
    assert said in in_json.document["error"]


def test_debug_shows_where_an_error_came_from(command: Command, tmp_path: Path) -> None:
    ended = command("frames", tmp_path / "absent.mp4", "--debug")
    assert ended.code == 1
    assert "Traceback" in ended.err


@pytest.mark.parametrize("debug", [(), ("--debug",)])
def test_an_unexpected_error_over_one_clip_stops_no_other(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, debug: tuple[str, ...]
) -> None:
    for name in "abc":
        write_clip(tmp_path / f"{name}.mp4", pictures(4))

    def broken(reader: VideoReader, *rest: object) -> Context:
        if reader.info.path.name == "b.mp4":
            raise ZeroDivisionError("by zero")
        return context_of(reader, *rest)  # type: ignore[arg-type] # passed on

    monkeypatch.setattr("pipelines.frames.continuation.context_of", broken)
    ended = command("frames", tmp_path, "-o", tmp_path / "out", "--json", *debug)
    assert ended.code == 3
    assert "b.mp4: ZeroDivisionError: by zero (" in ended.err
    assert ("in broken" in ended.err) == bool(debug)
    assert [entry["status"] for entry in ended.document["results"]] == ["done", "failed", "done"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "a.predicted.mp4",
        "c.predicted.mp4",
    ]


def test_version_and_help(command: Command) -> None:
    assert command("--version").out.startswith("predictor ")
    ended = command("frames", "--help")
    assert ended.code == 0
    assert "side-by-side" in ended.out


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
@pytest.mark.parametrize("mode", ["append", "only", "next", "side-by-side"])
def test_signal_leaves_nothing_half_written(
    command: Command,
    clip: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    code: int,
    mode: str,
) -> None:
    class Interrupted(RollingPredictor):
        def predict(self, clip: Tensor, count: int) -> Tensor:
            if self.lengths or mode != "next":
                assert list(tmp_path.glob("out/*.partial*"))
                signal.raise_signal(number)
            return super().predict(clip, count)

    model = NextFrames(Interrupted(), "interrupted")
    monkeypatch.setattr("pipelines.frames.prediction.load", lambda *chosen: model)
    before = signal.getsignal(number), threading.active_count()
    output = tmp_path / "out" / "o.mp4"
    ended = command("frames", clip, "--mode", mode, "-o", output, "--json")
    assert ended.code == code
    assert list(output.parent.iterdir()) == []
    assert ended.document["exit_code"] == code
    assert len(ended.err.splitlines()) == 1
    assert "interrupted" in ended.err
    assert before == (signal.getsignal(number), threading.active_count())


def test_a_run_under_nohup_goes_on_when_the_terminal_is_closed(
    command: Command, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Disconnected(RollingPredictor):
        def predict(self, clip: Tensor, count: int) -> Tensor:
            signal.raise_signal(signal.SIGHUP)
            return super().predict(clip, count)

    model = NextFrames(Disconnected(), "disconnected")
    monkeypatch.setattr("pipelines.frames.prediction.load", lambda *chosen: model)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        ended = command("frames", clip, "-o", tmp_path / "o.mp4")
    finally:
        signal.signal(signal.SIGHUP, before)
    assert ended.code == 0


def test_released_model_predicts_and_its_horizon_is_known(
    capfd: pytest.CaptureFixture[str],
    small_model: Callable[..., Path],
    clip: Path,
    tmp_path: Path,
) -> None:
    weights = small_model(tmp_path / "small.safetensors", measured_horizon=2)
    arguments = ["frames", str(clip), "--model", str(weights), "-n", "3"]
    assert run([*arguments, "--device", "cpu", "--precision", "fp32"]) == 0
    assert "measured up to 2" in capfd.readouterr().err
    assert len(decoded(clip.with_name("clip.predicted.mp4"))[0]) == 15
    for option, value in (("--device", "tpu9"), ("--precision", "fp8")):
        assert run([*arguments, "--overwrite", option, value]) == 2
        (line,) = capfd.readouterr().err.splitlines()
        assert value in line


def test_an_option_that_no_input_can_do_with_ends_the_one_document(
    capfd: pytest.CaptureFixture[str],
    small_model: Callable[..., Path],
    clip: Path,
    tmp_path: Path,
) -> None:
    weights = small_model(tmp_path / "small.safetensors")
    arguments = ["frames", str(tmp_path / "absent.mp4"), str(clip), str(clip.with_name("no.mp4"))]
    assert run([*arguments, "--model", str(weights), "--device", "tpu9", "--json"]) == 2
    document = json.loads(capfd.readouterr().out)
    assert document["exit_code"] == 2
    assert [entry["status"] for entry in document["results"]] == ["failed"] * 3
    assert "tpu9" in document["results"][1]["error"]["message"]
