import os
from pathlib import Path

import pytest

from pipelines.outputs import (
    atomic_output,
    atomic_output_folder,
    check_output,
    check_output_folder,
    is_output_name,
    output_paths,
)
from predictor.errors import OutputExists, OutputIsInput, OutputNotWritten, SettingsError


def test_the_default_output_lies_beside_the_input_with_its_extension(tmp_path: Path) -> None:
    assert output_paths([tmp_path / "a.b.MOV"]) == [tmp_path / "a.b.predicted.MOV"]


def test_a_folder_of_frames_becomes_an_mp4_beside_the_folder(tmp_path: Path) -> None:
    frames = tmp_path / "walk.v2"
    frames.mkdir()
    assert output_paths([frames]) == [tmp_path / "walk.v2.predicted.mp4"]


def test_an_output_is_a_file_for_one_input_and_a_folder_for_several(tmp_path: Path) -> None:
    out = tmp_path / "out"
    one, two, bare = tmp_path / "1.mp4", tmp_path / "2.avi", tmp_path / "3"
    assert output_paths([one], tmp_path / "out.mp4") == [tmp_path / "out.mp4"]
    assert output_paths([bare], out) == [out]
    assert output_paths([one], out) == [out / "1.predicted.mp4"]
    assert output_paths([one, two], out) == [out / "1.predicted.mp4", out / "2.predicted.avi"]
    out.mkdir()
    assert output_paths([one], out) == [out / "1.predicted.mp4"]


def test_equal_stems_never_collide(tmp_path: Path) -> None:
    names = ["x/clip.mp4", "y/clip.mp4", "y/Clip.mp4", "y/clip.avi", "z/other.avi"]
    outputs = output_paths([tmp_path / name for name in names], tmp_path / "out", ".gif")
    assert [str(path.relative_to(tmp_path / "out")) for path in outputs] == [
        "x/clip.predicted.gif",
        "y/clip-mp4.predicted.gif",
        "y/Clip-mp4-2.predicted.gif",
        "y/clip-avi.predicted.gif",
        "z/other.predicted.gif",
    ]


def test_names_that_do_not_meet_lie_in_one_folder(tmp_path: Path) -> None:
    outputs = output_paths([tmp_path / "x/a.mp4", tmp_path / "y/b.mp4"], tmp_path / "out")
    assert outputs == [tmp_path / "out/a.predicted.mp4", tmp_path / "out/b.predicted.mp4"]


def test_names_that_meet_keep_the_folders_they_came_from(tmp_path: Path) -> None:
    names = ["trip/monday/two.mp4", "trip/tuesday/two.mp4", "trip/one.mov"]
    outputs = output_paths([tmp_path / name for name in names], tmp_path / "out")
    assert [str(path.relative_to(tmp_path / "out")) for path in outputs] == [
        "monday/two.predicted.mp4",
        "tuesday/two.predicted.mp4",
        "one.predicted.mov",
    ]


@pytest.mark.parametrize("name", ["all.mp4", "all.MKV", "all.png"])
def test_a_folder_for_several_is_not_named_like_a_file(tmp_path: Path, name: str) -> None:
    inputs = [tmp_path / "a.mp4", tmp_path / "b.mp4"]
    with pytest.raises(SettingsError, match=f"{name} is named like a file, expected a folder"):
        output_paths(inputs, tmp_path / name)
    (tmp_path / name).mkdir()
    assert output_paths(inputs, tmp_path / name)[0] == tmp_path / name / "a.predicted.mp4"


def test_a_folder_for_several_is_not_a_file_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "notes").touch()
    with pytest.raises(SettingsError, match="notes is a file, expected a folder"):
        output_paths([tmp_path / "a.mp4", tmp_path / "b.mp4"], tmp_path / "notes")


