"""Training throughput of the system ``dcgan``, beside the same network trained the plain way."""

from collections.abc import Callable
from dataclasses import asdict
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipelines.benchmark.rows import Row
from predictor.networks.dcgan import DcganDiscriminatorConfig, DcganGeneratorConfig
from predictor.networks.dcgan_variants import DCGAN_VARIANTS
from predictor.systems.dcgan import DcganSettings, build
from predictor.training.hardware import Hardware, hardware_for, in_use
from predictor.training.replay import iteration_runner, until_replayed
from predictor.training.settings import validated_settings
from predictor.training.state import TrainingState
from predictor.wording import counted

BATCH = 64
VARIANT = "torch"

Configs = tuple[DcganGeneratorConfig, DcganDiscriminatorConfig]


def throughput_rows(
    *,
    device: str = "auto",
    threads: int | None = None,
    rounds: int = 5,
    batch: int = BATCH,
    configs: Configs = DCGAN_VARIANTS[VARIANT],
) -> list[Row]:
    """Return images a second of this tool's loop and of the plain one, and how they compare.

    Both train the networks of `configs`, by default 64 x 64 of the port to Torch, on the same
    images in memory; they take turns, and each number is the median of `rounds` iterations.
    """
    settings = _settings(configs, device, threads, batch)
    hardware = hardware_for(settings)
    size, channels = configs[0].size, configs[0].channels
    random = torch.Generator().manual_seed(0)
    images = (torch.rand(batch, channels, *size, generator=random) * 2 - 1).to(hardware.device)
    with in_use(hardware):
        ours = _ours(settings, hardware, images)
        plain = PlainTraining(configs, hardware.device, images).iterate
        times: list[tuple[float, float]] = []
        for _ in range(rounds + 1):  # the first is for warming up
            times.append((_time(ours, hardware), _time(plain, hardware)))
    own, other = (batch / median(column) for column in zip(*times[1:], strict=True))
    where = f"{hardware.device.type}, {hardware.precision}, {counted(hardware.threads, 'thread')}"
    what = f"dcgan {size[0]}x{size[1]}, batch {batch}"
    return [
        Row(f"{what}: this loop", own, "images/s", note=where),
        Row(f"{what}: the loop of PyTorch's example", other, "images/s", note="float32"),
        Row("this loop over that of the example", own / other, "x", at_least=1.5),
    ]


class PlainTraining:
    """The networks and the loop of the DCGAN example of PyTorch, rebuilt.

    Transposed convolutions from the latents on, a discriminator that ends in a sigmoid, cross
    entropy of probabilities; float32, the default memory format. Its discriminator is updated on
    real and made images one after the other, then the generator on the same made images.
    """

    def __init__(self, configs: Configs, device: torch.device, images: Tensor) -> None:
        generator, discriminator = configs
        self.images, self.latent = images, generator.latent
        self.generator = _plain_generator(generator).to(device)
        self.discriminator = _plain_discriminator(discriminator).to(device)
        self.optimizers = [
            torch.optim.Adam(network.parameters(), lr=2e-4, betas=(0.5, 0.999))
            for network in (self.discriminator, self.generator)
        ]

    def iterate(self) -> None:
        """Update both networks once."""
        count, device = len(self.images), self.images.device
        ones, zeros = torch.ones(count, device=device), torch.zeros(count, device=device)
        self.discriminator.zero_grad()
        self._loss(self.images, ones)
        latents = torch.randn(count, self.latent, 1, 1, device=device)
        made = self.generator(latents)
        self._loss(made.detach(), zeros)
        self.optimizers[0].step()
        self.generator.zero_grad()
        self._loss(made, ones)
        self.optimizers[1].step()

    def _loss(self, images: Tensor, targets: Tensor) -> None:
        judged = self.discriminator(images).flatten()
        torch.autograd.backward(functional.binary_cross_entropy(judged, targets))


def _plain_generator(config: DcganGeneratorConfig) -> nn.Sequential:
    layers: list[nn.Module] = []
    channels, places = config.latent, config.first_size
    for maps in config.maps:
        convolution = (
            nn.ConvTranspose2d(channels, maps, config.kernel, 2, 1, bias=False)
            if layers
            else nn.ConvTranspose2d(channels, maps, places, 1, 0, bias=False)
        )
        layers += [convolution, nn.BatchNorm2d(maps), nn.ReLU(inplace=True)]
        channels = maps
    last = nn.ConvTranspose2d(channels, config.channels, config.kernel, 2, 1, bias=False)
    return nn.Sequential(*layers, last, nn.Tanh())


def _plain_discriminator(config: DcganDiscriminatorConfig) -> nn.Sequential:
    layers: list[nn.Module] = []
    channels = config.channels
    for maps in config.maps:
        convolution = nn.Conv2d(channels, maps, config.kernel, 2, 1, bias=False)
        normalization = [nn.BatchNorm2d(maps)] if layers else []
        layers += [convolution, *normalization, nn.LeakyReLU(0.2, inplace=True)]
        channels = maps
    last = nn.Conv2d(channels, 1, config.last_size, 1, 0, bias=False)
    return nn.Sequential(*layers, last, nn.Sigmoid())


def _settings(configs: Configs, device: str, threads: int | None, batch: int) -> DcganSettings:
    generator, discriminator = configs
    values: dict[str, Any] = {
        "batch_size": batch,
        "device": device,
        "threads": threads,
        "workers": 0,
        "images": {"size": generator.size, "channels": generator.channels},
        "generator": {"network": "dcgan", **asdict(generator)},
        "discriminator": {"network": "dcgan-discriminator", **asdict(discriminator)},
    }
    return validated_settings(DcganSettings, values)


def _ours(settings: DcganSettings, hardware: Hardware, images: Tensor) -> Callable[[], None]:
    torch.manual_seed(0)
    state = TrainingState(build(settings), hardware)
    run_next = iteration_runner(state, lambda: {"image": images}, settings.seed, hardware)
    for _ in range(until_replayed(state.system) if hardware.replay else 0):
        run_next()

    def iterate() -> None:
        run_next()

    return iterate


def _time(run: Callable[[], None], hardware: Hardware) -> float:
    start = perf_counter()
    run()
    if hardware.is_cuda:
        torch.cuda.synchronize()
    return perf_counter() - start
