"""Networks whose features pictures are compared in: by name, by file, and what is refused."""

import os
from pathlib import Path

import pytest
import torch
from released import NOWHERE
from torch import Tensor

import predictor
from predictor.analysis import network_scores as network_scores_module
from predictor.analysis.feature_networks import FeatureNetwork, efficientnet, feature_network
from predictor.analysis.network_scores import network_scores
from predictor.errors import DamagedWeights, TensorContractError, UnknownModel
from predictor.metrics import frechet_distance
from predictor.networks.classifier import Classifier, ClassifierConfig
from predictor.networks.dense_classifier import DenseClassifier, DenseClassifierConfig
from predictor.weights import save_network

SCORED = NOWHERE.model_copy(update={"scores": {"accuracy_percent": 98.765}})


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "kinds.safetensors"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Classifier(ClassifierConfig((1, 8, 8), classes=3, maps=(4, 6)))
    save_network(path, "classifier", network, SCORED, task="classifier")
    return path


def test_a_classifier_is_named_with_its_accuracy(classifier: Path) -> None:
    network = feature_network(str(classifier))
    assert network.name == "classifier kinds, 98.77 % right"
    images = torch.rand(130, 1, 8, 8) * 2 - 1
    features, probabilities = network.seen(images)
    assert (features.shape, probabilities.shape) == ((130, 6), (130, 3))
    assert torch.allclose(probabilities.sum(1), torch.ones(130))
    alone, _ = network.seen(images[100:101])
    assert torch.allclose(alone, features[100:101], atol=1e-5)
    loaded = predictor.load(classifier, "cpu")
    assert torch.equal(loaded.seen(images[:3])[0], network.seen(images[:3])[0])
    assert torch.equal(loaded.seen(images[:3].double())[0], network.seen(images[:3])[0])
    larger = images.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert network.seen(larger)[0].shape == (130, 6)


def test_a_classifier_of_other_units_sees_its_own(tmp_path: Path) -> None:
    config = DenseClassifierConfig((1, 8, 8), classes=3, hidden=(6,), units="unit")
    network = DenseClassifier(config).eval()
    path = tmp_path / "dense.safetensors"
    save_network(path, "dense-classifier", network, SCORED, task="classifier")
    images = torch.rand(5, 1, 8, 8) * 2 - 1
    features, probabilities = feature_network(str(path)).seen(images)
    with torch.no_grad():
        expected = network((images + 1) / 2)
    assert torch.allclose(features, expected.features, atol=5e-3)  # weights in float16
    assert torch.allclose(probabilities, expected.logits.softmax(1), atol=5e-3)


def test_what_is_no_feature_network_is_named(classifier: Path, small_model: object) -> None:
    with pytest.raises(UnknownModel, match="sees 1 channels, the pictures have 3"):
        feature_network(str(classifier)).seen(torch.zeros(1, 3, 8, 8))
    with pytest.raises(TensorContractError, match=r"images has shape \(1, 8, 8\)"):
        feature_network(str(classifier)).seen(torch.zeros(1, 8, 8))
    with pytest.raises(TensorContractError, match="images goes from 0 to 255"):
        feature_network(str(classifier)).seen(torch.tensor([0.0, 255.0]).view(1, 1, 1, 2))
    with pytest.raises(UnknownModel, match="frames is of the system frames, expected a class"):
        feature_network("frames")
    with pytest.raises(UnknownModel, match="no model"):
        feature_network("nothing-like-it")


def test_scores_of_a_network_that_sees_means_and_signs() -> None:
    def look(images: Tensor) -> tuple[Tensor, Tensor]:
        values = images.flatten(1)[:, :2]
        return values, 200 * torch.stack((values[:, 0], -values[:, 0]), dim=1)

    network = FeatureNetwork("Signs, of pixels", look)
    random = torch.Generator().manual_seed(0)
    real = torch.rand(60, 1, 2, 2, generator=random) * 2 - 1
    real[::2, 0, 0, 0], real[1::2, 0, 0, 0] = 0.8, -0.8
    made = real + 0.25
    made[:, 0, 0, 0] = 0.8  # one class alone
    found = network_scores(network, real, made)
    assert (found.network, found.pictures) == ("Signs, of pixels", 60)
    wanted = frechet_distance(real.flatten(1)[:, :2], made.flatten(1)[:, :2])
    assert found.frechet == pytest.approx(wanted, rel=1e-5)
    assert found.class_score == pytest.approx(1, abs=1e-6)
    assert 1.8 < found.class_score_of_test < 2
    assert set(found.named()) == {"frechet_signs", "class_score_signs"}
    fewer = network_scores(network, real, made[:20])
    assert fewer.pictures == 20


def test_pictures_in_order_and_samples_in_turn_are_compared_of_all_classes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of an even number of classes every second sample would be of half of them."""
    monkeypatch.setattr(network_scores_module, "SEEN_BY_NETWORKS", 40)
    monkeypatch.setattr(network_scores_module, "COMPARED", 20)
    network = FeatureNetwork("values", lambda images: (4 * images.flatten(1), images.flatten(1)))
    near = 0.0025 * torch.rand(80, 1, generator=torch.Generator().manual_seed(0))
    classes = torch.eye(4).repeat_interleave(20, dim=0)
    real = (classes + near).reshape(80, 4, 1, 1)
    made = real.reshape(4, 20, 4, 1, 1).transpose(0, 1).reshape(80, 4, 1, 1)
    found = network_scores(network, real, made)
    assert found.pictures == 40
    assert found.frechet < 0.1
    assert min(found.precision, found.recall) > 0.8


def test_efficientnet_sees_photographs_of_things() -> None:
    pytest.importorskip("efficientnet_lite_pytorch")
    network = efficientnet()
    assert network is not None
    assert network.name == "EfficientNet-Lite0"
    from predictor.media.images import read_image

    mountain = read_image(Path(__file__).parents[2] / "assets/photos/mountain.jpg")
    features, (probabilities,) = network.seen(mountain[None])
    assert (features.shape, probabilities.shape) == ((1, 1280), (1000,))
    assert int(probabilities.argmax()) == 970  # "alp" of ImageNet
    assert float(probabilities.max()) > 0.5


@pytest.mark.slow
def test_inception_takes_weights_that_are_tensors_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")

    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "ran"),)

    bad = tmp_path / "bad.pth"
    torch.save({"weight": Trap()}, bad)
    with pytest.raises(DamagedWeights, match="holds more than tensors"):
        feature_network(f"inception={bad}")
    assert not (tmp_path / "ran").exists()
    kept: dict[str, Tensor] = {}

    def keep(self: torch.nn.Module, state: object) -> None:
        kept.update({name: value.clone() for name, value in self.state_dict().items()})

    blank = tmp_path / "blank.pth"
    torch.save({}, blank)
    with monkeypatch.context() as patched:
        patched.setattr(module.FeatureExtractorInceptionV3, "load_state_dict", keep)
        feature_network(f"inception={blank}")
    good = tmp_path / "good.pth"
    torch.save(kept, good)
    network = feature_network(f"inception={good}")
    features, probabilities = network.seen(torch.rand(2, 1, 16, 16) * 2 - 1)
    assert (features.shape, probabilities.shape) == ((2, 2048), (2, 1008))
    with pytest.raises(UnknownModel, match="no weights file"):
        feature_network(f"inception={tmp_path / 'none.pth'}")