def test_stems_differ_where_files_of_other_kinds_lie_beside(tmp_path: Path) -> None:
    inputs = [tmp_path / "a.mp4", tmp_path / "a.mkv", tmp_path / "b.mp4"]
    names = [path.name for path in output_paths(inputs, distinct_stems=True)]
    assert names == ["a-mp4.predicted.mp4", "a-mkv.predicted.mkv", "b.predicted.mp4"]
    names = [path.name for path in output_paths(inputs)]
    assert names == ["a.predicted.mp4", "a.predicted.mkv", "b.predicted.mp4"]


def test_a_batch_of_one_goes_to_a_folder(tmp_path: Path) -> None:
    outputs = output_paths([tmp_path / "a.mp4"], tmp_path / "out", is_batch=True)
    assert outputs == [tmp_path / "out" / "a.predicted.mp4"]


def test_a_folder_and_a_video_of_one_name_do_not_collide(tmp_path: Path) -> None:
    (tmp_path / "clip").mkdir()
    outputs = output_paths([tmp_path / "clip", tmp_path / "clip.mp4"])
    assert outputs == [tmp_path / "clip.predicted.mp4", tmp_path / "clip-mp4.predicted.mp4"]


def test_outputs_are_known_by_their_names() -> None:
    names = ["a.predicted.mp4", "a.predicted.mp4.partial", "000.partial"]
    assert all(is_output_name(Path(name)) for name in names)
    assert not is_output_name(Path("predicted.mp4"))


@pytest.mark.parametrize("link", ["same", "symbolic", "hard", "relative"])
def test_an_output_is_never_an_input(
    tmp_path: Path, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, output = tmp_path / "in.mp4", tmp_path / "out.mp4"
    source.write_bytes(b"video")
    if link == "same":
        output = source
    elif link == "symbolic":
        output.symlink_to(source)
    elif link == "hard":
        os.link(source, output)
    else:
        (tmp_path / "sub").mkdir()
        monkeypatch.chdir(tmp_path)
        output = Path("sub/../in.mp4")
    with pytest.raises(OutputIsInput, match=r"in\.mp4"):
        check_output(output, [tmp_path / "other.mp4", source], overwrite=True)


def test_an_existing_output_needs_overwrite(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    output.write_bytes(b"old")
    with pytest.raises(OutputExists, match="--overwrite"):
        check_output(output, [])
    check_output(output, [], overwrite=True)
    with pytest.raises(OutputNotWritten, match="is a folder"):
        check_output(tmp_path, [], overwrite=True)


def test_a_dangling_link_counts_as_existing(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    output.symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputExists):
        check_output(output, [])


def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"

    def write_beside_another_program() -> None:
        with atomic_output(output) as partial:
            partial.write_bytes(b"mine")
            output.write_bytes(b"theirs")

    with pytest.raises(OutputExists):
        write_beside_another_program()
    assert output.read_bytes() == b"theirs"
    assert list(tmp_path.iterdir()) == [output]


def test_a_folder_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    with atomic_output_folder(folder) as partial:
        (partial / "000012.png").write_bytes(b"12")
        assert not list(folder.iterdir())
    assert [image.name for image in folder.iterdir()] == ["000012.png"]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_replaced_folder_holds_only_the_new_images(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    (folder / "000001.png").touch()
    with pytest.raises(OutputExists, match="--overwrite"), atomic_output_folder(folder):
        pass
    with atomic_output_folder(folder, overwrite=True) as partial:
        (partial / "000002.png").touch()
    assert [image.name for image in folder.iterdir()] == ["000002.png"]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_failed_folder_leaves_the_older_one(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    (folder / "000001.png").touch()

    def write_half() -> None:
        with atomic_output_folder(folder, overwrite=True) as partial:
            (partial / "000002.png").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert [image.name for image in folder.iterdir()] == ["000001.png"]
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_with_other_files_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(OutputExists, match=r"thesis\.tex"):
        check_output_folder(tmp_path, [], overwrite=True)
    with pytest.raises(OutputIsInput):
        check_output_folder(tmp_path / "x" / "..", [tmp_path], overwrite=True)
    with pytest.raises(OutputNotWritten, match="is a file"):
        check_output_folder(tmp_path / "thesis.tex", [], overwrite=True)
