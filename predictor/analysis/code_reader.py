"""The codes that a discriminator reads from pictures, and the information it has about them."""

import copy
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from predictor.augmentation import AffineAugmentation
from predictor.devices import moved
from predictor.draws import shared_draws
from predictor.errors import UnknownModel
from predictor.image_sampler import BATCH, ImageSampler
from predictor.losses import categorical_information, uniform_information
from predictor.model_files import DISCRIMINATOR, companion_file, find_companion, find_model
from predictor.networks.infogan import CodePosterior, InfoganDiscriminator, InfoganGenerator
from predictor.networks.normalization import measure_statistics
from predictor.structured_latents import Codes, StructuredLatents
from predictor.tensors import require_pictures
from predictor.weights import load_network


class CodeReader:
    """Reads codes from pictures by Q, a head of a discriminator of InfoGAN.

    It normalizes by the running statistics, those of real pictures, so that what it reads from one
    picture does not depend on the others.
    """

    def __init__(
        self,
        network: nn.Module,
        device: torch.device | str | None = None,
        short_side: int | None = None,
    ) -> None:
        self.device = moved(network, device)
        self.network: Any = network.eval()
        self.short_side = short_side
        """What the shorter side of a picture is resized to before its middle is cut out; None: as
        little as covers what the network takes."""

    @property
    def structure(self) -> StructuredLatents:
        """Which codes there are."""
        return self.network.structure

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of the pictures that it takes."""
        return self.network.image_shape

    def posterior(self, images: Tensor) -> CodePosterior:
        """Return Q's posterior for pictures ``(N, C, H, W)`` in [-1, 1], float32 on the CPU.

        Raises `TensorContractError` for anything else.
        """
        images = require_pictures(images, self.image_shape)
        pictures = self.network.units.encoded(images.to(self.device))
        return _posterior(self.network, torch.split(pictures, BATCH))

    def codes(self, images: Tensor) -> Codes:
        """Return the most likely codes of pictures ``(N, C, H, W)`` in [-1, 1], on the CPU."""
        found = self.posterior(images)
        return Codes(tuple(logits.argmax(dim=1) for logits in found.logits), found.means)

    def information(
        self,
        sampler: ImageSampler,
        count: int,
        seed: int,
        views: AffineAugmentation | None = None,
    ) -> dict[str, float]:
        """Return the information of each code, by name and in nats, over `count` samples.

        The bound of Chen et al. 2016, eq. 5: at most ln K for a code of K categories. As in
        training, samples are normalized by statistics of samples, which are measured first. With
        `views` it is the information that is left once these have changed the samples.
        """
        latents = sampler.latents(seed, range(count))
        images = sampler.values(latents).to(self.device)
        if views is not None:
            with shared_draws(seed):
                images = views.augmented(images)
        batches = torch.split(images, BATCH)
        network = copy.deepcopy(self.network)
        whole = [batch for batch in batches if len(batch) == BATCH]
        measure_statistics(network, network, whole or batches)
        codes, posterior = self.structure.codes(latents), _posterior(network, batches)
        found = [
            categorical_information(logits, categories)
            for logits, categories in zip(posterior.logits, codes.categories, strict=True)
        ]
        found += uniform_information(codes.numbers, posterior.means, posterior.log_variances)
        return dict(zip(self.structure.names, map(float, found), strict=True))


@torch.no_grad()
def _posterior(network: Any, batches: Iterable[Tensor]) -> CodePosterior:
    """Return Q's posterior for the pictures in `batches`, in the units of the network."""
    found = [network(batch).codes for batch in batches]
    logits = zip(*(codes.logits for codes in found), strict=True)
    return CodePosterior(
        tuple(torch.cat(parts).float().cpu() for parts in logits),
        torch.cat([codes.means for codes in found]).float().cpu(),
        torch.cat([codes.log_variances for codes in found]).float().cpu(),
    )


def has_code_reader(name_or_file: str | os.PathLike[str]) -> bool:
    """Return whether `load_code_reader` would find a discriminator beside a generator."""
    return companion_file(find_model(name_or_file), DISCRIMINATOR).is_file()


def load_code_reader(
    name_or_file: str | os.PathLike[str], device: torch.device | str = "cpu"
) -> CodeReader:
    """Return the reader of a bundled model, of a weights file or of a model folder.

    It is the discriminator that was released with the generator, or the file's own network. Raises
    `UnknownModel`, also for a model that reads no codes, and `DamagedWeights`.
    """
    path = find_model(name_or_file)
    network, metadata = load_network(path)
    if isinstance(network, InfoganGenerator):
        network, metadata = load_network(find_companion(path, DISCRIMINATOR))
    if not isinstance(network, InfoganDiscriminator):
        raise UnknownModel(
            f"the model {os.fspath(name_or_file)} reads no codes: it is of the system "
            f"{metadata.task}, expected one that the system infogan trained"
        )
    return CodeReader(network, device, metadata.short_side)


def group_information(
    structure: StructuredLatents, information: Mapping[str, float]
) -> dict[str, float]:
    """Return the sums of `information` over the ``categorical`` and the ``uniform`` codes."""
    return {
        group: math.fsum(information[name] for name in names)
        for group, names in (
            ("categorical", structure.categorical_names),
            ("uniform", structure.uniform_names),
        )
        if names
    }
