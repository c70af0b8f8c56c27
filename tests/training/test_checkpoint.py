"""Checkpoints come back as they were written, or are known to be damaged."""

import logging
from pathlib import Path

import pytest
import torch

from predictor.errors import DamagedCheckpoint, OutputNotWritten
from predictor.training.checkpoint import (
    BEST,
    Checkpoint,
    checkpoint_path,
    checkpoints_newest_first,
    keep_as_best,
    keep_newest,
    read_checkpoint,
    restore_newest,
    write_checkpoint,
)

TENSORS = {
    "networks/a/weight": torch.tensor([[1.0, 2.0], [3.0, float("inf")]]),
    "optimizers/a/step/weight": torch.tensor(7.0),
    "networks/a/count": torch.tensor(3),
    "networks/a/double": torch.tensor([1 / 3], dtype=torch.float64),
    "networks/a/none": torch.empty(0),
}
RECORD = {"iteration": 4, "losses": {"a/b": 0.1}}


def write(folder: Path, *iterations: int) -> list[Path]:
    paths = [checkpoint_path(folder, iteration) for iteration in iterations]
    for path in paths:
        write_checkpoint(path, TENSORS, RECORD)
    return paths


def test_comes_back_bit_for_bit(tmp_path: Path) -> None:
    [path] = write(tmp_path / "checkpoints", 4)
    assert path.name == "iteration-000004.safetensors"
    _, tensors, record = read_checkpoint(path)
    assert tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], tensor), name
    assert {key: record[key] for key in RECORD} == RECORD
    (tmp_path / "plain").touch()
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("damage", ["cut", "flip", "empty", "text", "foreign"])
def test_damage_is_named_and_the_one_before_taken(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    older, newest = write(tmp_path, 4, 10)
    content = bytearray(newest.read_bytes())
    if damage == "cut":
        newest.write_bytes(content[:-5])
    elif damage == "flip":
        content[-3] ^= 1  # one bit of a weight
        newest.write_bytes(content)
    elif damage == "empty":
        newest.write_bytes(b"")
    elif damage == "text":
        newest.write_text("not a checkpoint, but long enough to be one")
    else:
        from safetensors.torch import save_file

        save_file(TENSORS, newest)
    with pytest.raises(DamagedCheckpoint, match="iteration-000010"):
        read_checkpoint(newest)
    with caplog.at_level(logging.WARNING):
        assert restore_newest(tmp_path, lambda checkpoint: None).path == older
    assert str(newest) in caplog.text
    assert str(older) not in caplog.text


def test_checkpoint_that_does_not_fit_is_passed_over(tmp_path: Path) -> None:
    older, newest = write(tmp_path, 999_999, 1_000_000)

    def refuse(checkpoint: Checkpoint) -> None:
        if checkpoint.path == newest:
            raise DamagedCheckpoint(f"{checkpoint.path} does not fit")

    assert restore_newest(tmp_path, refuse).path == older
    with pytest.raises(DamagedCheckpoint, match="holds no checkpoint that can be read"):
        restore_newest(tmp_path / "none", refuse)
    newest.write_bytes(b"")
    older.write_bytes(b"")
    with pytest.raises(DamagedCheckpoint, match="holds none of 2 checkpoints that can be read"):
        restore_newest(tmp_path, refuse)


def test_a_damaged_checkpoint_of_a_later_iteration_does_not_displace_new_ones(
    tmp_path: Path,
) -> None:
    write(tmp_path, 500, 550)
    (tmp_path / "iteration-001000.safetensors").write_bytes(b"damaged")
    keep_newest(tmp_path, 1, 550)
    assert [path.stem for path in checkpoints_newest_first(tmp_path)] == ["iteration-000550"]


def test_newest_and_best_are_kept(tmp_path: Path) -> None:
    first, *_ = write(tmp_path, 2, 4, 6, 999_999, 1_000_000)
    keep_as_best(first)
    (tmp_path / "iteration-000007.safetensors.partial").write_bytes(b"half")
    (tmp_path / "iteration-000009 copy.safetensors").write_bytes(b"made by a person")
    keep_newest(tmp_path, 2, 1_000_000)
    assert [path.stem for path in checkpoints_newest_first(tmp_path)] == [
        "iteration-1000000",
        "iteration-999999",
    ]
    assert not list(tmp_path.glob("*.partial"))
    assert read_checkpoint(tmp_path / BEST).record["iteration"] == 4
    [better] = write(tmp_path, 8)
    keep_as_best(better)
    assert (tmp_path / BEST).samefile(better)


def test_best_is_copied_where_links_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError

    monkeypatch.setattr("os.link", refuse)
    [path] = write(tmp_path, 2)
    keep_as_best(path)
    assert (tmp_path / BEST).read_bytes() == path.read_bytes()
    assert not (tmp_path / BEST).samefile(path)


def test_failed_write_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [path] = write(tmp_path, 2)
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputNotWritten, match=r"iteration-000002.*no space left"):
        write_checkpoint(path, {"other": torch.ones(3)}, RECORD)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == [path.name]
