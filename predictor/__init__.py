"""Predict the next frames of videos, fill holes in photographs, train the networks that do it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    from predictor.frame_predictor import FramePredictor

__version__ = "0.1.0"


def load(
    name_or_file: "str | PathLike[str]", device: str = "auto", precision: str = "auto"
) -> "FramePredictor":
    """Return the bundled model of that name, or the one in that file, ready to predict.

    ``load("frames").predict(clip, count=8)`` takes a clip ``(N, T, 3, H, W)`` in [-1, 1] and
    returns ``(N, 8, 3, H, W)``. `device` is ``"auto"`` (the GPU where there is one) or as PyTorch
    names it; `precision` is ``"auto"`` (bfloat16 where it is native), ``"fp32"`` or ``"bf16"``.
    Raises `UnknownModel`, `DamagedWeights` (a pickle too: it is never read) and `SettingsError`.
    """
    from predictor.devices import chosen_device, uses_bfloat16
    from predictor.frame_predictor import FramePredictor
    from predictor.weights import find_model, load_network

    chosen = chosen_device(device)
    use_bfloat16 = uses_bfloat16(precision, chosen)
    network, _ = load_network(find_model(name_or_file))
    return FramePredictor(network, chosen, use_bfloat16)
