"""Files and folders are complete or absent, and errors name the output."""

import contextlib
import errno
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from predictor.errors import OutputExists, OutputNotWritten, UnreadableVideo
from predictor.whole_files import require_free, whole_file, whole_folder, write_whole


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    output = tmp_path / "new" / "out.mp4"
    with whole_file(output) as partial:
        partial.write_bytes(b"whole")
        assert partial.name == "out.mp4.partial"
        assert not output.exists()
    assert output.read_bytes() == b"whole"
    assert list(output.parent.iterdir()) == [output]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, SystemExit, RuntimeError])
def test_nothing_is_left_of_an_interrupted_file(
    tmp_path: Path, failure: type[BaseException]
) -> None:
    output = tmp_path / "out.mp4"
    output.write_bytes(b"old")

    def write_half() -> None:
        with whole_file(output) as partial:
            partial.write_bytes(b"half")
            raise failure

    with pytest.raises(failure):
        write_half()
    assert list(tmp_path.iterdir()) == [output]
    assert output.read_bytes() == b"old"


@contextlib.contextmanager
def tiny_files() -> Iterator[None]:
    """Limit files to 4 KiB; beyond that, writing fails as on a full disk.

    Not a fixture: pytest may write to a longer log between a fixture and its test.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_refusal_of_the_file_system_names_file_and_reason(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    with (
        tiny_files(),
        pytest.raises(OutputNotWritten, match=r"out\.mp4: not written: the file is larger"),
        whole_file(output) as partial,
    ):
        partial.write_bytes(bytes(8192))
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputNotWritten, match=r"out\.mp4: not written: no space left"),
        whole_file(tmp_path / "out.mp4"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not list(tmp_path.iterdir())


def test_an_impossible_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(OutputNotWritten, match="a part of its path is a file"),
        whole_file(tmp_path / "file" / "out.mp4"),
    ):
        pass
    with (
        pytest.raises(OutputNotWritten, match="name is too long"),
        whole_file(tmp_path / ("x" * 260)),
    ):
        pass


def test_a_refusal_while_reading_the_input_is_not_blamed_on_the_output(tmp_path: Path) -> None:
    """Input and output are in one folder, so only the file name tells them apart."""
    with (
        pytest.raises(PermissionError, match=r"in\.mp4") as caught,
        whole_file(tmp_path / "out.mp4", reads_too=True),
    ):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "in.mp4"))
    assert not isinstance(caught.value, OutputNotWritten)


def test_folder_that_takes_no_files_is_named() -> None:
    with pytest.raises(OutputNotWritten, match=r"x\.mp4: not written: its folder"):  # noqa: SIM117
        with whole_file(Path("/proc/x.mp4")):
            pass


def test_other_errors_are_the_outputs_unless_the_block_reads_too(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputNotWritten, match=r"out\.mp4: not written: Bad message"),
        whole_file(tmp_path / "out.mp4"),
    ):
        raise OSError(errno.EBADMSG, "Bad message")
    with (
        pytest.raises(OSError, match="Bad message") as caught,
        whole_file(tmp_path / "out.mp4", reads_too=True),
    ):
        raise OSError(errno.EBADMSG, "Bad message")
    assert not isinstance(caught.value, OutputNotWritten)


def test_what_a_killed_process_left_is_not_continued(tmp_path: Path) -> None:
    (tmp_path / "out.mp4.partial").write_bytes(b"left")
    with whole_file(tmp_path / "out.mp4") as partial, partial.open("ab") as file:
        file.write(b"whole")
    assert (tmp_path / "out.mp4").read_bytes() == b"whole"


def test_a_second_name_of_another_file_is_taken_away_not_emptied(tmp_path: Path) -> None:
    other, output = tmp_path / "other", tmp_path / "out"
    other.write_bytes(b"whole")
    for _ in range(2):  # the second time both names are of one file already
        with whole_file(output) as partial:
            partial.unlink()
            partial.hardlink_to(other)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "out"]
    (tmp_path / "out.partial").hardlink_to(other)  # left by a kill
    with whole_file(output) as partial:
        partial.write_bytes(b"new")
    assert (other.read_bytes(), output.read_bytes()) == (b"whole", b"new")


def test_an_error_that_names_the_partial_file_is_changed_to_name_the_output(tmp_path: Path) -> None:
    with (
        pytest.raises(OutputNotWritten, match=r"/out\.mp4 was not written: too large$"),
        whole_file(tmp_path / "out.mp4") as partial,
    ):
        raise OutputNotWritten(f"{partial} was not written: too large")


def test_errors_of_this_project_pass_unchanged(tmp_path: Path) -> None:
    with pytest.raises(UnreadableVideo, match=r"^in\.mp4: cut$"), whole_file(tmp_path / "out.mp4"):
        raise UnreadableVideo("in.mp4: cut")
    assert not list(tmp_path.iterdir())


def test_content_is_written_in_one_step_over_an_older_file(tmp_path: Path) -> None:
    write_whole(tmp_path / "new" / "card.md", b"one")
    write_whole(tmp_path / "new" / "card.md", b"two")
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "new").iterdir()] == [
        ("card.md", b"two")
    ]


def test_a_folder_keeps_its_older_self_until_the_new_one_is_whole(tmp_path: Path) -> None:
    folder = tmp_path / "frames"
    for name in ("old", "new"):
        with whole_folder(folder) as partial:
            (partial / name).write_text(name)
            assert [file.name for file in folder.glob("*")] == (["old"] if name == "new" else [])
    assert [file.name for file in folder.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [folder]


def test_existing_files_and_folders_are_not_free(tmp_path: Path) -> None:
    output = tmp_path / "out.mp4"
    require_free(output, overwrite=False)
    output.touch()
    with pytest.raises(OutputExists, match="--overwrite"):
        require_free(output, overwrite=False)
    require_free(output, overwrite=True)
    with pytest.raises(OutputNotWritten, match="is a folder"):
        require_free(tmp_path, overwrite=True)
