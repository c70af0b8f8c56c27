"""What a run tells, where it can and where it cannot."""

import errno
import json
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

from predictor.errors import OutputNotWritten
from predictor.training.reports import RunLog


def test_log_and_curves_say_the_same(tmp_path: Path) -> None:
    log = RunLog(tmp_path, {"seed": 0}, 0)
    for iteration, value in ((2, 0.5), (4, 0.25)):
        log.write(iteration, {"loss/generator/adversarial": value})
    log.close()
    _, *reports = map(json.loads, (tmp_path / "log.jsonl").read_text().splitlines())
    found = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    curve = found.Scalars("loss/generator/adversarial")
    assert [(event.step, event.value) for event in curve] == [(2, 0.5), (4, 0.25)]
    assert [list(report.values()) for report in reports] == [[2, 0.5], [4, 0.25]]


@pytest.mark.parametrize("method", ["add_scalar", "close"])
def test_a_disk_that_is_full_of_curves_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    log = RunLog(tmp_path, {}, 0)
    close = log._curves.close
    monkeypatch.setattr(SummaryWriter, method, full)
    told = (lambda: log.write(1, {"loss": 0.5})) if method == "add_scalar" else log.close
    with pytest.raises(OutputNotWritten, match="tensorboard was not written: No space left"):
        told()
    close()
