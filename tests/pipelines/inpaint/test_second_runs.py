"""What the same command does again, and what it leaves as an earlier run made it."""

import os
from pathlib import Path

from ended import Command
from photo_folders import photograph, pixels_of

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
