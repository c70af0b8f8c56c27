"""Estimates of runs: what is timed."""

import functools
from dataclasses import replace
from pathlib import Path

from predictor.systems.phases import Batch, LossFunction, Networks, PhaseLoss, System
from predictor.training.estimate import estimated
from tests.training.toy import ENTRY, ToySettings, build


def test_what_begins_late_in_a_run_is_timed(tmp_path: Path) -> None:
    seen: list[str] = []

    def built(settings: ToySettings) -> System:
        system = build(settings)
        discriminator, *others = system.phases
        late = replace(
            discriminator,
            loss=functools.partial(_counted, seen, discriminator.loss),
            when=lambda iteration, losses: iteration >= 900_000,
        )
        return replace(system, phases=(late, *others))

    entry = replace(ENTRY, build=built)
    found = estimated("toy", entry, ToySettings(iterations=1_000_000), tmp_path)
    assert len(seen) >= 3
    assert found.total_time_s == 1_000_000 * found.time_per_iteration_s


def _counted(
    seen: list[str], loss: LossFunction, networks: Networks, batch: Batch, earlier: Batch
) -> PhaseLoss:
    seen.append("late")
    found: PhaseLoss = loss(networks, batch, earlier)
    return found
