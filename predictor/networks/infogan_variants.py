"""The published configs of `predictor.networks.infogan` (appendix C)."""

from predictor.networks.infogan import InfoganDiscriminatorConfig, InfoganGeneratorConfig
from predictor.structured_latents import StructuredLatents

Pair = tuple[InfoganGeneratorConfig, InfoganDiscriminatorConfig]

_COLOUR, _GREY, _CHAIR = (3, 32, 32), (1, 32, 32), (1, 64, 64)


def _house_numbers_or_celebrities(latents: StructuredLatents) -> Pair:
    return (
        InfoganGeneratorConfig(
            shape=_COLOUR,
            latents=latents,
            dense=0,
            maps=(448, 256, 128, 64),
            plain=2,
            units="signed",
        ),
        InfoganDiscriminatorConfig(
            shape=_COLOUR, latents=latents, maps=(64, 128, 256), dense=0, units="signed"
        ),
    )


def _faces(latents: StructuredLatents) -> Pair:
    return (
        InfoganGeneratorConfig(shape=_GREY, latents=latents),
        InfoganDiscriminatorConfig(shape=_GREY, latents=latents),
    )


def _chairs(latents: StructuredLatents) -> Pair:
    return (
        InfoganGeneratorConfig(
            shape=_CHAIR,
            latents=latents,
            maps=(256, 256, 256, 128, 64),
            strides=(2, 1, 2, 2, 1),
        ),
        InfoganDiscriminatorConfig(
            shape=_CHAIR,
            latents=latents,
            maps=(64, 128, 256, 256, 256),
            strides=(2, 2, 2, 1, 1),
        ),
    )


INFOGAN_VARIANTS: dict[str, Pair] = {
    "mnist": (InfoganGeneratorConfig(), InfoganDiscriminatorConfig()),
    "mnist-official": (
        InfoganGeneratorConfig(),
        InfoganDiscriminatorConfig(deviation=1.0, leak=0.01),
    ),
    "svhn": _house_numbers_or_celebrities(StructuredLatents(124, (10,) * 4, 4)),
    "celeba": _house_numbers_or_celebrities(StructuredLatents(128, (10,) * 10, 0)),
    "faces": _faces(StructuredLatents(128, (), 5)),
    "chairs": _chairs(StructuredLatents(128, (20,) * 3, 1)),
}
"""Those of the paper, and ``mnist-official`` of the released code, which is for MNIST only."""
