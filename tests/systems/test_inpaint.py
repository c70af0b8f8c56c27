"""The system that fills holes."""

import math
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor

from predictor.classical_fill import METHODS, opencv_fill
from predictor.errors import SettingsError
from predictor.inpainter import Inpainter
from predictor.losses import (
    masked_gradient_difference_loss,
    masked_log_lp_loss,
)
from predictor.media.images import read_image
from predictor.metrics import psnr
from predictor.systems.inpaint import InpaintSettings, build, open_data
from predictor.systems.inpaint_reports import inpaint_preview, inpaint_validation
from predictor.systems.phases import PhaseLoss, System
from predictor.training.settings import merged, validated_settings

CENTRE: dict[str, Any] = {
    "generator": {
        "network": "context-encoder",
        "encoder_maps": [4, 6, 8],
        "bottleneck": 16,
        "decoder_maps": [8, 6],
        "hole_px": 12,
    },
    "discriminator": {"network": "context-discriminator", "maps": [4, 6]},
    "losses": {"adversarial": 0.001, "judged": "painted", "pixel_loss": "lp", "overlap_px": 2},
    "photos": {"crop": [32, 32]},
    "masks": {"kinds": {"centre": 1}, "centre_share": 0.375},
    "validation_masks": ["centre"],
}
DEFAULT: dict[str, Any] = {
    "generator": {"network": "inpainting", "widths": [4, 4], "blocks": [1, 1], "fine_width": 4},
    "discriminator": {"network": "inpainting-discriminator", "maps": [4, 6]},
    "photos": {"crop": [32, 32]},
}


def settings_of(base: dict[str, Any], **changes: Any) -> InpaintSettings:
    return validated_settings(InpaintSettings, merged(base, changes))


def system_of(settings: InpaintSettings) -> System:
    torch.manual_seed(0)
    return build(settings)


def example(count: int = 2, side: int = 32, hole: int = 12) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(7)
    coarse = torch.rand(count, 3, 4, 4, generator=generator) * 1.8 - 0.9
    images = torch.nn.functional.interpolate(coarse, (side, side), mode="bicubic").clamp(-1, 1)
    masks = torch.zeros(count, 1, side, side)
    edge = (side - hole) // 2
    masks[..., edge : edge + hole, edge : edge + hole] = 1
    return {"image": images, "mask": masks}


def loss_of(system: System, name: str, batch: dict[str, Tensor], **earlier: Tensor) -> PhaseLoss:
    (phase,) = [phase for phase in system.phases if phase.name == name]
    return phase.loss(system.networks, batch, earlier)


def test_the_generator_s_loss_is_the_released_code_s() -> None:
    settings = settings_of(
        CENTRE, losses={"mean_over": "painted", "reconstruction": 0.999, "adversarial": 0.001}
    )
    system, batch = system_of(settings), example()
    terms = loss_of(system, "generator", batch).terms
    generator: Any = system.networks["generator"]
    judge: Any = system.networks["discriminator"]
    with torch.no_grad():
        # the middle 16 x 16; 2 pixels around a hole of 12 count ten times; a mean over all of it
        painted = generator(batch["image"], batch["mask"])[0][..., 8:24, 8:24]
        truth = batch["image"][..., 8:24, 8:24]
        weights = torch.full((16, 16), 10.0)
        weights[2:14, 2:14] = 1.0
        expected = 0.999 * (weights * (painted - truth).square()).mean()
        logits = judge(painted, batch["image"], batch["mask"]).logits
    assert terms["lp"].item() == pytest.approx(expected.item(), rel=1e-5)
    assert terms["adversarial"].item() == pytest.approx(
        0.001 * torch.nn.functional.softplus(-logits).mean().item(), rel=1e-5
    )


def test_a_mean_over_the_hole_does_not_grow_with_it() -> None:
    losses = {"overlap_px": 0, "mean_over": "hole", "reconstruction": 1.0}
    system, batch = system_of(settings_of(CENTRE, losses=losses)), example()
    found = loss_of(system, "generator", batch).terms["lp"]
    with torch.no_grad():
        painted = system.networks["generator"](batch["image"], batch["mask"])[0]
    error = (painted - batch["image"]).square()[batch["mask"].expand_as(painted) > 0].mean()
    assert found.item() == pytest.approx(error.item(), rel=1e-5)


