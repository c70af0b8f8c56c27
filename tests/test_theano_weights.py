"""Released arrays: a port of the networks to scipy, and reference values of the SVHN weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.signal import convolve2d, correlate2d
from torch.nn.functional import adaptive_max_pool2d

import predictor
from predictor.errors import DamagedWeights, UnknownModel
from predictor.model_files import find_model
from predictor.theano_weights import (
    holds_theano_weights,
    read_theano_discriminator,
    read_theano_generator,
)

AUTHORS = Path(__file__).parents[2] / "shared" / "golden" / "dcgan-svhn"
"""The authors' weights for SVHN, where they lie beside the checkout."""

Array = NDArray[np.float64]


def written(folder: Path) -> dict[str, list[Array]]:
    """Write the arrays of a small generator and discriminator for 16 x 16, and return them."""
    random = np.random.default_rng(0)
    shapes: dict[str, list[tuple[int, ...]]] = {
        "generator": [(7, 96), (96,), (96,), (6, 4, 5, 5), (4,), (4,), (4, 3, 5, 5)],
        "discriminator": [(4, 3, 5, 5), (6, 4, 5, 5), (6,), (6,), (96, 1)],
    }
    arrays: dict[str, list[Array]] = {}
    for part, wanted in shapes.items():
        arrays[part] = [random.normal(0.3 * (len(s) == 1), 0.3, s) for s in wanted]
        for number, array in enumerate(arrays[part], 1):
            np.save(folder / f"{part}_{number:02d}.npy", array.astype(np.float32))
    return arrays


def test_a_folder_of_arrays_is_sampled_and_other_commands_say_what_it_is(tmp_path: Path) -> None:
    written(tmp_path)
    sampler = predictor.load(tmp_path, precision="fp32")
    latents = sampler.latents(0, range(3))
    with torch.no_grad():
        expected = read_theano_generator(tmp_path)(latents)
    torch.testing.assert_close(sampler.sampled(3), expected, atol=1e-5, rtol=0)
    with pytest.raises(UnknownModel, match=r"arrays that Radford et al\. released.* sample, feat"):
        find_model(tmp_path)


def normalized(values: Array, gain: Array, bias: Array) -> Array:
    axes = (0,) if values.ndim == 2 else (0, 2, 3)
    shape = (1, -1) if values.ndim == 2 else (1, -1, 1, 1)
    deviation = np.sqrt(values.var(axes, keepdims=True) + 1e-8)
    scaled = (values - values.mean(axes, keepdims=True)) / deviation
    return scaled * gain.reshape(shape) + bias.reshape(shape)


def convolved(images: Array, kernels: Array) -> Array:
    """Return true convolutions at every second pixel."""
    return np.array(
        [
            [
                sum(convolve2d(p, k, "same") for p, k in zip(image, kernel, strict=True))[::2, ::2]
                for kernel in kernels
            ]
            for image in images
        ]
    )


def spread(images: Array, kernels: Array) -> Array:
    """Return the adjoint of `convolved`: zeros between the pixels, then a correlation."""
    count, _, height, width = images.shape
    result = np.zeros((count, kernels.shape[1], 2 * height, 2 * width))
    for image, out in zip(images, result, strict=True):
        for plane, kernel in zip(image, kernels, strict=True):
            apart = np.zeros((2 * height, 2 * width))
            apart[::2, ::2] = plane
            out += [correlate2d(apart, k, "same") for k in kernel]
    return result


def leaky(values: Array) -> Array:
    return np.maximum(values, 0.2 * values)


def test_spreading_is_the_adjoint_of_the_convolution() -> None:
    random = np.random.default_rng(0)
    images, kernels = random.normal(size=(1, 3, 8, 8)), random.normal(size=(4, 3, 5, 5))
    seen = convolved(images, kernels)
    other = random.normal(size=seen.shape)
    assert np.sum(seen * other) == pytest.approx(np.sum(images * spread(other, kernels)))


