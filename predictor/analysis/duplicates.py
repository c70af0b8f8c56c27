"""Near duplicates among pictures, found by the hash of a code that was learned for them.

Radford et al. 2015, section 4.1.1: an autoencoder 3072-128-3072 with rectified units, trained
against dropout on middles of 32 x 32; which of its units are above 0 is a picture's hash, and of
the pictures with one hash the first is kept. It removed 275,000 of 3 million photographs, under
one in a hundred of them wrongly.

Differs: rates of dropout, optimizer and length of training are not published; those here are.
"""

from collections.abc import Callable

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn
from torch.nn import functional

SIDE_PX = 32
CODE_UNITS = 128
STEPS = 2000

_BATCH = 128
_LEARNING_RATE = 1e-3
_INPUT_DROPOUT, _CODE_DROPOUT = 0.2, 0.5

Pixels = NDArray[np.uint8]


def first_of_each(
    pictures: Callable[[int], Pixels], count: int, *, seed: int = 0, steps: int | None = None
) -> NDArray[np.int64]:
    """Return the rows of the pictures that are not near duplicates of an earlier one, in order.

    `pictures` gives picture ``(H, W, C)`` of a row below `count`. The result is a function of them,
    of `seed` and of `steps`, the length of the training (`STEPS`).
    """
    middles = np.stack([_middle(pictures(row)) for row in range(count)])
    hashes = semantic_hashes(middles, seed=seed, steps=steps)
    _, first = np.unique(hashes, axis=0, return_index=True)
    return np.sort(first)


def semantic_hashes(middles: Pixels, *, seed: int = 0, steps: int | None = None) -> Pixels:
    """Return the hashes ``(N, 16)`` of pictures ``(N, 32, 32, C)``, eight units a byte."""
    flat = torch.from_numpy(middles.reshape(len(middles), -1))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _Autoencoder(flat.shape[1])
        _train(network, flat, steps or STEPS, seed)
    with torch.no_grad():
        parts = range(0, len(flat), 1024)
        codes = [network.encode(_centred(flat[start : start + 1024])) for start in parts]
    return np.packbits(torch.cat(codes).numpy() > 0, axis=1)


class _Autoencoder(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.encoder = nn.Linear(width, CODE_UNITS)
        self.decoder = nn.Linear(CODE_UNITS, width)

    def encode(self, flat: Tensor) -> Tensor:
        """Return the code ``(N, 128)`` before it is rectified."""
        return self.encoder(flat)

    def forward(self, flat: Tensor) -> Tensor:
        """Return `flat` restored from a part of its numbers and a part of its code."""
        code = self.encode(functional.dropout(flat, _INPUT_DROPOUT)).relu()
        return self.decoder(functional.dropout(code, _CODE_DROPOUT))


def _train(network: _Autoencoder, flat: Tensor, steps: int, seed: int) -> None:
    optimizer = torch.optim.Adam(network.parameters(), _LEARNING_RATE)
    generator = Generator().manual_seed(seed)
    for _ in range(steps):
        rows = torch.randint(len(flat), (min(_BATCH, len(flat)),), generator=generator)
        batch = _centred(flat[rows])
        optimizer.zero_grad()
        torch.autograd.backward(functional.mse_loss(network(batch), batch))
        optimizer.step()


def _centred(flat: Tensor) -> Tensor:
    return flat / 127.5 - 1


def _middle(picture: Pixels) -> Pixels:
    """Return the largest square in the middle of a picture, as 32 x 32."""
    height, width = picture.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(picture[top : top + side, left : left + side])
    method = cv2.INTER_AREA if side >= SIDE_PX else cv2.INTER_LINEAR
    resized = cv2.resize(square, (SIDE_PX, SIDE_PX), interpolation=method)
    return np.asarray(resized, np.uint8).reshape(SIDE_PX, SIDE_PX, -1)
