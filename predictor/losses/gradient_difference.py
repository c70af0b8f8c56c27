"""The gradient difference loss, which asks for edges as strong as the target's."""

from torch import Tensor

from predictor.errors import SettingsError, TensorContractError
from predictor.losses.reduction import Reduction, accurate_pair, reduced


def gradient_difference_loss(
    prediction: Tensor, target: Tensor, alpha: float = 1.0, reduction: Reduction = "mean"
) -> Tensor:
    """Return ``||∇target| - |∇prediction|| ** alpha`` over images ``(N, C, H, W)`` as a scalar.

    Gradients are differences of neighbouring pixels, so each direction has one row or column fewer
    than the image. The two directions are reduced separately and added. Signs are lost: a mirrored
    edge costs nothing. Mathieu et al. 2016, GDL; their criterion has alpha 1 and means only.

    Raises `SettingsError` if `alpha` is under 1, `TensorContractError` if the shapes differ or an
    image is one pixel high or wide.
    """
    if alpha < 1:
        raise SettingsError(f"alpha of the gradient difference is {alpha}, expected at least 1")
    if min(prediction.shape[-2:]) < 2:
        raise TensorContractError(
            f"images are {prediction.shape[-1]}x{prediction.shape[-2]}, "
            "expected at least 2x2 for a gradient"
        )
    prediction, target = accurate_pair(prediction, target)
    down = (absolute_steps(prediction, -2) - absolute_steps(target, -2)).abs()
    right = (absolute_steps(prediction, -1) - absolute_steps(target, -1)).abs()
    if alpha != 1:
        down, right = down.pow(alpha), right.pow(alpha)
    return reduced(down, reduction) + reduced(right, reduction)


def absolute_steps(images: Tensor, axis: int) -> Tensor:
    """Return the absolute differences of neighbouring pixels along `axis`."""
    return images.diff(dim=axis).abs()
