"""What names on the command line stand for, and where each result goes."""

from pathlib import Path

import pytest

from pipelines.inpaint.sources import Source, named_sources
from predictor.errors import OutputIsInput, SettingsError, UnreadableImage


def tree(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"picture")
    return folder


def places(sources: list[Source], top: Path) -> dict[str, str]:
    """Return outputs by input, both below `top`."""
    return {
        str(source.path.relative_to(top)): str(source.output.relative_to(top)) for source in sources
    }


def test_a_folder_keeps_its_tree(tmp_path: Path) -> None:
    tree(tmp_path / "photos", "b.jpg", "a.PNG", "day/two/c.webp", "notes.txt", ".hidden.jpg")
    named = named_sources([str(tmp_path / "photos")])
    found = list(named)
    assert places(found, tmp_path) == {
        "photos/a.PNG": "photos.filled/a.PNG",
        "photos/b.jpg": "photos.filled/b.jpg",
        "photos/day/two/c.webp": "photos.filled/day/two/c.webp",
    }
    assert [str(source.relative) for source in found] == ["a.PNG", "b.jpg", "day/two/c.webp"]
    assert named.is_batch
    assert named.others.count == 1
    assert named.manifest == tmp_path / "photos.filled" / "inpaint.jsonl"


def test_one_file_lies_beside_its_source(tmp_path: Path) -> None:
    tree(tmp_path, "a.jpg")
    named = named_sources([str(tmp_path / "a.jpg")])
    assert places(list(named), tmp_path) == {"a.jpg": "a.filled.jpg"}
    assert (named.is_batch, named.manifest) == (False, None)
    named = named_sources([str(tmp_path / "a.jpg")], tmp_path / "new.jpg")
    assert places(list(named), tmp_path) == {"a.jpg": "new.jpg"}


def test_several_inputs_never_meet(tmp_path: Path) -> None:
    tree(tmp_path, "one/day/a.jpg", "two/day/a.jpg", "x/b.jpg", "y/b.jpg", "c.jpg")
    files = [str(tmp_path / name) for name in ("x/b.jpg", "y/b.jpg", "c.jpg", "c.jpg")]
    named = named_sources(files, tmp_path / "out")
    assert places(list(named), tmp_path) == {
        "x/b.jpg": "out/x/b.jpg",
        "y/b.jpg": "out/y/b.jpg",
        "c.jpg": "out/c.jpg",
    }
    folders = [str(tmp_path / name) for name in ("one", "two")]
    assert places(list(named_sources(folders, tmp_path / "out")), tmp_path) == {
        "one/day/a.jpg": "out/one/day/a.jpg",
        "two/day/a.jpg": "out/two/day/a.jpg",
    }
    folders = [str(tmp_path / name) for name in ("one/day", "two/day")]
    assert places(list(named_sources(folders, tmp_path / "out")), tmp_path) == {
        "one/day/a.jpg": "out/one/day/a.jpg",
        "two/day/a.jpg": "out/two/day/a.jpg",
    }


def test_one_format_for_two_pictures_of_one_stem(tmp_path: Path) -> None:
    tree(tmp_path / "photos", "a.jpg", "a.png", "b.jpg")
    named = named_sources([str(tmp_path / "photos")], tmp_path / "out", suffix=".png")
    assert places(list(named), tmp_path) == {
        "photos/a.jpg": "out/a-jpg.png",
        "photos/a.png": "out/a-png.png",
        "photos/b.jpg": "out/b.png",
    }


def test_videos_keep_their_container_and_gifs_are_pictures(tmp_path: Path) -> None:
    tree(tmp_path / "mixed", "a.jpg", "a.mp4", "b.gif", "c.mkv", "notes.txt")
    named = named_sources([str(tmp_path / "mixed")], tmp_path / "out", suffix=".png")
    found = list(named)
    assert places(found, tmp_path) == {
        "mixed/a.jpg": "out/a.png",
        "mixed/a.mp4": "out/a.mp4",
        "mixed/b.gif": "out/b.png",
        "mixed/c.mkv": "out/c.mkv",
    }
    assert [source.path.name for source in found if source.is_video] == ["a.mp4", "c.mkv"]
    assert named.others.count == 1


def test_an_ogg_is_a_video_where_it_is_named_itself(tmp_path: Path) -> None:
    tree(tmp_path / "mixed", "a.jpg", "song.ogg")
    assert [source.path.name for source in named_sources([str(tmp_path / "mixed")])] == ["a.jpg"]
    (found,) = named_sources([str(tmp_path / "mixed" / "song.ogg")])
    assert found.is_video
    assert found.output.name == "song.filled.ogg"


def test_outputs_and_masks_below_the_input_are_no_inputs(tmp_path: Path) -> None:
    photos = tree(
        tmp_path,
        "a.jpg",
        "a.filled.jpg",
        "b.jpg.partial",
        "masks/a.png",
        "logo.png",
        "out/a.jpg",
        "earlier/inpaint.jsonl",
        "earlier/a.jpg",
    )
    for masks, expected in (
        (photos / "masks", {"a.jpg", "logo.png"}),
        (photos / "logo.png", {"a.jpg", "masks/a.png"}),
    ):
        named = named_sources([str(photos)], photos / "out", [masks])
        assert set(places(list(named), tmp_path)) == expected


