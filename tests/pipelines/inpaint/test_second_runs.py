"""What the same command does again, and what it leaves as an earlier run made it."""

import os
from pathlib import Path

import PIL.Image
import pytest
from ended import Command
from made_clips import pictures, write_clip
from photo_folders import contents, photograph, pixels_of

from pipelines.inpaint.request import InpaintRequest, filled

BOX = ("--mask", "box:20,10,16,16", "--model", "telea")


def test_a_photograph_of_another_folder_is_not_done(command: Command, tmp_path: Path) -> None:
    sources = [photograph(tmp_path / f"{number}" / "x.bmp", number) for number in range(2)]
    for source in sources:
        os.utime(source, ns=(10**18, 10**18))
    out = tmp_path / "out"
    assert command("inpaint", sources[0].parent, *BOX, "-o", out).code == 0
    ended = command("inpaint", sources[1].parent, *BOX, "-o", out)
    assert ended.code == 3
    assert "x.bmp: exists already; --overwrite replaces it" in ended.err
    assert command("inpaint", sources[1].parent, *BOX, "-o", out, "--overwrite").code == 0
    assert (pixels_of(out / "x.bmp")[0] == pixels_of(sources[1])[0]).all()


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for number in range(3):
        photograph(tmp_path / "photos" / f"{number}.png", number)
    return tmp_path / "photos"


def test_a_changed_output_is_neither_done_nor_replaced(command: Command, photos: Path) -> None:
    assert command("inpaint", photos, *BOX).code == 0
    out = photos.with_name("photos.filled")
    before = contents(out)
    (out / "1.png").write_bytes(b"edited")
    for arguments in (BOX, (*BOX, "--dry-run")):
        ended = command("inpaint", photos, *arguments)
        assert ended.code == 3
        assert ended.error_lines[0].endswith(
            f"{out / '1.png'}: was changed since it was written; --overwrite replaces it"
        )
        assert (out / "1.png").read_bytes() == b"edited"
    assert "2 done before, 1 failed" in command("inpaint", photos, *BOX).err
    assert "3 filled" in command("inpaint", photos, *BOX, "--overwrite").err
    assert contents(out) == before
    assert "3 done before" in command("inpaint", photos, *BOX).err


def test_all_is_done_again_and_goes_on_where_it_stopped(
    command: Command, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("inpaint", photos, *BOX).code == 0
    out = photos.with_name("photos.filled")
    before = contents(out)
    again = ("inpaint", photos, *BOX, "--workers", 1, "--overwrite")
    assert "3 filled" in command(*again).err  # a run that came to its end leaves nothing to go on
    with monkeypatch.context() as patch:
        patch.setattr("pipelines.inpaint.batch.filled", filled_then_stopped)
        assert command(*again).code == 130
    for name in ("0.png", "2.png"):
        (out / name).write_bytes(b"damaged")
    ended = command(*again)
    assert (ended.code, contents(out)) == (0, before)
    assert "2 filled, 1 done before" in ended.err
    assert "3 filled" in command(*again).err


def filled_then_stopped(request: InpaintRequest) -> object:
    """Fill a photograph; Ctrl-C comes at 2.png."""
    if request.output.name == "2.png":
        raise KeyboardInterrupt
    return filled(request)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_done_before_is_verified(
    command: Command, photos: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    for number in range(3, 11):
        photograph(photos / f"{number}.png", number)
    verified = ("inpaint", photos, *BOX, "--verify", "--workers", workers)
    assert command("inpaint", photos, *BOX).code == 0
    out = photos.with_name("photos.filled")
    before, manifest = contents(out), (out / "inpaint.jsonl").read_bytes()
    ended = command(*verified, "--json")
    assert "0 filled, 11 done before" in ended.err
    assert all(entry["was_done_before"] for entry in ended.document["results"])
    found = [entry["verification"] for entry in ended.document["results"]]
    assert {(each["known_pixels"], each["changed_pixels"]) for each in found} == {(2816, 0)}
    assert contents(out) == before
    assert (out / "inpaint.jsonl").read_bytes() == manifest

    damaged = {"1.png": b"no picture", "2.png": before["2.png"][:-60]}
    wrong = pixels_of(out / "0.png").copy()
    wrong[0, :5] ^= 1
    PIL.Image.fromarray(wrong).save(out / "0.png")
    PIL.Image.fromarray(wrong[:40]).save(out / "3.png")
    for name, content in damaged.items():
        (out / name).write_bytes(content)
    # As after an error of the disk: its size is that of the manifest.
    monkeypatch.setattr("pipelines.inpaint.manifest.EarlierRuns.was_changed", lambda *said: False)
    monkeypatch.setattr("pipelines.inpaint.manifest.EarlierRuns.is_done", lambda *said: True)
    ended = command(*verified)
    assert (ended.code, len(ended.out.split())) == (3, 7)
    first, second, third, fourth, summary = ended.error_lines
    assert f"0.png is not as {photos / '0.png'} was filled: 5 known pixels differ" in first
    assert f"{out / '1.png'} is" in second
    assert f"{out / '2.png'} is" in third
    assert f"3.png has not the size of {photos / '3.png'}; --overwrite makes it again" in fourth
    assert "0 filled, 7 done before, 4 failed" in summary


@pytest.mark.jpeg_blocks
def test_a_jpeg_that_was_done_before_is_verified(command: Command, tmp_path: Path) -> None:
    source = photograph(tmp_path / "in" / "a.jpg")
    assert command("inpaint", source.parent, *BOX).code == 0
    output = tmp_path / "in.filled" / "a.jpg"
    (entry,) = command("inpaint", source.parent, *BOX, "--verify", "--json").document["results"]
    assert entry["verification"]["changed_blocks"] == 0
    about = output.stat()
    photograph(output, 1)
    content = output.read_bytes()
    output.write_bytes(content[: about.st_size].ljust(about.st_size, b"\0"))
    os.utime(output, ns=(about.st_atime_ns, about.st_mtime_ns))
    ended = command("inpaint", source.parent, *BOX, "--verify")
    assert ended.code == 3
    assert str(output) in ended.err
    assert "a bug" not in ended.err


def test_videos_are_not_verified_and_that_is_said(command: Command, tmp_path: Path) -> None:
    photograph(tmp_path / "in" / "a.png")
    clip = write_clip(tmp_path / "in" / "clip.mkv", pictures(4))
    note = f"{clip}: not verified: --verify compares photographs alone"
    for _ in range(2):
        ended = command("inpaint", tmp_path / "in", *BOX, "--verify")
        assert (ended.code, ended.err.count(note), ended.err.count("not verified")) == (0, 1, 1)
    ended = command("inpaint", clip, *BOX, "--verify", "--json")
    assert "compares photographs alone" in ended.document["results"][0]["notes"][0]
