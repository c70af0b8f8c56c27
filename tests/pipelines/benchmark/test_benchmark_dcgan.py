"""Throughput of training: both loops train the same networks, and both are timed."""

from dataclasses import replace

import pytest
import torch

from pipelines.benchmark import dcgan
from pipelines.benchmark.dcgan import PlainTraining, throughput_rows
from predictor.networks.dcgan import DcganDiscriminator, DcganGenerator
from predictor.networks.dcgan_variants import DCGAN_VARIANTS

GENERATOR, DISCRIMINATOR = DCGAN_VARIANTS["torch"]
SMALL = (replace(GENERATOR, maps=(8, 6, 4, 4)), replace(DISCRIMINATOR, maps=(4, 4, 6, 8)))


def test_the_plain_networks_are_the_same_networks() -> None:
    images = torch.rand(3, 3, 64, 64)
    plain = PlainTraining(SMALL, torch.device("cpu"), images)
    generator, judge = DcganGenerator(SMALL[0]), DcganDiscriminator(SMALL[1])
    for ours, theirs in ((generator, plain.generator), (judge, plain.discriminator)):
        for value, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert value.numel() == other.numel()
            other = other.flatten(1).T if value.ndim == 2 and ours is generator else other
            value.data.copy_(other.reshape(value.shape))
    latents = torch.randn(3, 100)
    with torch.no_grad():
        made = generator(latents)
        torch.testing.assert_close(plain.generator(latents[..., None, None]), made)
        probabilities = judge(made).logits.sigmoid()
        torch.testing.assert_close(plain.discriminator(made), probabilities)


def test_the_plain_loop_updates_both_networks() -> None:
    torch.manual_seed(0)
    plain = PlainTraining(SMALL, torch.device("cpu"), torch.rand(3, 3, 64, 64))
    networks = (plain.generator, plain.discriminator)
    before = [[value.clone() for value in network.parameters()] for network in networks]
    plain.iterate()
    for network, values in zip(networks, before, strict=True):
        assert not any(map(torch.equal, network.parameters(), values))


def test_rows_are_medians_after_the_first_round(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter([100.0, 100.0, 1.0, 3.0, 2.0, 4.0, 4.0, 5.0])  # ours and theirs in turn
    monkeypatch.setattr(dcgan, "_time", lambda run, hardware: next(seconds))
    ours, plain, ratio = throughput_rows(device="cpu", rounds=3, batch=8, configs=SMALL)
    assert (ours.value, plain.value, ratio.value) == (8 / 2, 8 / 4, 2.0)
    assert (ratio.at_least, ratio.is_met) == (1.5, True)


def test_both_loops_run(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = throughput_rows(device="cpu", rounds=1, batch=4, configs=SMALL)
    assert all(row.value > 0 for row in rows)
    assert "cpu" in rows[0].note
