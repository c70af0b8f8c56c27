"""Semi-supervised learning with a GAN: the discriminator is a classifier trained on few labels.

Salimans et al. 2016, section 5. The discriminator tells K classes of real pictures, some of them
labelled, from generated ones, which are a class of their own. The generator is trained by feature
matching on unlabelled pictures and never sees a label. The average of the discriminator's weights
is the classifier.
"""

import functools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor
from torch.utils.data import DataLoader

from predictor.data import (
    ImageDataset,
    ImageSettings,
    SemiSupervisedImages,
    digest_of,
    open_images,
    rows_of_each_class,
    split_images,
)
from predictor.data.image_packing import packed_images
from predictor.data.image_parts import TRAIN, ImageCollection
from predictor.errors import UnusableData
from predictor.losses import (
    fake_loss,
    labelled_loss,
    real_logits,
)
from predictor.model_files import DISCRIMINATOR
from predictor.systems import schedule
from predictor.systems.entry import TrainingData
from predictor.systems.image_reports import generator_preview, prepare_units
from predictor.systems.pair import (
    GENERATOR,
    PairSettings,
    latents_for,
    pair_networks,
    pair_phases,
    require_shape_and_units,
    with_network_defaults,
)
from predictor.systems.phases import (
    Batch,
    Networks,
    PhaseLoss,
    System,
    TrainingDataset,
)
from predictor.systems.settings import NetworkSettings, OptimizerSettings, RunSettings, playing
from predictor.systems.techniques import (
    GENERATOR_LOSSES,
    GeneratorLoss,
    GeneratorLossName,
    Judged,
    loss_of_real,
)
from predictor.wording import class_called

FIRST_IMAGES = 500
"""Real pictures for the data-dependent initialization of scales and biases (code)."""

_ADAM = OptimizerSettings(
    kind="adam",
    learning_rate=3e-3,
    final_learning_rate=3e-3,
    decay="linear",
    betas=(0.5, 0.999),
    epsilon=1e-8,
    epsilon_under_root=True,
)


class ImprovedGanSettings(PairSettings):
    """A run of the system ``improved-gan``; the defaults are those of the code for MNIST.

    Shape and classes of the networks follow from `images` and `classes` unless they are set.
    """

    places: ClassVar[frozenset[str]] = frozenset({"unlabelled"})
    changeable: ClassVar[frozenset[str]] = RunSettings.changeable | places

    iterations: int = 180_000
    batch_size: int = 100
    """Labelled, unlabelled and generated pictures in a batch: this many of each."""
    checkpoint_every: int = 600
    validate_every: int = 3000
    preview_every: int = 6000
    generator: Annotated[NetworkSettings, playing("normalized generator")] = NetworkSettings(
        network="normalized-dense-generator"
    )
    discriminator: Annotated[NetworkSettings, playing("classifier")] = NetworkSettings(
        network="dense-classifier"
    )
    classes: int = Field(10, ge=2)
    labels: int | None = Field(None, ge=1)
    """Labelled pictures to train on, equally many of each class; None: all that have a label."""
    labels_seed: int | None = Field(None, ge=0)
    """Seed for the choice of those pictures; None: `seed`."""
    unlabelled: str | None = None
    """Path of more pictures to train on without labels; those they may have are ignored."""
    held_out_pictures: bool = False
    """Also train on the held-out pictures, without their labels. Validation then measures
    transductive accuracy. The papers do this for MNIST: 60,000 unlabelled pictures."""
    best_by: Literal["held_out", "last"] = "held_out"
    """Which weights are released: those with the lowest error on held-out labels, or the last ones,
    which use no labels beyond those trained on."""
    unlabelled_weight: float = Field(0.5, ge=0)
    """Weight of the unsupervised loss: ½ in the code, 1 in the paper (eq. 8)."""
    generator_loss: GeneratorLossName = "feature_matching"
    """Feature matching by squared (MNIST) or absolute differences (CIFAR-10, SVHN), or an
    adversarial loss (``minimax`` in the code for minibatch discrimination)."""
    generator_steps: int = Field(1, ge=1)
    """Updates of the generator per iteration; 3 in the code for minibatch discrimination."""
    begins_by_data: bool = True
    """Initialize scales and biases of weight-normalized layers from real pictures."""
    generator_optimizer: OptimizerSettings = _ADAM
    discriminator_optimizer: OptimizerSettings = _ADAM
    average_decay: float = Field(0.9999, ge=0, lt=1)
    """Decay per iteration of the discriminator's exponential average, 0 keeps none. Differs: the
    average is corrected for its start, see `schedule.unbiased`; in the code it starts at 0."""
    images: ImageSettings = ImageSettings(size=(28, 28), channels=1)

    @model_validator(mode="before")
    @classmethod
    def _networks_fit_the_data(cls, values: Any) -> Any:
        """Give both networks the shape of the data, and the discriminator its classes."""
        if not isinstance(values, dict):
            return values
        known = {"classes": values.get("classes", cls.model_fields["classes"].default)}
        return with_network_defaults(cls, values, {GENERATOR: {}, DISCRIMINATOR: known})

    @model_validator(mode="after")
    def _fits(self) -> "ImprovedGanSettings":
        require_shape_and_units(self)
        classes = self.discriminator.config().classes
        if classes != self.classes:
            raise ValueError(f"discriminator.classes is {classes}, classes {self.classes}")
        if self.labels is not None and self.labels % self.classes:
            raise ValueError(
                f"labels={self.labels} cannot be as many of each of {self.classes} classes; "
                f"expected a multiple of {self.classes}"
            )
        return self


