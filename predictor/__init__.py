"""Predict the next frames of videos, fill holes in photographs, train the networks that do it."""

from typing import TYPE_CHECKING, Any, Literal, overload

if TYPE_CHECKING:
    from os import PathLike

    from predictor.frame_predictor import FramePredictor
    from predictor.inpainter import Inpainter

__version__ = "0.1.0"

_FRAMES, _INPAINT, _CLASSIFIER = "predictor of frames", "filler", "classifier"
_ROLES = {"frames": _FRAMES, "inpaint": _INPAINT}
"""What the class of a network says that it is, by the task that needs one."""


@overload
def load(
    name_or_file: "str | PathLike[str]",
    device: str = "auto",
    precision: str = "auto",
    *,
    task: Literal["frames"],
) -> "FramePredictor": ...


@overload
def load(
    name_or_file: "str | PathLike[str]",
    device: str = "auto",
    precision: str = "auto",
    *,
    task: Literal["inpaint"],
) -> "Inpainter": ...


@overload
def load(
    name_or_file: "str | PathLike[str]",
    device: str = "auto",
    precision: str = "auto",
    *,
    task: None = None,
) -> Any: ...


def load(
    name_or_file: "str | PathLike[str]",
    device: str = "auto",
    precision: str = "auto",
    *,
    task: str | None = None,
) -> Any:
    """Return the bundled model of that name, or the one in that file, ready to use.

    ``load("frames").predict(clip, count=8)`` takes a clip ``(N, T, 3, H, W)`` in [-1, 1] and
    returns ``(N, 8, 3, H, W)``. ``load("inpaint").fill(images, masks)`` takes ``(N, 3, H, W)`` in
    [-1, 1] and ``(N, 1, H, W)``, 1 where a pixel is missing, and returns the images filled. A model
    that generates pictures is an `ImageSampler`: ``load("models/mine").sampled(64, seed=0)``. The
    model of a ``classifier`` is a `FeatureNetwork`, whose ``seen(images)`` are features and
    probabilities, in float32 always; that of an ``improved-gan`` generates, and
    `predictor.analysis.classifiers.load_classifier` loads its other network. A folder of the arrays
    that Radford et al. released generates too.

    `device` is ``"auto"`` (the GPU where there is one) or as PyTorch names it; `precision` is
    ``"auto"`` (bfloat16 where it is native), ``"fp32"`` or ``"bf16"``. Raises `UnknownModel`, also
    for a model that does not do the `task` asked for; `DamagedWeights` (a pickle too: it is never
    read) and `SettingsError`.
    """
    from pathlib import Path

    from predictor.devices import chosen_device, uses_bfloat16
    from predictor.errors import SettingsError, UnknownModel
    from predictor.image_sampler import ImageSampler
    from predictor.model_files import find_model
    from predictor.theano_weights import holds_theano_weights, read_theano_generator
    from predictor.weights import load_network

    if task is not None and task not in _ROLES:
        raise SettingsError(f"task={task!r}, expected {' or '.join(_ROLES)}")
    chosen = chosen_device(device)
    use_bfloat16 = uses_bfloat16(precision, chosen)
    if task is None and holds_theano_weights(Path(name_or_file)):
        return ImageSampler(read_theano_generator(Path(name_or_file)), chosen, use_bfloat16)
    network, metadata = load_network(find_model(name_or_file))
    if metadata.part is not None:
        raise UnknownModel(
            f"{name_or_file} is the {metadata.part} of a model, expected the network that is run"
        )
    role = getattr(network, "role", None)
    if task is not None and role != _ROLES[task]:
        raise UnknownModel(
            f"the model {name_or_file}, of the system {metadata.task}, is a "
            f"{role or type(network).__name__}, expected a {_ROLES[task]}"
        )
    if hasattr(network, "latent_width"):
        return ImageSampler(
            network, chosen, use_bfloat16, metadata.short_side, metadata.class_names
        )
    if role == _INPAINT:
        from predictor.inpainter import Inpainter

        return Inpainter(network, chosen, use_bfloat16)
    if role == _CLASSIFIER:
        from predictor.analysis.feature_networks import feature_network

        return feature_network(str(name_or_file), chosen)
    if role == _FRAMES:
        from predictor.frame_predictor import FramePredictor

        return FramePredictor(network, chosen, use_bfloat16)
    raise UnknownModel(
        f"the model {name_or_file}, of the system {metadata.task}, is a "
        f"{role or type(network).__name__}, which predictor.load has no use for; "
        "predictor.weights.load_network returns the network itself"
    )