def test_networks_compute_what_theano_does(tmp_path: Path) -> None:
    arrays = written(tmp_path)
    assert holds_theano_weights(tmp_path)
    w, g, b, w2, g2, b2, wx = (a.astype(np.float32).astype(float) for a in arrays["generator"])
    latents = np.random.default_rng(1).normal(size=(5, 7))
    maps = np.maximum(normalized(latents @ w, g, b), 0).reshape(5, 6, 4, 4)
    maps = np.maximum(normalized(spread(maps, w2), g2, b2), 0)
    images = np.tanh(spread(maps, wx))
    network = read_theano_generator(tmp_path)
    assert not network.training
    found = network.train()(torch.from_numpy(latents).float()).detach()
    np.testing.assert_allclose(found, images, atol=2e-5)

    w, w2, g2, b2, wy = (a.astype(np.float32).astype(float) for a in arrays["discriminator"])
    first = leaky(convolved(images, w))
    second = leaky(normalized(convolved(first, w2), g2, b2))
    judge = read_theano_discriminator(tmp_path)
    assert not judge.training
    judgement = judge.train()(torch.from_numpy(images).float())
    for ours, theirs in zip(judgement.features, (first, second), strict=True):
        np.testing.assert_allclose(ours.detach(), theirs, atol=1e-4)
    np.testing.assert_allclose(
        judgement.logits.detach().flatten(), (second.reshape(5, -1) @ wy).ravel(), atol=1e-3
    )


def test_measured_statistics_are_near_those_of_a_large_batch(tmp_path: Path) -> None:
    written(tmp_path)
    network = read_theano_generator(tmp_path)
    latents = torch.randn(512, 7, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        alone = network(latents)
        torch.testing.assert_close(network(latents[:1]), alone[:1])
        assert (alone - network.train()(latents)).abs().mean() < 0.02


@pytest.mark.parametrize("part", ["generator", "discriminator"])
def test_arrays_that_do_not_form_a_network_are_refused(part: str, tmp_path: Path) -> None:
    read = read_theano_generator if part == "generator" else read_theano_discriminator
    assert not holds_theano_weights(tmp_path)
    with pytest.raises(UnknownModel, match=f"has no {part}_01.npy"):
        read(tmp_path)
    written(tmp_path)
    second = tmp_path / f"{part}_02.npy"
    kept = second.read_bytes()
    second.unlink()
    with pytest.raises(DamagedWeights, match=f"lacks {part}_02.npy"):
        read(tmp_path)
    second.write_bytes(kept[:-4])
    with pytest.raises(DamagedWeights, match=f"{part}_02.npy cannot be read"):
        read(tmp_path)
    np.save(second, np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DamagedWeights, match=f"{part}_02.npy cannot be read: Object arrays"):
        read(tmp_path)
    np.save(second, np.arange(4))
    with pytest.raises(DamagedWeights, match="not an array of floating-point numbers"):
        read(tmp_path)
    np.save(second, np.zeros((2, 2), np.float32))
    with pytest.raises(DamagedWeights, match="no such network"):
        read(tmp_path)
    second.write_bytes(kept)
    last = max(tmp_path.glob(f"{part}_*.npy"))
    np.save(last, np.load(last)[..., :0])
    with pytest.raises(DamagedWeights, match="not an array"):
        read(tmp_path)
    np.save(last, np.zeros((5, 3, 5, 5) if part == "generator" else (90, 1), np.float32))
    with pytest.raises(DamagedWeights, match="its network needs"):
        read(tmp_path)


@pytest.mark.skipif(not AUTHORS.is_dir(), reason="the authors' weights are not beside the checkout")
def test_the_authors_networks_give_the_authors_values() -> None:
    """Values of a port to numpy in float64, with batch statistics."""
    i, j = np.meshgrid(np.arange(16), np.arange(100), indexing="ij")
    latents = torch.from_numpy(np.sqrt(2) * np.sin(1 + 100 * i + j)).float()
    with torch.no_grad():
        images = read_theano_generator(AUTHORS).train()(latents)
        judgement = read_theano_discriminator(AUTHORS).train()(images)
    measured = [images.mean(), images.std(), images.min(), images.max()]
    assert measured == pytest.approx([-0.074465, 0.270461, -0.643501, 0.528012], abs=1e-4)
    assert images[0, :, 16, 16].tolist() == pytest.approx(
        [-0.144822, -0.122406, -0.141280], abs=1e-4
    )
    assert images[15, :, 5, 27].tolist() == pytest.approx(
        [-0.078433, -0.086467, 0.076633], abs=1e-4
    )
    assert judgement.logits.sigmoid().mean().item() == pytest.approx(1.0e-5, rel=0.05)
    features = torch.cat([adaptive_max_pool2d(f, 4).flatten(1) for f in judgement.features], 1)
    assert features.shape == (16, 7168)
    found = [features.mean(), features.std(), features[0, 0], features[0, -1]]
    assert found == pytest.approx([0.311990, 0.631258, 0.107745, -0.372182], abs=1e-4)