def build(settings: ImprovedGanSettings) -> System:
    """Return the two networks and the phases that train them."""
    average = schedule.unbiased(settings.average_decay)
    real = loss_of_real(settings.real_target)
    return System(
        networks=pair_networks(settings),
        phases=pair_phases(
            settings,
            functools.partial(_discriminator_loss, settings.unlabelled_weight, real),
            functools.partial(_generator_loss, GENERATOR_LOSSES[settings.generator_loss]),
            generator_steps=settings.generator_steps,
        ),
        release=GENERATOR,
        companions=(DISCRIMINATOR,),
        averages={DISCRIMINATOR: average} if settings.average_decay else {},
        validate=_validated,
        best_by=("wrong", "min") if settings.best_by == "held_out" else None,
        preview=generator_preview,
        prepare=functools.partial(_prepare, settings.begins_by_data),
    )


def open_data(settings: ImprovedGanSettings, path: Path, run: Path | None = None) -> TrainingData:
    """Return labelled and unlabelled pictures at `path`, and those held out for validation.

    The labelled ones are drawn from the pictures that are not held out. The decoded pictures are
    cached in the folder `run`. A folder of unlabelled pictures in `path` is no class of it. Raises
    `UnusableData` for fewer labels than asked for or none.
    """
    place = None if settings.unlabelled is None else Path(settings.unlabelled)
    more = None if place is None else open_images(place)  # before anything is decoded
    split = split_images(
        path,
        settings.images,
        settings.seed,
        run,
        classes=settings.classes,
        unlabelled=place,
        remedy_unlabelled="--unlabelled FOLDER names a folder of pictures without labels",
    )
    packed, rows, held_out = split.train.packed, split.train.rows, split.held_out
    assert packed.labels is not None  # `classes` asked for them
    own_labels = packed.labels[rows]
    names = split.collection.class_names or tuple(map(str, range(settings.classes)))
    _require_every_class(path, own_labels, names, settings.classes)
    if settings.labels is not None:
        seed = settings.seed if settings.labels_seed is None else settings.labels_seed
        drawn = rows_of_each_class(path, own_labels, settings.labels, settings.classes, seed, names)
        rows = rows[drawn]
    labelled = ImageDataset(packed, rows.tolist(), settings.images, settings.seed)
    unlabelled, skipped, pictures = [split.train], split.skipped, [packed.digest]
    if settings.held_out_pictures:
        unlabelled.append(
            ImageDataset(held_out.packed, held_out.rows.tolist(), settings.images, settings.seed)
        )
    if more is not None:
        examples, unreadable = _pictures(more, settings, run)
        unlabelled.append(examples)
        pictures.append(examples.packed.digest)
        skipped = [*skipped, *unreadable]
    train = SemiSupervisedImages(labelled, unlabelled, settings.seed)
    if len(train) < settings.batch_size:
        raise UnusableData(
            f"{path} has {len(train)} pictures to train on, fewer than a batch "
            f"(batch_size={settings.batch_size})"
        )
    return TrainingData(
        train=train,
        validation=DataLoader(held_out, batch_size=500),
        skipped=skipped,
        class_names=names,
        digest=split.digest(),
        held_out=split.held_out.digest(),
        pictures=" ".join(pictures),
        drawn_labels=None if settings.labels is None else digest_of(packed, rows),
    )


