"""A penalty on predictions that are worse than a simpler one."""

from torch import Tensor

from predictor.errors import TensorContractError
from predictor.losses.lp import LOG_FLOOR
from predictor.losses.reduction import accurate_pair


def setback_loss(prediction: Tensor, target: Tensor, simpler: Tensor) -> Tensor:
    """Return ``max(0, ln(error / error of simpler))``, averaged over the examples.

    All three are images ``(N, C, H, W)`` in a range of width 2; the error of an example is its mean
    squared difference to the target plus the floor of `log_lp_loss`. An example predicted better
    than `simpler` costs 0; one that is 0.1 dB worse costs 0.023. No gradient flows through
    `simpler`. Raises `TensorContractError` if the shapes differ.
    """
    prediction, target = accurate_pair(prediction, target)
    if simpler.shape != target.shape:
        raise TensorContractError(
            f"simpler has shape {tuple(simpler.shape)}, target {tuple(target.shape)}"
        )
    log_ratio = _log_error(prediction, target) - _log_error(
        simpler.detach().to(target.dtype), target
    )
    return log_ratio.clamp_min(0).mean()


def _log_error(prediction: Tensor, target: Tensor) -> Tensor:
    return ((prediction - target).square().flatten(1).mean(dim=1) + LOG_FLOOR**2).log()
