"""Losses that are no mean over examples are those of the whole batch, however it is shared."""

import os
import socket
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from predictor.gathering import first_own_row, gathered
from predictor.losses import feature_matching_loss
from predictor.networks.minibatch_discrimination import (
    MinibatchDiscrimination,
    NormalizedMinibatchDiscrimination,
)
from predictor.training.distributed import joined_ranks

LAYERS = {"paper": MinibatchDiscrimination, "code": NormalizedMinibatchDiscrimination}


def gradients(kind: str, rows: slice) -> dict[str, Tensor]:
    """Return the gradients of a layer's weights, by the examples `rows` of eight."""
    torch.manual_seed(0)
    trunk = nn.Linear(3, 4).double()
    layer = LAYERS[kind](4, kernels=3, width=2).double()
    examples, others = torch.randn(8, 3).double()[rows], torch.randn(8, 7).double()[rows]
    found = layer(trunk(examples))
    loss = feature_matching_loss(found, others) + found.square().mean()
    loss.backward()
    named = {**dict(trunk.named_parameters()), **dict(layer.named_parameters())}
    return {name: value.grad for name, value in named.items() if value.grad is not None}


def on_rank(rank: int, port: int, folder: Path, kind: str) -> None:
    os.environ.update(
        RANK=str(rank), WORLD_SIZE="2", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port)
    )
    with joined_ranks(torch.device("cpu")) as ranks:
        found = gradients(kind, slice(4 * rank, 4 * rank + 4))
        ranks.average([*found.values()])
        save_file(found, folder / f"rank-{rank}")


@pytest.mark.parametrize("kind", LAYERS)
def test_two_ranks_with_half_a_batch_do_what_one_does(
    kind: str, tmp_path: Path, processes: ForkServerContext
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = [processes.Process(target=on_rank, args=(r, port, tmp_path, kind)) for r in (0, 1)]
    for child in children:
        child.start()
    for child in children:
        child.join(300)
    whole = gradients(kind, slice(None))
    assert whole
    for rank in range(2):
        found = load_file(tmp_path / f"rank-{rank}")
        for name, gradient in whole.items():
            assert torch.allclose(found[name], gradient, rtol=1e-8, atol=1e-12), name


def test_alone_nothing_is_gathered() -> None:
    values = torch.rand(3, 2)
    assert gathered(values) is values
    assert first_own_row(3) == 0
