"""The networks of Pathak et al. 2016, against the counts and sizes of the released code."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from predictor.errors import SettingsError, TensorContractError
from predictor.networks.context_encoder import (
    ContextDiscriminator,
    ContextDiscriminatorConfig,
    ContextEncoder,
    ContextEncoderConfig,
)

NARROW = ContextEncoderConfig(
    encoder_maps=(4, 6, 8), bottleneck=16, decoder_maps=(8, 6), hole_px=12
)
WHOLE = replace(NARROW, decoder_maps=(8, 6, 4))


def count(*modules: nn.Module) -> int:
    return sum(value.numel() for module in modules for value in module.parameters())


def example(side: int = 32, hole: int = 12) -> tuple[Tensor, Tensor]:
    images = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1
    masks = torch.zeros(2, 1, side, side)
    edge = (side - hole) // 2
    masks[..., edge : edge + hole, edge : edge + hole] = 1
    return images, masks


def test_the_published_networks_have_their_published_numbers_of_parameters() -> None:
    with torch.device("meta"):
        encoder = ContextEncoder(ContextEncoderConfig())
        assert count(encoder.encoder, encoder.bottleneck) == 35_604_064
        assert count(encoder.decoder) == 35_526_467
        assert count(ContextDiscriminator(ContextDiscriminatorConfig())) == 2_766_529
        # the whole image: one more stage of 64 maps in the decoder and in the discriminator
        whole = ContextEncoder(ContextEncoderConfig(decoder_maps=(512, 256, 128, 64, 64)))
        assert count(whole.decoder) == 35_526_467 + 64 * 64 * 16 + 64 + 2 * 64
        judge = ContextDiscriminator(ContextDiscriminatorConfig(maps=(64, 64, 128, 256, 512)))
        assert count(judge) == 2_766_529 + 64 * 64 * 16 + 64 + 2 * 64


@pytest.mark.parametrize(
    ("encoder_maps", "decoder_maps", "side", "painted"),
    [
        ((64, 64, 128, 256, 512), (512, 256, 128, 64), 128, 64),
        ((64, 64, 128, 256, 512), (512, 256, 128, 64, 64), 128, 128),
        ((64, 128, 256, 512), (512, 256, 128, 64), 64, 64),
        ((64, 128, 256, 512), (512, 256, 128), 64, 32),
    ],
)
def test_variants_see_and_paint_the_sizes_of_the_code(
    encoder_maps: tuple[int, ...], decoder_maps: tuple[int, ...], side: int, painted: int
) -> None:
    config = ContextEncoderConfig(
        encoder_maps=encoder_maps, bottleneck=8, decoder_maps=decoder_maps, hole_px=24
    )
    assert (config.side_px, config.painted_px) == (side, painted)
    network = ContextEncoder(config)
    rows, columns = network.region(side, side)
    assert (rows.start, rows.stop) == (side // 2 - painted // 2, side // 2 + painted // 2)
    assert columns == rows
    with torch.no_grad():
        (whole,) = network(*example(side, 24))
    assert whole.shape == (2, 3, side, side)


def test_the_middle_is_painted_and_the_rest_is_as_it_was() -> None:
    torch.manual_seed(0)
    network = ContextEncoder(NARROW).eval()
    images, masks = example()
    (whole,) = network(images, masks)
    outside = torch.ones(32, 32, dtype=torch.bool)
    outside[8:24, 8:24] = False
    assert torch.equal(whole[..., outside], images[..., outside])
    assert (whole[..., 8:24, 8:24] - images[..., 8:24, 8:24]).abs().min() > 0
    assert whole[..., 8:24, 8:24].abs().max() < 1


@pytest.mark.parametrize("config", [NARROW, WHOLE])
def test_missing_pixels_are_never_seen_and_known_ones_are(config: ContextEncoderConfig) -> None:
    torch.manual_seed(0)
    network = ContextEncoder(config).eval()
    images, masks = example()
    expected = network(images, masks)[0]
    assert torch.equal(network(images.where(masks == 0, 0.9), masks)[0], expected)
    other = images.clone()
    other[..., 0, 0] += 0.5
    assert not torch.equal(network(other, masks)[0][..., 8:24, 8:24], expected[..., 8:24, 8:24])


def test_holes_are_filled_with_one_colour_by_channel() -> None:
    config = replace(NARROW, fill_colour=(117 / 127.5 - 1, 104 / 127.5 - 1, 123 / 127.5 - 1))
    network = ContextEncoder(config)
    seen: list[Tensor] = []
    network.encoder.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    images, masks = example()
    network(images, masks)
    hole = seen[0][0, :, 10:22, 10:22]
    levels = ((hole + 1) * 127.5).flatten(1)
    assert levels[:, 0].tolist() == pytest.approx([117, 104, 123], abs=1e-3)
    assert (levels.max(1).values - levels.min(1).values).max() < 1e-4
    assert torch.equal(seen[0][0, :, :10], images[0, :, :10])


def test_weights_begin_as_in_the_code() -> None:
    torch.manual_seed(0)
    network = ContextEncoder(replace(NARROW, bottleneck=500))
    last = network.encoder[-1]
    assert isinstance(last, nn.Conv2d)
    assert last.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert last.weight.mean().item() == pytest.approx(0, abs=1e-3)
    norm = network.bottleneck[0]
    assert norm.weight.mean().item() == pytest.approx(1, abs=5e-3)
    assert norm.weight.std().item() == pytest.approx(0.02, rel=0.2)
    biases = [value for name, value in network.named_parameters() if name.endswith("bias")]
    assert all(not bias.any() for bias in biases)


def test_layers_of_the_code() -> None:
    network = ContextEncoder(NARROW)
    kinds = [type(layer) for layer in network.encoder]
    halving = [nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU]
    assert kinds == [nn.Conv2d, nn.LeakyReLU, *halving * 2, nn.Conv2d]
    assert [type(layer) for layer in network.bottleneck] == halving[1:]
    doubling = [nn.ConvTranspose2d, nn.BatchNorm2d, nn.ReLU]
    kinds = [type(layer) for layer in network.decoder]
    assert kinds == [*doubling * len(NARROW.decoder_maps), nn.ConvTranspose2d, nn.Tanh]
    judge = ContextDiscriminator(ContextDiscriminatorConfig(maps=(4, 6)))
    assert [[type(part) for part in layer] for layer in judge.layers] == [
        [nn.Conv2d, nn.LeakyReLU],
        halving,
    ]
    slopes = {m.negative_slope for net in (network, judge) for m in net.modules()
              if isinstance(m, nn.LeakyReLU)}  # fmt: skip
    assert slopes == {0.2}


def test_biases_that_stay_zero_are_not_trained() -> None:
    network = ContextEncoder(replace(NARROW, has_zero_biases=True))
    judge = ContextDiscriminator(ContextDiscriminatorConfig(maps=(4, 6), has_zero_biases=True))
    for module in (*network.modules(), *judge.modules()):
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            assert module.bias is not None
            assert not module.bias.requires_grad
        elif isinstance(module, nn.BatchNorm2d):
            assert module.bias.requires_grad


def test_noise_changes_what_is_painted_in_training_only() -> None:
    torch.manual_seed(0)
    network = ContextEncoder(replace(NARROW, noise=5))
    images, masks = example()
    assert not torch.equal(network(images, masks)[0], network(images, masks)[0])
    network.eval()
    assert torch.equal(network(images, masks)[0], network(images, masks)[0])
    assert network.bottleneck[0].num_features == NARROW.bottleneck + 5


def test_a_conditional_discriminator_sees_context_but_no_hole() -> None:
    torch.manual_seed(0)
    judge = ContextDiscriminator(ContextDiscriminatorConfig(maps=(4, 6), is_conditional=True))
    judge.eval()
    images, masks = example()
    candidates = images[..., 8:24, 8:24]
    judgement = judge(candidates, images, masks)
    assert judgement.logits.shape == (2, 1, 1, 1)
    assert [tuple(f.shape) for f in judgement.features] == [(2, 4, 8, 8), (2, 6, 4, 4)]
    assert torch.equal(
        judge(candidates, images.where(masks == 0, 0.9), masks).logits, judgement.logits
    )
    other = images.where(masks == 1, -images)
    assert not torch.equal(judge(candidates, other, masks).logits, judgement.logits)
    plain = ContextDiscriminator(ContextDiscriminatorConfig(maps=(4, 6))).eval()
    logits = plain(candidates, images, masks).logits
    assert torch.equal(plain(candidates, other, masks).logits, logits)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decoder_maps": (8,)}, "paint 8 pixels, expected all or half of the 32"),
        ({"encoder_maps": ()}, "expected at least one of each"),
        ({"bottleneck": 0}, "expected 1 or more"),
        ({"hole_px": 17}, "hole_px is 17, expected 1 to 16"),
    ],
)
def test_configs_that_cannot_work(change: dict[str, object], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        replace(NARROW, **change)  # type: ignore[arg-type] # one field at a time


def test_other_sizes_are_refused() -> None:
    with pytest.raises(TensorContractError, match="40x40, expected 32x32"):
        ContextEncoder(NARROW)(*example(40))
    with pytest.raises(TensorContractError, match="32x32, expected 16x16"):
        ContextDiscriminator(ContextDiscriminatorConfig(maps=(4, 6)))(example()[0], *example())
