"""Class-conditional adversarial networks: the label of a picture enters both networks.

Denton et al. 2015, section 2.3 (code: ``train_cifar_classcond.lua``), and the convolutional pair
for MNIST in the code of Radford et al. 2016.
"""

from typing import Annotated, ClassVar

from predictor.data import ImageSettings
from predictor.systems.gan import GanSettings
from predictor.systems.pair import steady_adam
from predictor.systems.settings import NetworkSettings, OptimizerSettings, playing


class ConditionalGanSettings(GanSettings):
    """A run of the system ``conditional-gan``; the defaults train the convolutional pair."""

    labelled: ClassVar[bool] = True

    iterations: int = 50_000
    batch_size: int = 128
    classes: int | None = 10
    generator: Annotated[NetworkSettings, playing("generator")] = NetworkSettings(
        network="labelled-generator"
    )
    discriminator: Annotated[NetworkSettings, playing("judge of pictures")] = NetworkSettings(
        network="labelled-discriminator"
    )
    generator_optimizer: OptimizerSettings = steady_adam(2e-4)
    discriminator_optimizer: OptimizerSettings = steady_adam(2e-4)
    average_decay: float = 0.999
    images: ImageSettings = ImageSettings(size=(28, 28), channels=1)
