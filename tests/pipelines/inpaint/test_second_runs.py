"""What the same command does again, and what it leaves as an earlier run made it."""

import os
from pathlib import Path

import pytest
from ended import Command
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