def test_a_sum_over_pixels_is_divided_by_no_area() -> None:
    losses = {
        "pixel_loss": "lp", "overlap_px": 0, "reconstruction": 1.0, "reduction": "sum_per_example"
    }  # fmt: skip
    system, batch = system_of(settings_of(CENTRE, losses=losses)), example()
    found = loss_of(system, "generator", batch).terms["lp"]
    with torch.no_grad():
        painted = system.networks["generator"](batch["image"], batch["mask"])[0]
    total = ((painted - batch["image"]).square() * batch["mask"]).sum() / len(painted)
    assert found.item() == pytest.approx(total.item(), rel=1e-5)


def test_every_image_is_normalized_by_its_own_hole() -> None:
    losses = {"pixel_loss": "lp", "overlap_px": 0, "mean_over": "hole", "reconstruction": 1.0}
    system, batch = system_of(settings_of(DEFAULT, losses=losses)), example()
    batch["mask"][1] = 0
    batch["mask"][1, ..., 2:6, 3:9] = 1  # a sixth of the other's
    found = loss_of(system, "generator", batch).terms["lp"]
    with torch.no_grad():
        stages = system.networks["generator"](batch["image"], batch["mask"])
    errors = [
        (stage[n] - batch["image"][n]).square()[batch["mask"][n].expand(3, -1, -1) > 0].mean()
        for stage in stages
        for n in range(2)
    ]
    assert found.item() == pytest.approx(torch.stack(errors).mean().item(), rel=1e-5)


def test_the_two_gradients_stand_as_999_to_1() -> None:
    batch = example()
    slopes = {}
    for weights in ((0.999, 0.001), (1.0, 1.0)):
        losses = {"reconstruction": weights[0], "adversarial": weights[1]}
        system = system_of(settings_of(CENTRE, losses=losses))
        first = next(system.networks["generator"].parameters())
        for name, term in loss_of(system, "generator", batch).terms.items():
            (slope,) = torch.autograd.grad(term, first, retain_graph=True)
            slopes[name, weights] = slope.norm().item()
    for name, share in (("lp", 0.999), ("adversarial", 0.001)):
        ratio = slopes[name, (0.999, 0.001)] / slopes[name, (1.0, 1.0)]
        assert ratio == pytest.approx(share, rel=1e-3)


def test_a_discriminator_that_knows_nothing_costs_two_ln_two() -> None:
    for base in (CENTRE, merged(DEFAULT, {"losses": {"adversarial": 1.0}})):
        system = system_of(settings_of(base))
        for weight in system.networks["discriminator"].parameters():
            torch.nn.init.zeros_(weight)
        terms = loss_of(system, "discriminator", example()).terms
        assert sum(terms.values()).item() == pytest.approx(2 * math.log(2), rel=1e-5)


