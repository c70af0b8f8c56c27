"""What a second run of the same command knows of the first."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pipelines.inpaint.manifest import Manifest
from pipelines.inpaint.masks import MaskSettings
from pipelines.inpaint.photograph import FilledPhotograph
from pipelines.inpaint.request import InpaintRequest, InpaintSettings
from predictor.errors import OutputExists, OutputNotWritten, UnreadableImage


def request(folder: Path, **settings: Any) -> InpaintRequest:
    source = folder / "a.png"
    if not source.exists():
        source.write_bytes(b"picture")
    chosen = InpaintSettings(**{"mask": "center:0.3", "model": "telea", **settings})
    return InpaintRequest(source, Path("a.png"), folder / "out" / "a.png", chosen)


def done(wanted: InpaintRequest, manifest: Manifest) -> None:
    manifest.begin(wanted)
    wanted.output.parent.mkdir(exist_ok=True)
    wanted.output.write_bytes(b"filled")
    manifest.end(wanted, FilledPhotograph(wanted.input, wanted.output, "samples", 5), 0.25)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "out" / "inpaint.jsonl"


def test_what_was_done_is_known_while_nothing_changed(tmp_path: Path, path: Path) -> None:
    wanted = request(tmp_path)
    with Manifest(path) as manifest:
        assert not manifest.is_done(wanted)
        done(wanted, manifest)
    begun, ended = map(json.loads, path.read_text().splitlines())
    assert begun == {"output": "a.png", "status": "begun"}
    assert (ended["input"], ended["output"]) == (str(wanted.input), "a.png")
    assert (ended["status"], ended["milliseconds"], ended["error"]) == ("done", 250.0, None)
    assert (ended["dilate_px"], ended["feather_px"], ended["model"]) == (0, 0, "telea")
    with Manifest(path) as manifest:
        assert manifest.is_done(wanted)
        assert not manifest.is_own(wanted)  # finished: not to be replaced
        other = request(tmp_path, mask_settings=MaskSettings(dilate_px=2))
        assert not manifest.is_done(other)
        assert not manifest.is_own(other)
        os.utime(wanted.input, ns=(1, 1))
        assert not manifest.is_done(wanted)


def test_another_mask_in_the_same_file_is_another_request(tmp_path: Path, path: Path) -> None:
    mask = tmp_path / "mask.png"
    mask.write_bytes(b"picture")
    wanted = request(tmp_path, mask=str(mask))
    with Manifest(path) as manifest:
        done(wanted, manifest)
    os.utime(mask, ns=(1, 1))
    with Manifest(path) as manifest:
        assert not manifest.is_done(wanted)


def test_another_mask_of_the_same_size_and_time_is_another_request(
    tmp_path: Path, path: Path
) -> None:
    link = tmp_path / "mask.png"
    for name in ("one.png", "two.png"):
        (tmp_path / name).write_bytes(name.encode())
        os.utime(tmp_path / name, ns=(1, 1))
    link.symlink_to("one.png")
    wanted = request(tmp_path, mask=str(link))
    with Manifest(path) as manifest:
        done(wanted, manifest)
    link.unlink()
    link.symlink_to("two.png")
    with Manifest(path) as manifest:
        assert not manifest.is_done(wanted)


def test_an_output_made_anew_in_another_way_is_not_what_it_was(tmp_path: Path, path: Path) -> None:
    wanted, other = request(tmp_path), request(tmp_path, mask="center:0.5")
    with Manifest(path) as manifest:
        done(wanted, manifest)
        done(other, manifest)
    with Manifest(path) as manifest:
        assert manifest.is_done(other)
        assert not manifest.is_done(wanted)


def test_what_is_moved_together_is_known_again(tmp_path: Path, path: Path) -> None:
    (tmp_path / "before").mkdir()
    wanted = request(tmp_path / "before")
    with Manifest(wanted.output.parent / "inpaint.jsonl") as manifest:
        done(wanted, manifest)
    (tmp_path / "before").rename(tmp_path / "after")
    wanted = request(tmp_path / "after")
    with Manifest(wanted.output.parent / "inpaint.jsonl") as manifest:
        assert manifest.is_done(wanted)


def test_an_older_manifest_is_understood(tmp_path: Path, path: Path) -> None:
    mask = tmp_path / "mask.png"
    mask.write_bytes(b"a mask")
    wanted = request(tmp_path, mask=str(mask))
    facts: list[Any] = [wanted.settings.fingerprint]
    for about in (wanted.input.stat(), mask.stat()):
        facts += [about.st_size, about.st_mtime_ns]
    wanted.output.parent.mkdir()
    wanted.output.write_bytes(b"filled")
    path.write_text(json.dumps({"output": "a.png", "status": "done", "facts": facts}) + "\n")
    os.utime(wanted.output, ns=(1, 1))  # these say nothing of outputs either
    with Manifest(path) as manifest:
        assert manifest.is_done(wanted)
        assert not manifest.was_changed(wanted)
        assert not manifest.is_done(request(tmp_path, mask=str(mask), keep_time=True))
        manifest.begin(wanted)
    with Manifest(path) as manifest:
        assert not manifest.is_done(wanted)
        assert manifest.is_own(wanted)


def test_what_another_run_began_anew_is_not_done(tmp_path: Path, path: Path) -> None:
    wanted = request(tmp_path)
    with Manifest(path) as manifest:
        done(wanted, manifest)
        manifest.begin(request(tmp_path, mask="center:0.5"))  # and is killed after writing
    with Manifest(path) as manifest:
        assert not manifest.is_done(wanted)
        assert manifest.is_own(wanted)


def test_an_output_that_was_changed_is_not_done(tmp_path: Path, path: Path) -> None:
    wanted = request(tmp_path)
    with Manifest(path) as manifest:
        done(wanted, manifest)
        assert not manifest.was_changed(wanted)
    line = json.loads(path.read_text().splitlines()[1])
    assert line["output_bytes"] == 6
    os.utime(wanted.output, ns=(1, 1))  # as after copying all to another disk
    with Manifest(path) as manifest:
        assert manifest.is_done(wanted)
    wanted.output.write_bytes(b"edited more")
    with Manifest(path) as manifest:
        assert manifest.was_changed(wanted)
        assert not manifest.is_done(wanted)
        manifest.end(wanted, OutputExists("a.png: exists already"), 0.0)
    with Manifest(path) as manifest:
        assert manifest.was_changed(wanted)  # the failure is no licence to replace it
        assert not manifest.was_changed(request(tmp_path, mask="center:0.5"))
        done(wanted, manifest)
    with Manifest(path) as manifest:
        assert manifest.is_done(wanted)


def test_only_a_stopped_run_that_does_all_again_goes_on(tmp_path: Path, path: Path) -> None:
    plain, again = request(tmp_path), request(tmp_path, overwrite=True)

    def run(wanted: InpaintRequest, is_stopped: bool = False) -> bool:
        with Manifest(path) as manifest:
            manifest.begin_run(wanted.settings.overwrite)
            was_done = manifest.is_done(wanted)
            if not was_done:
                done(wanted, manifest)
            if not is_stopped:
                manifest.end_run()
        return was_done

    assert not run(plain)
    assert run(plain)
    assert not run(again, is_stopped=True)
    assert run(again, is_stopped=True)
    assert run(again)
    assert not run(again, is_stopped=True)
    assert run(plain)  # comes to its end, and so ends what was stopped
    assert not run(again)
    assert not run(again)
    assert run(plain)


def test_an_output_that_is_gone_is_not_done(tmp_path: Path, path: Path) -> None:
    wanted = request(tmp_path)
    with Manifest(path) as manifest:
        done(wanted, manifest)
    wanted.output.unlink()
    with Manifest(path) as manifest:
        assert not manifest.is_done(wanted)


def test_an_output_without_its_line_is_its_own(tmp_path: Path, path: Path) -> None:
    wanted = request(tmp_path)
    with Manifest(path) as manifest:
        manifest.begin(wanted)
    wanted.output.write_bytes(b"killed before the line")
    with Manifest(path) as manifest:
        assert manifest.is_own(wanted)
        assert not manifest.is_done(wanted)


def test_a_line_cut_by_a_kill_says_nothing(tmp_path: Path, path: Path) -> None:
    wanted = request(tmp_path)
    with Manifest(path) as manifest:
        done(wanted, manifest)
    path.write_bytes(path.read_bytes()[:-20])
    with Manifest(path) as manifest:
        assert not manifest.is_done(wanted)
        assert manifest.is_own(wanted)
        done(wanted, manifest)
    with Manifest(path) as manifest:
        assert manifest.is_done(wanted)  # the cut line has not swallowed the next


def test_a_failure_is_put_down_and_tried_again(tmp_path: Path, path: Path) -> None:
    wanted = request(tmp_path)
    with Manifest(path) as manifest:
        manifest.end(wanted, UnreadableImage("a.png is empty"), 0.0)
    (line,) = map(json.loads, path.read_text().splitlines())
    assert line["status"] == "failed"
    assert line["error"] == {"type": "UnreadableImage", "message": "a.png is empty"}
    with Manifest(path) as manifest:
        assert not manifest.is_done(wanted)
        assert not manifest.is_own(wanted)


def test_what_lies_where_a_run_failed_is_not_its_own(tmp_path: Path, path: Path) -> None:
    wanted = request(tmp_path)
    with Manifest(path) as manifest:
        manifest.begin(wanted)
        manifest.end(wanted, UnreadableImage("a.png is empty"), 0.1)
    with Manifest(path) as manifest:
        assert not manifest.is_own(wanted)


def test_a_name_that_is_no_text_is_known_again(tmp_path: Path, path: Path) -> None:
    name = os.fsdecode(b"b\xff.png")
    wanted = InpaintRequest(
        tmp_path / name, Path(name), path.parent / name, request(tmp_path).settings
    )
    wanted.input.write_bytes(b"x")
    with Manifest(path) as manifest:
        done(wanted, manifest)
    with Manifest(path) as manifest:
        assert manifest.is_done(wanted)


def test_a_folder_that_takes_no_files(tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"a file")
    with pytest.raises(OutputNotWritten, match="not written: "):
        Manifest(tmp_path / "out" / "inpaint.jsonl")


def test_a_photograph_changed_while_it_is_filled_is_not_done(tmp_path: Path, path: Path) -> None:
    wanted = request(tmp_path)
    with Manifest(path) as manifest:
        manifest.begin(wanted)
        os.utime(wanted.input, ns=(1, 1))
        wanted.output.write_bytes(b"filled")
        manifest.end(wanted, FilledPhotograph(wanted.input, wanted.output, "samples", 5), 0.25)
    with Manifest(path) as manifest:
        assert not manifest.is_done(wanted)


def test_two_commands_do_not_fill_into_one_folder(path: Path) -> None:
    with (
        Manifest(path),
        pytest.raises(OutputNotWritten, match="another process is filling into this folder"),
    ):
        Manifest(path)
    with Manifest(path):  # the first has ended
        pass
