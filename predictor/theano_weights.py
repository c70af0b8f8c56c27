"""The weights that Radford, Metz and Chintala released, loaded into the networks of this project.

Their arrays are read from ``generator_01.npy`` … and ``discriminator_01.npy`` …, in the order of
the layers: a weight, then gain and bias where batch normalization follows. Their pickles are never
read. Theano (their code, MIT licence) computes true convolutions, PyTorch cross-correlations: both
spatial axes of every kernel are flipped.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from predictor.errors import DamagedWeights, UnknownModel
from predictor.model_files import RELEASED_ARRAYS
from predictor.networks.dcgan import DcganDiscriminator, DcganGenerator, Size
from predictor.networks.dcgan_variants import DCGAN_VARIANTS
from predictor.networks.normalization import measure_statistics

_GENERATOR, _DISCRIMINATOR = DCGAN_VARIANTS["theano-svhn"]
_COARSEST_SIDE = 4  # of the feature maps with the lowest resolution
_BATCH, _BATCHES = 128, 8  # of latents, on which statistics of the generator are measured

_NORMALIZED = (4, 1, 1)  # axes of the arrays of a layer: convolution, gains and biases
Axes = tuple[int, ...]

Network = TypeVar("Network", bound=nn.Module)


def holds_theano_weights(folder: Path) -> bool:
    """Return whether `folder` holds a released discriminator."""
    return (folder / RELEASED_ARRAYS).is_file()


def read_theano_generator(folder: Path) -> DcganGenerator:
    """Return the released generator in `folder`, in evaluation mode.

    The released code always normalizes by batch statistics, so its files have no running ones. They
    are measured here on 1,024 latents of a fixed seed, so that an image does not depend on its
    batch; in training mode the network computes what the released code does. Raises `UnknownModel`
    if there is none and `DamagedWeights` for arrays that are pickled, truncated or inconsistent.
    """
    arrays = _arrays(folder, "generator", first=(2, 1, 1), last=(4,))
    convolutions = arrays[3::3]
    config = dataclasses.replace(
        _GENERATOR,
        size=_size(convolutions),
        channels=convolutions[-1].shape[1],
        latent=len(arrays[0]),
        maps=tuple(map(len, convolutions)),
    )
    network = _filled(folder, DcganGenerator(config), arrays)
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(_BATCHES, _BATCH, config.latent, generator=generator)
    measure_statistics(network, network, latents)
    return network.eval()


def read_theano_discriminator(folder: Path) -> DcganDiscriminator:
    """Return the released discriminator in `folder`, in evaluation mode.

    Its batch normalization has no running statistics yet: measure them on real images with
    `measure_statistics` before use. Errors are those of `read_theano_generator`.
    """
    arrays = _arrays(folder, "discriminator", first=(4,), last=(2,))
    convolutions = [arrays[0], *arrays[1:-1:3]]
    config = dataclasses.replace(
        _DISCRIMINATOR,
        size=_size(convolutions),
        channels=arrays[0].shape[1],
        maps=tuple(map(len, convolutions)),
    )
    return _filled(folder, DcganDiscriminator(config), arrays).eval()


def _arrays(folder: Path, part: str, first: Axes, last: Axes) -> list[NDArray[np.float32]]:
    """Return the arrays of `part`; between `first` and `last` they must be normalized layers."""
    paths = sorted(folder.glob(f"{part}_[0-9][0-9].npy"))
    if not paths:
        raise UnknownModel(f"{folder} has no {part}_01.npy, expected the arrays of a {part}")
    arrays: list[NDArray[np.float32]] = []
    for number, path in enumerate(paths, 1):
        if path.name != f"{part}_{number:02d}.npy":
            raise DamagedWeights(f"{folder} lacks {part}_{number:02d}.npy")
        try:
            array = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise DamagedWeights(f"{path} cannot be read: {error}") from error
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f" or not array.size:
            raise DamagedWeights(f"{path} is not an array of floating-point numbers")
        arrays.append(array.astype(np.float32))
    axes = tuple(array.ndim for array in arrays)
    inner = (len(axes) - len(first) - len(last)) // len(_NORMALIZED)
    if inner < 1 or axes != (*first, *_NORMALIZED * inner, *last):
        raise DamagedWeights(
            f"{folder}: the arrays of the {part} have {axes} axes, no such network"
        )
    return arrays


def _size(convolutions: Sequence[NDArray[np.float32]]) -> Size:
    """Return the size of images, which each convolution halves or doubles."""
    side = _COARSEST_SIDE * 2 ** len(convolutions)
    return side, side


def _filled(folder: Path, network: Network, arrays: Sequence[NDArray[np.float32]]) -> Network:
    """Return `network` with its parameters set to `arrays`, which are in the same order."""
    for (name, parameter), array in zip(network.named_parameters(), arrays, strict=True):
        tensor = torch.from_numpy(array)
        tensor = tensor.flip(-2, -1) if tensor.ndim == 4 else tensor
        tensor = tensor.T if tensor.ndim == 2 else tensor
        if tensor.shape != parameter.shape:
            raise DamagedWeights(
                f"{folder}: {name!r} is {tuple(tensor.shape)}, its network needs "
                f"{tuple(parameter.shape)}"
            )
        parameter.data.copy_(tensor)
    return network
