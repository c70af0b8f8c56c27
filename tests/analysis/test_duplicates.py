"""Near duplicates: copies go, small changes go mostly, and other pictures stay."""

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from predictor.analysis.duplicates import first_of_each, semantic_hashes


def scenes(count: int, seed: int = 0, size: tuple[int, int] = (40, 48)) -> NDArray[np.uint8]:
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (count, 5, 6, 3), np.uint8)
    return np.stack([cv2.resize(picture, size[::-1]) for picture in coarse])


def kept(pictures: NDArray[np.uint8], seed: int = 0) -> list[int]:
    return first_of_each(lambda row: pictures[row], len(pictures), seed=seed, steps=300).tolist()


def test_exact_copies_are_removed_and_the_first_is_kept() -> None:
    pictures = scenes(60)
    twice = np.concatenate([pictures, pictures[10:30], scenes(5, seed=1), pictures[:1]])
    assert kept(twice) == [*range(60), *range(80, 85)]


def test_nearly_equal_pictures_share_most_of_their_hash() -> None:
    pictures = scenes(40, size=(32, 32))
    random = np.random.default_rng(1)
    noisy = (pictures + random.normal(0, 2, pictures.shape)).clip(0, 255).astype(np.uint8)
    hashes = semantic_hashes(np.concatenate([pictures, noisy]), steps=300)
    assert hashes.shape == (80, 16)
    bits = np.unpackbits(hashes, axis=1)
    near = (bits[:40] != bits[40:]).sum(1)
    other = (bits[:40] != np.roll(bits[:40], 1, axis=0)).sum(1)
    assert near.mean() < 2 < 8 < other.mean()


def test_the_result_depends_on_the_pictures_and_the_seed_alone() -> None:
    pictures = scenes(30, size=(32, 32))
    state = torch.get_rng_state()
    first = semantic_hashes(pictures, seed=3, steps=20)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(99)
    assert np.array_equal(semantic_hashes(pictures, seed=3, steps=20), first)
    assert not np.array_equal(semantic_hashes(pictures, seed=4, steps=20), first)


def test_grey_and_small_pictures_have_hashes_too() -> None:
    pictures = scenes(20, size=(20, 28))[..., :1]
    assert kept(np.concatenate([pictures, pictures])) == list(range(20))