def test_composites_are_judged_and_only_where_holes_are_seen() -> None:
    system = system_of(settings_of(DEFAULT, losses={"adversarial": 1.0}))
    batch = example(hole=4)
    judge: Any = system.networks["discriminator"]
    seen: list[tuple[Tensor, Tensor]] = []
    judge.register_forward_hook(lambda module, args, output: seen.append((args[0], output.logits)))
    terms = loss_of(system, "discriminator", batch).terms
    (real, _), (fake, logits) = seen
    known = batch["mask"].expand_as(real) == 0
    assert torch.equal(real, batch["image"])
    assert torch.equal(fake[known], real[known])
    assert not torch.equal(fake, real)
    # logits on 8 x 8 places of 4 pixels; the hole of 4 touches the four in the middle
    expected = torch.nn.functional.softplus(logits[..., 3:5, 3:5]).mean()
    assert terms["fake"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_feature_matching_alone_trains_a_discriminator_and_pulls_towards_the_truth() -> None:
    system = system_of(settings_of(DEFAULT, losses={"feature_matching": 2.0}))
    batch = example()
    terms = loss_of(system, "generator", batch).terms
    assert set(terms) == {"log_lp", "feature_matching"}
    judge: Any = system.networks["discriminator"]
    with torch.no_grad():
        painted = system.networks["generator"](batch["image"], batch["mask"])[-1]
        ours = judge(painted, batch["image"], batch["mask"]).features
        theirs = judge(batch["image"], batch["image"], batch["mask"]).features
        shares = [torch.nn.functional.avg_pool2d(batch["mask"], factor) for factor in (2, 4)]
        expected = [
            (share * (a - b).abs().mean(1, keepdim=True)).sum() / share.sum()
            for share, a, b in zip(shares, ours, theirs, strict=True)
        ]
    assert terms["feature_matching"].item() == pytest.approx(
        2.0 * torch.stack(expected).mean().item(), rel=1e-5
    )


def test_every_stage_is_reconstructed() -> None:
    system = system_of(settings_of(DEFAULT, losses={"gradient_difference": 0.5}))
    torch.nn.init.normal_(system.networks["generator"].fine_head.weight, std=0.2)  # type: ignore[arg-type]
    batch = example()
    terms = loss_of(system, "generator", batch).terms
    with torch.no_grad():
        stages = system.networks["generator"](batch["image"], batch["mask"])
    found = [masked_log_lp_loss(stage, batch["image"], batch["mask"]) for stage in stages]
    assert terms["log_lp"].item() == pytest.approx(torch.stack(found).mean().item(), rel=1e-5)
    weights = batch["mask"] / batch["mask"].mean()
    found = [masked_gradient_difference_loss(s, batch["image"], weights) for s in stages]
    assert terms["gradient_difference"].item() == pytest.approx(
        0.5 * torch.stack(found).mean().item(), rel=1e-5
    )


def test_without_a_judged_term_there_is_no_discriminator() -> None:
    system = system_of(settings_of(DEFAULT))
    assert list(system.networks) == ["generator"]
    assert [phase.name for phase in system.phases] == ["generator"]


def test_a_discriminator_that_begins_late_is_not_listened_to_before() -> None:
    late = settings_of(DEFAULT, losses={"adversarial": 1.0}, discriminator_from=5)
    system, batch = system_of(late), example()
    judge, generator = system.phases
    assert judge.when is not None
    assert [judge.when(iteration, {}) for iteration in (0, 4, 5, 6)] == [False, False, True, True]
    assert generator.draws_from == "discriminator"
    assert "adversarial" not in loss_of(system, "generator", batch).terms
    outputs = loss_of(system, "discriminator", batch).outputs
    assert "adversarial" in loss_of(system, "generator", batch, **outputs).terms


def test_a_stale_discriminator_is_the_one_before_its_update() -> None:
    assert system_of(settings_of(CENTRE, stale_discriminator=True)).update == "together"
    assert system_of(settings_of(CENTRE)).update == "in_turn"
    with pytest.raises(SettingsError, match="needs shared_batches"):
        settings_of(CENTRE, stale_discriminator=True, shared_batches=False)


def test_one_mask_serves_the_batch_where_the_code_has_it_so() -> None:
    batch = example()
    batch["mask"][1] = 0
    batch["mask"][1, ..., 2:6, 2:6] = 1
    losses = {"overlap_px": 0}
    shared, own = (
        loss_of(system_of(settings_of(DEFAULT, losses=losses, shared_masks=s)), "generator", batch)
        for s in (True, False)
    )
    batch["mask"][1] = batch["mask"][0]
    same = loss_of(system_of(settings_of(DEFAULT, losses=losses)), "generator", batch)
    assert shared.terms["log_lp"].item() == pytest.approx(same.terms["log_lp"].item())
    assert own.terms["log_lp"].item() != pytest.approx(same.terms["log_lp"].item())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"photos": {"crop": [64, 64]}}, "the generator takes 32x32"),
        ({"discriminator": {"maps": [4]}}, "judges 8 pixels, the generator paints 16"),
        ({"masks": {"centre_share": 0.5}}, r"hole_px=16"),
        ({"masks": {"kinds": {"boxes": 1}}}, "expected centre"),
        ({"validation_masks": ["strokes"]}, "expected centre"),
        ({"discriminator_from": 5, "shared_batches": False}, "shared_batches"),
        ({"validation_area": [0.3, 0.1]}, "for validation with centre, area is"),
        ({"losses": {"reconstruction": 0, "adversarial": 0}}, "losses has no term for the first"),
        (
            {"losses": {"reconstruction": 0, "adversarial": 0.1}, "discriminator_from": 5},
            "losses has no term for the first",
        ),
    ],
)
def test_settings_that_cannot_work(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        settings_of(CENTRE, **changes)


def test_masks_of_ones_own_for_validation_need_their_folder() -> None:
    with pytest.raises(SettingsError, match="for validation with files, kinds has files, but"):
        settings_of(DEFAULT, validation_masks=["files"])


def test_crops_that_the_generator_cannot_halve_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"photos.crop is \(48, 40\), expected multiples of 16"):
        settings_of(
            {"generator": {"widths": [8, 8], "blocks": [1, 1]}, "photos": {"crop": [48, 40]}}
        )


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Return eight smooth pictures and a file that is none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    random = np.random.default_rng(0)
    for number in range(8):
        picture = cv2.resize(random.integers(0, 256, (4, 5, 3), np.uint8), (80, 64))
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    (folder / "bad.jpg").write_text("no picture")
    return folder