def test_a_folder_of_outputs_that_is_named_is_an_input(tmp_path: Path) -> None:
    photos = tree(tmp_path / "photos.filled", "a.jpg", "inpaint.jsonl", "more/inpaint.jsonl")
    tree(photos, "more/b.jpg", "inpaint.preview.png")
    named = named_sources([str(photos)], tmp_path / "second")
    assert places(list(named), tmp_path) == {"photos.filled/a.jpg": "second/a.jpg"}
    assert named.others.count == 0  # its manifest and its sheet are nothing that was forgotten


def test_the_output_is_not_the_input(tmp_path: Path) -> None:
    tree(tmp_path / "photos", "a.jpg")
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    with pytest.raises(OutputIsInput, match="is the input folder"):
        named_sources([str(tmp_path / "photos")], tmp_path / "link").check()


def test_no_output_is_another_input(tmp_path: Path) -> None:
    tree(tmp_path, "a.jpg", "a.filled.jpg")
    names = [str(tmp_path / "a.jpg"), str(tmp_path / "a.filled.jpg")]
    refused, other = named_sources(names)
    assert isinstance(refused.error, OutputIsInput)
    assert (other.error, other.output.name) == (None, "a.filled.filled.jpg")


def test_links_that_loop_are_followed_once(tmp_path: Path) -> None:
    tree(tmp_path / "photos", "a.jpg", "day/b.jpg")
    tree(tmp_path / "elsewhere", "c.jpg")
    (tmp_path / "photos" / "day" / "up").symlink_to(tmp_path / "photos")
    (tmp_path / "photos" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "photos" / "itself").symlink_to("itself")
    found = places(list(named_sources([str(tmp_path / "photos")])), tmp_path)
    assert set(found) == {"photos/a.jpg", "photos/day/b.jpg", "photos/more/c.jpg"}


def test_a_glob_leaves_out_the_folder_of_outputs(tmp_path: Path) -> None:
    tree(tmp_path, "p/a.jpg", "p.filled/a.jpg", "p.filled/inpaint.jsonl")
    named = named_sources([f"{tmp_path}/*"])
    assert [source.path for source in named] == [tmp_path / "p/a.jpg"]
    assert named.outputs == 1


def test_outputs_with_a_number_are_left_out(tmp_path: Path) -> None:
    names = ["a.jpg", "a.JPG", "a.png"]
    tree(tmp_path, *names)
    outputs = [it.output for it in named_sources([f"{tmp_path}/*"], suffix=".png")]
    assert any(path.stem.removesuffix(".filled")[-2:] == "-2" for path in outputs)
    tree(tmp_path, *(path.name for path in outputs))
    again = named_sources([f"{tmp_path}/*"], suffix=".png")
    assert sorted(source.path.name for source in again) == sorted(names)


def test_globs_names_that_look_like_globs_and_nothing(tmp_path: Path) -> None:
    tree(tmp_path, "a1.jpg", "a2.jpg", "a1.filled.jpg", "b[1].jpg")
    named = named_sources([str(tmp_path / "a*.jpg"), str(tmp_path / "b[1].jpg")])
    assert [source.path.name for source in named] == ["a1.jpg", "a2.jpg", "b[1].jpg"]
    (missing,) = named_sources([str(tmp_path / "z*.jpg")])
    assert isinstance(missing.error, UnreadableImage)
    assert "matches nothing" in str(missing.error)
    with pytest.raises(SettingsError, match="empty name"):
        named_sources([""])


def test_only_outputs_of_what_lies_beside_them_are_left_out(tmp_path: Path) -> None:
    kept = ["a.jpg", "b.jpg", "b.png", "c.mp4", "d.filled.jpg", "e.filled.x/1.png", "e.png"]
    left = ["a.filled.jpg", "a.filled.png", "b-jpg.filled.webp", "b.filled.jpg", "c.filled.mkv"]
    tree(tmp_path, *kept, *left, "a.filled.filled.jpg", "d.txt", "f.filled.dat")
    named = named_sources([str(tmp_path)], tmp_path / "out")
    assert sorted(places(list(named), tmp_path)) == kept
    assert (named.outputs, named.others.count) == (6, 2)
    patterns = [str(tmp_path / "*.jpg"), str(tmp_path / "[a-d]*.filled.*")]
    named = named_sources(patterns, tmp_path / "out")
    assert sorted(places(list(named), tmp_path)) == ["a.jpg", "b.jpg", "d.filled.jpg"]
    assert named.outputs == 6
    (nothing,) = named_sources([str(tmp_path / "a.filled*")])
    assert "matches outputs alone" in str(nothing.error)


def test_a_large_folder_is_not_read_before_it_is_needed(tmp_path: Path) -> None:
    tree(tmp_path / "photos", "a/1.jpg", "b/1.jpg")
    every = iter(named_sources([str(tmp_path / "photos")]))
    next(every)
    tree(tmp_path / "photos", "b/2.jpg")
    assert [source.path.name for source in every] == ["1.jpg", "2.jpg"]
