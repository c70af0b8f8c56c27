"""An interrupted run equals an unbroken one, bit for bit, and nothing less."""

from pathlib import Path

import pytest
import torch
from toy import ENTRY, SYSTEMS, settings

from predictor.training.checkpoint import read_checkpoint
from predictor.training.loop import resume, train


def assert_same_state(first: Path, second: Path) -> None:
    one, other = read_checkpoint(first), read_checkpoint(second)
    assert one.tensors.keys() == other.tensors.keys()
    for name, tensor in one.tensors.items():
        assert torch.equal(tensor, other.tensors[name]), name
    for name in ("iteration", "drawn", "losses", "best"):
        assert one.record[name] == other.record[name], name


@pytest.mark.parametrize(
    "values",
    [
        {"optimizer": "adam"},
        {"optimizer": "sgd"},
        {"optimizer": "adamw", "update": "together"},
        {"optimizer": "adam", "workers": 2},
    ],
    ids=str,
)
def test_resumed_run_equals_unbroken(tmp_path: Path, values: dict[str, object]) -> None:
    unbroken = train(tmp_path / "unbroken", "toy", ENTRY, settings(**values), tmp_path)
    train(tmp_path / "broken", "toy", ENTRY, settings(**values), tmp_path, until=5)
    resume(tmp_path / "broken", SYSTEMS, until=6)
    torch.manual_seed(123)  # what ran in between leaves no trace
    resumed = resume(tmp_path / "broken", SYSTEMS)
    assert_same_state(unbroken, resumed)
    assert any("exp_avg_sq" in name or "momentum" in name for name in read_checkpoint(resumed)[1])
