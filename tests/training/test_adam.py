"""Adam whose epsilon stands under the root."""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from predictor.training.adam import AdamUnderRoot

RATE, BETAS, EPSILON = 3e-3, (0.5, 0.999), 1e-8
SCALES = torch.tensor([0.0, 1e-6, 1e-4, 1e-1], dtype=torch.float64)
"""Of gradients: none, below, about and above the root of epsilon."""


def begun() -> tuple[nn.Parameter, AdamUnderRoot]:
    torch.manual_seed(0)
    parameter = nn.Parameter(torch.randn(3, 4, dtype=torch.float64))
    return parameter, AdamUnderRoot([parameter], epsilon=EPSILON, lr=RATE, betas=BETAS, fused=True)


def gradients(count: int) -> list[Tensor]:
    return list(SCALES * torch.randn(count, 3, 4, dtype=torch.float64))


def go_on(parameter: nn.Parameter, optimizer: AdamUnderRoot, steps: Sequence[Tensor]) -> None:
    for gradient in steps:
        parameter.grad = gradient
        optimizer.step()


def test_a_step_is_the_mean_over_the_root_of_moment_and_epsilon() -> None:
    parameter, optimizer = begun()
    expected, steps = parameter.detach().clone(), gradients(7)
    go_on(parameter, optimizer, steps)
    mean, moment = torch.zeros_like(expected), torch.zeros_like(expected)
    for count, gradient in enumerate(steps, 1):
        mean = BETAS[0] * mean + (1 - BETAS[0]) * gradient
        moment = BETAS[1] * moment + (1 - BETAS[1]) * gradient**2
        root = torch.sqrt(moment / (1 - BETAS[1] ** count) + EPSILON)
        expected -= RATE * mean / (1 - BETAS[0] ** count) / root
    torch.testing.assert_close(parameter.detach(), expected, rtol=1e-12, atol=1e-13)


def test_it_goes_on_from_its_state() -> None:
    parameter, optimizer = begun()
    steps = gradients(6)
    go_on(parameter, optimizer, steps[:3])
    other, restored = begun()
    other.data.copy_(parameter.detach())
    restored.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for one, its in ((parameter, optimizer), (other, restored)):
        go_on(one, its, steps[3:])
    assert torch.equal(parameter, other)


def test_a_parameter_without_a_gradient_stays() -> None:
    parameter, optimizer = begun()
    before = parameter.detach().clone()
    optimizer.step()
    assert torch.equal(parameter, before)
    assert not optimizer.state[parameter]["exp_avg_sq"].any()