def _require_every_class(
    path: Path, labels: NDArray[np.int64], names: Sequence[str], classes: int
) -> None:
    """Raise `UnusableData` for the first class that has no picture."""
    present = np.bincount(labels, minlength=classes)
    if not present.all():
        missing = int(np.flatnonzero(present == 0)[0])
        raise UnusableData(
            f"{path} has no labelled picture of class {class_called(missing, names)} to train on "
            f"({classes=})"
        )


def _pictures(
    collection: ImageCollection, settings: ImprovedGanSettings, run: Path | None
) -> tuple[ImageDataset, list[str]]:
    """Return the pictures to train on and the files that could not be read, one line each."""
    folder = None if run is None else run / "unlabelled"
    fit = settings.images.fit(is_training=True)
    packed, skipped = packed_images(collection, TRAIN, fit, folder)
    found = ImageDataset(packed, range(len(packed)), settings.images, settings.seed)
    return found, [*collection.skipped, *skipped]


def _prepare(begins_by_data: bool, networks: Networks, examples: TrainingDataset) -> None:
    """Initialize scales and biases from the activations of real pictures and of samples."""
    prepare_units([networks[GENERATOR], networks[DISCRIMINATOR]], examples)
    if not begins_by_data:
        return
    count = min(FIRST_IMAGES, len(examples))
    images = torch.stack([examples[(0, number)]["image"] for number in range(count)])
    discriminator: Any = networks[DISCRIMINATOR]
    discriminator.prepare(discriminator.units.encoded(images))
    generator: Any = networks[GENERATOR]
    generator.prepare(count)


def _generated(networks: Networks, count: int, device: torch.device) -> Tensor:
    generator = networks[GENERATOR]
    return generator(latents_for(generator, count, device))


def _discriminator_loss(
    unlabelled_weight: float,
    real: Callable[[Tensor], Tensor],
    networks: Networks,
    batch: Batch,
    earlier: Batch,
) -> PhaseLoss:
    """Return -ln p(y | x, real) and, weighted, -ln D(x) - ln(1 - D(G(z))).

    Terms of weight 0 are left out: logged as 0 they would look like a discriminator that has won.
    """
    discriminator: Any = networks[DISCRIMINATOR]
    images = batch["image"]
    with torch.no_grad():
        generated = _generated(networks, len(images), images.device)
    encoded = discriminator.units.encoded
    labelled, unlabelled, fake = discriminator.apart(
        [encoded(batch["labelled_image"]), encoded(images), generated]
    )
    terms = {"labelled": labelled_loss(labelled.logits, batch["label"])}
    if unlabelled_weight:
        terms["real"] = unlabelled_weight * real(real_logits(unlabelled.logits))
        terms["fake"] = unlabelled_weight * fake_loss(real_logits(fake.logits))
    return PhaseLoss(terms)


def _generator_loss(
    loss: GeneratorLoss, networks: Networks, batch: Batch, earlier: Batch
) -> PhaseLoss:
    """Return the terms of `loss`; of adversarial ones D(x) is Z / (Z + 1)."""
    discriminator: Any = networks[DISCRIMINATOR]
    pictures = batch["matched_image"]

    def made() -> Tensor:
        return _generated(networks, len(pictures), pictures.device)

    def real() -> Tensor:
        return discriminator.units.encoded(pictures)

    return PhaseLoss(loss(_judged(discriminator, made), _judged(discriminator, real)))


def _judged(discriminator: Any, shown: Callable[[], Tensor]) -> Judged:
    return Judged(
        logits=lambda: real_logits(discriminator(shown()).logits),
        features=lambda: discriminator.features(shown()),
    )


def _validated(networks: Networks, batches: Iterable[Batch]) -> dict[str, float]:
    """Return the number and the percentage of held-out pictures that are classified wrongly."""
    discriminator: Any = networks[DISCRIMINATOR]
    wrong, count = 0, 0
    for batch in batches:
        logits = discriminator(discriminator.units.encoded(batch["image"])).logits
        wrong += int((logits.argmax(dim=1) != batch["label"]).sum())
        count += len(logits)
    return {"wrong": wrong, "error_percent": 100 * wrong / count}