def test_a_folder_becomes_examples_and_held_out_holes(photographs: Path, tmp_path: Path) -> None:
    settings = settings_of(DEFAULT, validation_share=0.3)
    data = open_data(settings, photographs, tmp_path / "run")
    held_out = list(data.validation)
    names = {name for batch in held_out for name in batch["name"]}
    assert len(data.train) + len(names) == 8
    assert {kind for batch in held_out for kind in batch["kind"]} == {"centre", "strokes"}
    assert len(data.skipped) == 1
    assert data.skipped[0].startswith("bad.jpg: ")
    assert (tmp_path / "run/index.json").exists()
    for batch in held_out:
        for kind, mask in zip(batch["kind"], batch["mask"], strict=True):
            assert mask.mean() == 0.25 if kind == "centre" else 0.1 <= mask.mean() <= 0.3


def test_masks_of_the_user_s_own_are_used(photographs: Path, tmp_path: Path) -> None:
    mask = np.zeros((64, 64), np.uint8)
    mask[:, 20:40] = 255
    (tmp_path / "masks").mkdir()
    cv2.imwrite(str(tmp_path / "masks/bar.png"), mask)
    masks = {"folder": str(tmp_path / "masks"), "kinds": {"files": 1}}
    settings = settings_of(DEFAULT, masks=masks, validation_masks=["files"])
    data = open_data(settings, photographs)
    drawn = data.train[(0, 0)]["mask"][0]
    assert (drawn.all(0) ^ drawn.any(0)).sum() == 0 or (drawn.all(1) ^ drawn.any(1)).sum() == 0
    assert next(iter(data.validation))["kind"][0] == "files"


def test_masks_of_the_user_s_own_are_in_no_other_kind_of_validation(
    photographs: Path, tmp_path: Path
) -> None:
    (tmp_path / "masks").mkdir()
    cv2.imwrite(str(tmp_path / "masks/dots.png"), np.tile(np.uint8([0, 0, 0, 255]), (64, 16)))
    settings = settings_of(DEFAULT, masks={"folder": str(tmp_path / "masks")})
    for batch in open_data(settings, photographs).validation:
        for kind, mask in zip(batch["kind"], batch["mask"], strict=True):
            assert kind != "centre" or mask.mean() == 0.25


def test_validation_is_measured_in_the_hole_against_the_better_classical_fill() -> None:
    system = system_of(settings_of(DEFAULT))
    batch: dict[str, Any] = {**example(2, 64, 32), "kind": ["centre", "strokes"]}
    numbers = inpaint_validation(system.networks, [batch])
    images, masks = batch["image"], batch["mask"]
    filled = Inpainter(system.networks["generator"]).fill(images, masks)
    where = masks.expand_as(images) > 0
    errors = [(filled - images)[n][where[n]] / 2 for n in range(2)]
    decibels = [-10 * math.log10(error.square().mean()) for error in errors]
    assert numbers["psnr_centre_db"] == pytest.approx(decibels[0], rel=1e-4)
    assert numbers["psnr_db"] == pytest.approx(sum(decibels) / 2, rel=1e-4)
    assert numbers["l1_percent"] == pytest.approx(
        sum(100 * error.abs().mean().item() for error in errors) / 2, rel=1e-4
    )
    assert numbers["l2_percent"] == pytest.approx(
        sum(100 * error.square().mean().item() for error in errors) / 2, rel=1e-4
    )
    classical = [psnr(opencv_fill(images, masks, m), images, (-1, 1), masks)[0] for m in METHODS]
    assert numbers["gain_centre_db"] == pytest.approx(
        decibels[0] - max(float(value) for value in classical), abs=1e-3
    )


def test_the_preview_shows_masked_filled_and_truth(tmp_path: Path) -> None:
    system = system_of(settings_of(DEFAULT))
    batch = example(3)
    inpaint_preview(system.networks, batch, tmp_path)
    sheet = read_image(tmp_path / "inpaint.png")
    assert sheet.shape == (3, 3 * 34 + 2, 3 * 34 + 2)
    tiles = [sheet[:, 2:34, 2 + 34 * n : 34 + 34 * n] for n in range(3)]
    masked, filled, truth = tiles
    assert (truth - batch["image"][0]).abs().max() < 0.01
    hole = batch["mask"][0].expand_as(truth) > 0
    assert masked[hole].unique().tolist() == [1.0]
    assert (filled - truth)[~hole].abs().max() < 0.01
    assert (filled - masked)[hole].abs().min() > 0
