"""A mask is an input too: nothing that is filled takes its place, or is later taken for it."""

from pathlib import Path

import pytest
from ended import Command
from made_clips import pictures, write_clip
from photo_folders import hole, photograph

from pipelines.inpaint.photograph import fill_photograph
from pipelines.inpaint.video import fill_video
from predictor.classical_fill import ClassicalInpainter
from predictor.errors import OutputIsInput

TELEA = ("--model", "telea", "--overwrite")


@pytest.mark.parametrize("link", ["", "soft", "hard"])
def test_an_output_is_not_its_mask(command: Command, tmp_path: Path, link: str) -> None:
    source, mask = photograph(tmp_path / "a.png"), hole(tmp_path / "mask.png")
    before, output = mask.read_bytes(), tmp_path / "link.png" if link else mask
    if link == "soft":
        output.symlink_to(mask)
    elif link == "hard":
        output.hardlink_to(mask)
    for arguments in ((source,), (source, "--dry-run")):
        ended = command("inpaint", *arguments, "--mask", mask, "-o", output, *TELEA)
        assert (ended.code, ended.out) == (1, "")
        assert f"{output}: the output is the input {mask}" in ended.err
    assert mask.read_bytes() == before
    with pytest.raises(OutputIsInput, match="the output is the input"):
        fill_photograph(source, output, mask, ClassicalInpainter("telea"), overwrite=True)
    assert mask.read_bytes() == before


def test_a_mask_in_the_folder_of_outputs_is_kept(command: Command, tmp_path: Path) -> None:
    photograph(tmp_path / "photos" / "a.png")
    photograph(tmp_path / "photos" / "b.png", 1)
    mask = hole(tmp_path / "out" / "a.png")
    before = mask.read_bytes()
    ended = command("inpaint", tmp_path / "photos", "--mask", mask, "-o", tmp_path / "out", *TELEA)
    assert ended.code == 3
    assert ended.out.split() == [str(tmp_path / "out" / "b.png")]
    assert mask.read_bytes() == before


def test_a_video_is_not_its_mask(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", pictures(4))
    mask = hole(tmp_path / "masks" / "a.png")
    before = mask.read_bytes()
    for masks in (mask, mask.parent):
        with pytest.raises(OutputIsInput, match="the output is the input"):
            fill_video(clip, mask, masks, ClassicalInpainter("telea"), overwrite=True)
    assert mask.read_bytes() == before


@pytest.mark.parametrize("place", ["masks", "masks/sub", "link", "link/sub", "masks/new.jpg"])
def test_no_output_lies_among_the_masks(command: Command, tmp_path: Path, place: str) -> None:
    source = photograph(tmp_path / "photos" / "a.jpg")
    hole(tmp_path / "masks" / "a.png")
    (tmp_path / "link").symlink_to("masks")
    named = source if place.endswith(".jpg") else source.parent
    before = sorted(tmp_path.rglob("*"))
    ended = command("inpaint", named, "--mask", tmp_path / "masks", "-o", tmp_path / place, *TELEA)
    assert (ended.code, ended.out) == (1, "")
    assert "lies in" in ended.err
    assert "the folder of masks" in ended.err
    assert sorted(tmp_path.rglob("*")) == before


def test_the_usual_folder_of_outputs_is_named_where_it_lies_among_the_masks(
    command: Command, tmp_path: Path
) -> None:
    source = photograph(tmp_path / "masks" / "photos" / "a.jpg")
    ended = command("inpaint", source.parent, "--mask", tmp_path / "masks", *TELEA)
    assert (ended.code, ended.out) == (1, "")
    assert "photos.filled, where outputs would go, lies in" in ended.err
    assert "choose another with -o" in ended.err


def test_outputs_may_lie_beside_masks(command: Command, tmp_path: Path) -> None:
    photograph(tmp_path / "a.png")
    hole(tmp_path / "masks" / "a.png")
    arguments = ("--mask", tmp_path / "masks", "-o", tmp_path / "masks.filled")
    assert command("inpaint", tmp_path, *arguments, *TELEA).code == 0
    assert command("inpaint", tmp_path / "a.png", "--mask", tmp_path / "masks", *TELEA).code == 0
