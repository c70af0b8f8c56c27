"""A run that diverges stops, and its weights are neither kept nor looked at."""

from dataclasses import replace
from pathlib import Path

import pytest
from toy import ENTRY, ToySettings, build, open_data, settings

from predictor.errors import (
    DivergenceError,
)
from predictor.systems.entry import SystemEntry
from predictor.training.checkpoint import (
    checkpoints_newest_first,
    read_checkpoint,
)
from predictor.training.loop import train
from predictor.training.state import TrainingState


def test_divergence_stops_and_never_reaches_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(DivergenceError, match="'generator' diverged in iteration 5"):
        train(tmp_path, "toy", ENTRY, settings(nan_at=5, checkpoint_every=1), tmp_path)
    newest = read_checkpoint(checkpoints_newest_first(tmp_path / "checkpoints")[0])
    assert newest.record["iteration"] == 4
    assert all(tensor.isfinite().all() for tensor in newest.tensors.values())


@pytest.mark.parametrize("looks", ["validate_every", "preview_every"])
def test_weights_that_diverged_are_not_looked_at(
    looks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require = TrainingState.require_finite

    def asked_late(state: TrainingState) -> None:  # as on a GPU: not at every iteration
        if state.iteration > 3:
            require(state)

    def looked_at(*arguments: object) -> dict[str, float]:
        raise AssertionError("weights that diverged were looked at")

    monkeypatch.setattr(TrainingState, "require_finite", asked_late)
    rare = {"report_every": 100, "validate_every": 100, "preview_every": 100, looks: 4}
    looking = SystemEntry(
        ToySettings,
        lambda settings: replace(build(settings), validate=looked_at, preview=looked_at),
        open_data,
    )
    with pytest.raises(DivergenceError, match="'generator' diverged in iteration 4"):
        train(tmp_path, "toy", looking, settings(nan_at=4, **rare), tmp_path)
