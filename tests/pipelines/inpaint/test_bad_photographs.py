"""What people really have in their folders: one clear line each, nothing lost or half-written."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from ended import Command
from photo_folders import HEIGHT, WIDTH, contents, hole, photograph

BOX = ("--mask", "box:20,10,16,16", "--model", "telea")


def failed(command: Command, *arguments: object) -> str:
    """Return the one line that a command on one file ends with."""
    ended = command("inpaint", *arguments)
    assert ended.code == 1
    assert ended.out == ""
    (line,) = ended.err.splitlines()
    return line


def test_a_mask_of_another_size(command: Command, tmp_path: Path) -> None:
    source = photograph(tmp_path / "a.png")
    mask = tmp_path / "mask.png"
    PIL.Image.fromarray(np.eye(30, 20, dtype=np.uint8) * 255).save(mask)
    line = failed(command, source, "--mask", mask, "--model", "telea")
    assert f"{source}: it is {WIDTH}x{HEIGHT}, its mask {mask} is 20x30; --resize-mask" in line
    assert command("inpaint", source, "--mask", mask, "--model", "telea", "--resize-mask").code == 0


def test_an_empty_mask_copies_and_a_full_one_is_an_error(command: Command, tmp_path: Path) -> None:
    source = photograph(tmp_path / "a.jpg")
    empty = hole(tmp_path / "empty.png", side=0)
    ended = command("inpaint", source, "--mask", empty, "--model", "telea")
    assert ended.code == 0
    assert "its mask is empty: copied unchanged" in ended.err
    assert (tmp_path / "a.filled.jpg").read_bytes() == source.read_bytes()
    folder = command("inpaint", source, "--mask", empty, "--model", "telea", "-o", tmp_path / "out")
    assert "0 filled, 1 with nothing to fill; see" in folder.err
    (tmp_path / "a.filled.jpg").unlink()
    line = failed(command, source, "--mask", "center:1.0", "--model", "telea")
    assert "the mask covers the whole picture" in line
    assert not (tmp_path / "a.filled.jpg").exists()


def test_a_folder_without_photographs(command: Command, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    (folder / "empty").mkdir(parents=True)
    (folder / "notes.txt").touch()
    ended = command("inpaint", folder, *BOX)
    assert ended.code == 3
    assert "notes: no photograph and no video in this folder" in ended.error_lines[0]
    assert ended.error_lines[1] == "predictor: 0 filled, 1 failed, 1 other file left alone (.txt)"
    assert not (tmp_path / "notes.filled").exists()


@pytest.mark.parametrize("output", ["a.txt", "new.png"])
def test_a_file_as_the_folder_of_outputs(command: Command, tmp_path: Path, output: str) -> None:
    photograph(tmp_path / "photos" / "a.png")
    (tmp_path / "a.txt").touch()
    ended = command("inpaint", tmp_path / "photos", *BOX, "-o", tmp_path / output)
    assert ended.code == 2
    (line,) = ended.err.splitlines()
    assert "expected a folder for several inputs" in line
    assert {path.name for path in tmp_path.iterdir()} == {"photos", "a.txt"}


def test_one_mask_is_missing(command: Command, tmp_path: Path) -> None:
    photograph(tmp_path / "photos" / "a.png")
    photograph(tmp_path / "photos" / "b.png")
    hole(tmp_path / "masks" / "a.png")
    ended = command(
        "inpaint", tmp_path / "photos", "--mask", tmp_path / "masks", "--model", "telea"
    )
    assert ended.code == 3
    assert ended.error_lines[0].startswith(f"predictor: {tmp_path}/photos/b.png: no mask in")
    assert sorted(contents(tmp_path / "photos.filled")) == ["a.png"]


def test_a_name_too_long_for_its_mask_ends_alone(command: Command, tmp_path: Path) -> None:
    long = "b" * 251 + ".png"  # no mask of another suffix can have its stem
    for name in ("a.png", long, "c.png"):
        photograph(tmp_path / "photos" / name)
    for name in ("a.png", "c.png"):
        hole(tmp_path / "masks" / name)
    ended = command(
        "inpaint", tmp_path / "photos", "--mask", tmp_path / "masks", "--model", "telea"
    )
    assert ended.code == 3
    assert f"{long}: no mask in" in ended.error_lines[0]
    assert "2 filled, 1 failed" in ended.error_lines[1]
    assert sorted(contents(tmp_path / "photos.filled")) == ["a.png", "c.png"]


def test_what_the_system_refuses_for_one_file_ends_alone(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.png", "b.png", "c.png"):
        photograph(tmp_path / "photos" / name)

    def refused(output: Path, inputs: list[Path], overwrite: bool = False) -> None:
        if output.name == "b.png":
            raise PermissionError(13, "Permission denied", str(output))

    monkeypatch.setattr("pipelines.inpaint.request.check_output", refused)
    ended = command("inpaint", tmp_path / "photos", *BOX)
    assert ended.code == 3
    assert "b.png: [Errno 13] Permission denied" in ended.error_lines[0]
    assert sorted(contents(tmp_path / "photos.filled")) == ["a.png", "c.png"]


@pytest.mark.parametrize("where", ["input", "mask", "output"])
def test_names_too_long_are_said(command: Command, tmp_path: Path, where: str) -> None:
    source, long = photograph(tmp_path / "a.png"), tmp_path / ("x" * 300 + ".png")
    arguments = {
        "input": (long, *BOX),
        "mask": (source, "--mask", long),
        "output": (source, *BOX, "-o", long),
    }[where]
    ended = command("inpaint", *arguments)
    assert ended.code in (1, 2)
    assert str(long) in ended.err
    assert "a bug in predictor" not in ended.err


@pytest.mark.jpeg_blocks
@pytest.mark.parametrize("kind", ["garbage", "truncated", "empty", "gone"])
def test_a_bad_file_ends_alone(command: Command, tmp_path: Path, kind: str) -> None:
    photograph(tmp_path / "photos" / "a.jpg")
    bad = photograph(tmp_path / "photos" / "b.jpg")
    photograph(tmp_path / "photos" / "c.jpg")
    data = bad.read_bytes()
    bad.write_bytes({"garbage": b"x" * 500, "truncated": data[:-300], "empty": b""}.get(kind, b""))
    if kind == "gone":
        bad.unlink()
        bad.symlink_to(tmp_path / "nowhere.jpg")
    ended = command("inpaint", tmp_path / "photos", *BOX)
    assert ended.code == 3
    line, summary = ended.error_lines
    assert "b.jpg" in line
    assert "2 filled, 1 failed" in summary
    assert sorted(contents(tmp_path / "photos.filled")) == ["a.jpg", "c.jpg"]


def test_a_decompression_bomb_is_not_opened(command: Command, tmp_path: Path) -> None:
    source = tmp_path / "bomb.png"
    PIL.Image.new("1", (1500, 1500)).save(source)
    line = failed(command, source, *BOX, "--max-megapixels", 2)
    assert "bomb.png has 1500x1500 = 2 megapixels, expected at most 2; --max-megapixels" in line
    assert command("inpaint", source, *BOX, "--max-megapixels", 3).code == 0


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_an_animation_is_refused(command: Command, tmp_path: Path, suffix: str) -> None:
    source = tmp_path / f"a{suffix}"
    frames = [PIL.Image.new("RGB", (40, 30), colour) for colour in ("red", "blue")]
    frames[0].save(source, save_all=True, append_images=frames[1:])
    line = failed(command, source, "--mask", "center:0.5", "--model", "telea")
    assert f"a{suffix} has 2 frames: it is animated, expected one picture" in line


def test_one_pixel(command: Command, tmp_path: Path) -> None:
    source = tmp_path / "a.png"
    PIL.Image.new("RGB", (1, 1)).save(source)
    line = failed(command, source, "--mask", "center:1.0", "--model", "telea")
    assert "covers the whole picture" in line
    ended = command("inpaint", source, "--mask", "color:#ffffff", "--model", "telea")
    assert "copied unchanged" in ended.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only(command: Command, tmp_path: Path) -> None:
    photograph(tmp_path / "photos" / "a.png")
    (tmp_path / "out").mkdir(mode=0o500)
    ended = command("inpaint", tmp_path / "photos", *BOX, "-o", tmp_path / "out")
    assert ended.code == 1
    assert "inpaint.jsonl: not written: Permission denied" in ended.err


def test_no_space_left(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    photograph(tmp_path / "photos" / "a.png")
    photograph(tmp_path / "photos" / "b.png")
    written = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if path.name == "a.png.partial":
            written(path, data[:10])
            raise OSError(28, "No space left on device", str(path))
        return written(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    ended = command("inpaint", tmp_path / "photos", *BOX)
    assert ended.code == 3
    assert "a.png: not written: no space left on the device" in ended.err
    assert sorted(contents(tmp_path / "photos.filled")) == ["b.png"]


def test_the_output_inside_the_input_is_never_taken_in(command: Command, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photograph(photos / "a.png")
    for folder in ("out", "zz"):
        ended = command("inpaint", photos, *BOX, "-o", photos / folder)
        assert (ended.code, len(ended.out.split())) == (0, 1)
    assert "is the input folder" in failed(command, photos, *BOX, "-o", photos)


def test_names_with_spaces_newlines_and_no_text(command: Command, tmp_path: Path) -> None:
    names = [b"a b.png", b"two\nlines.png", b"latin-\xe9.png", "schön.png".encode()]
    for name in names:
        photograph(tmp_path / "photos" / "x.png").rename(tmp_path / "photos" / os.fsdecode(name))
    (tmp_path / "photos" / os.fsdecode(b"bad-\xe9\n.png")).write_bytes(b"")
    ended = command("inpaint", tmp_path / "photos", *BOX)
    assert ended.code == 3
    assert len(ended.err.splitlines()) == 2  # the bad one and the summary
    found = {os.fsencode(path.name) for path in (tmp_path / "photos.filled").glob("*.png")}
    assert found == set(names)
    again = command("inpaint", tmp_path / "photos", *BOX)
    assert "4 done before" in again.err
    assert command("inpaint", tmp_path / "photos", *BOX, "--json").code == 3


def test_ctrl_c_finishes_what_it_began(tmp_path: Path) -> None:
    for number in range(40):
        photograph(tmp_path / "photos" / f"{number:03}.png", number)
    process = subprocess.Popen(
        [sys.executable, "-c", "from pipelines.cli import main; main()", "inpaint",
         str(tmp_path / "photos"), *BOX, "--workers", "1"],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted; finished files stay" in said
    assert not list((tmp_path / "photos.filled").glob("*.partial"))
