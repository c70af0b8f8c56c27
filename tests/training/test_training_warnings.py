"""Warnings that a person would give: of rigged systems, once each, and not of healthy ones."""

import logging
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from toy import ENTRY, ToySettings, build, open_data, settings

from predictor.networks.pixel_units import PixelUnits
from predictor.systems.entry import SystemEntry
from predictor.systems.image_reports import variance_share
from predictor.systems.phases import Batch, Networks, PhaseLoss, System
from predictor.training import training_warnings
from predictor.training.loop import train


def test_waiting_for_data_is_said_once_and_not_of_the_first_report(
    caplog: pytest.LogCaptureFixture,
) -> None:
    warnings = training_warnings.TrainingWarnings()
    slow, quick, short = (
        {"time_per_iteration_s": whole, "wait_for_data_s": waited}
        for whole, waited in ((1.0, 0.6), (1.0, 0.2), (0.01, 0.009))
    )
    for numbers in (slow, quick, short):
        warnings.check_loading(numbers, "a remedy")
    assert not caplog.records
    for numbers in (slow, slow):
        warnings.check_loading(numbers, "a remedy")
    (record,) = caplog.records
    assert record.message == "60 % of the time goes into waiting for data; a remedy"


def rigged(settings: ToySettings) -> System:
    """Return the toy with a discriminator that has won, and samples that are all alike."""
    system = build(settings)
    discriminator, generator = system.phases

    def loss(networks: Networks, batch: Batch, earlier: Batch) -> PhaseLoss:
        found = discriminator.loss(networks, batch, earlier)
        return replace(found, terms={name: term * 1e-4 for name, term in found.terms.items()})

    return replace(
        system,
        phases=(replace(discriminator, loss=loss, when=None), generator),
        validate=lambda networks, batches: {"error": 1.0, training_warnings.VARIANCE_SHARE: 0.01},
    )


def said(entry: SystemEntry, folder: Path, caplog: pytest.LogCaptureFixture) -> list[str]:
    caplog.clear()
    with caplog.at_level(logging.WARNING, "predictor.training.training_warnings"):
        train(folder, "toy", entry, settings(iterations=40), folder)
    return [record.message for record in caplog.records]


def test_a_rigged_run_is_warned_of_once_each(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_warnings, "WON_ITERATIONS", 20)
    monkeypatch.setattr(training_warnings, "ALIKE_FROM", 9)
    found = said(SystemEntry(ToySettings, rigged, open_data), tmp_path / "rigged", caplog)
    assert len(found) == 2
    alike, won = sorted(found, key=lambda message: "below" in message)
    assert "nearly one picture: their pixels vary 0.010 times" in alike
    assert "the loss of discriminator has been below 0.01 for 20 iterations" in won
    assert "discriminator_optimizer.learning_rate" in won
    assert said(ENTRY, tmp_path / "healthy", caplog) == []


def test_a_loss_that_rises_again_begins_anew(caplog: pytest.LogCaptureFixture) -> None:
    warnings = training_warnings.TrainingWarnings()
    for iteration in range(50, 2001, 50):
        low = {"loss/d/real": 0.001, "loss/d/fake": 0.5 if iteration % 500 == 0 else 0.001}
        warnings.check_losses(low, iteration, iteration - 50)
    assert not caplog.records
    for iteration in range(2050, 2501, 50):
        warnings.check_losses({"loss/d/real": 0.0, "loss/d/fake": 0.0}, iteration, iteration - 50)
    (record,) = caplog.records
    assert "for 500 iterations" in record.message


def test_samples_of_a_fresh_generator_may_be_alike(caplog: pytest.LogCaptureFixture) -> None:
    warnings = training_warnings.TrainingWarnings()
    warnings.check_validation({training_warnings.VARIANCE_SHARE: 0.0}, 499)
    warnings.check_validation({training_warnings.VARIANCE_SHARE: 0.06}, 500)
    assert not caplog.records
    warnings.check_validation({training_warnings.VARIANCE_SHARE: 0.04}, 500)
    assert len(caplog.records) == 1


class Shows(nn.Module):
    """A generator of given pictures, in turn."""

    latent_width, distribution = 1, "normal"

    def __init__(self, images: Tensor, classes: int | None = None) -> None:
        super().__init__()
        self.images, self.classes = images, classes
        self.units = PixelUnits("signed", (1, 2, 2))

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        chosen = torch.arange(len(latents)) if labels is None else labels
        return self.images[chosen % len(self.images)]


def test_share_of_the_variance_within_a_class() -> None:
    real = torch.tensor([-1.0, 1.0]).reshape(2, 1, 1, 1).expand(2, 1, 2, 2)
    half = torch.tensor([-0.5, 0.5]).reshape(2, 1, 1, 1).expand(2, 1, 2, 2)
    assert variance_share(Shows(half), real.repeat(50, 1, 1, 1)) == pytest.approx(0.25)
    assert variance_share(Shows(half[:1]), real) == 0
    # ten pictures for ten classes, each always the same
    assert (
        variance_share(
            Shows(torch.linspace(-1, 1, 10)[:, None, None, None].expand(10, 1, 2, 2), 10), real
        )
        == 0
    )
