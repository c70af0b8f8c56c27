"""The system of next-frame prediction."""

import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from predictor.errors import SettingsError
from predictor.losses import gradient_difference_loss, lp_loss
from predictor.losses.lp import LOG_FLOOR
from predictor.media.images import read_image, write_png
from predictor.media.video import open_video
from predictor.pyramid import pooled_at_factors
from predictor.recipes import load_recipe
from predictor.systems.entry import MORE_WORKERS
from predictor.systems.frames import FramesSettings, build, open_data
from predictor.systems.frames_reports import frames_preview, frames_validation
from predictor.systems.phases import System
from predictor.systems.settings import NetworkSettings
from predictor.training.settings import changed_settings, validated_settings

NARROW = {
    "generator": {
        "network": "multiscale",
        "maps": [[4], [4]],
        "kernels": [[3, 3], [3, 3]],
    },
    "discriminators": {
        "network": "patch-discriminators",
        "factors": [2, 1],
        "maps": [4],
    },
    "clips": {"crop": [16, 16]},
}


def system_of(**losses: Any) -> System:
    torch.manual_seed(0)
    return build(FramesSettings.model_validate({**NARROW, "losses": losses}))


def clips(frames: int = 5) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    return torch.rand(2, frames, 3, 16, 16, generator=generator) * 2 - 1


def phase_loss(system: System, name: str, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    (phase,) = [phase for phase in system.phases if phase.name == name]
    return dict(phase.loss(system.networks, batch, {}).terms)


@torch.no_grad()
def test_terms_are_the_papers_sums_over_scales() -> None:
    weights = {
        "pixel_loss": "lp",
        "lp": 1.0,
        "p": 2,
        "gradient_difference": 0.5,
        "setback": 0.0,
        "adversarial": 0.05,
        "reduction": "sum_per_example",
    }
    system = system_of(**weights)
    clip = clips()
    terms = phase_loss(system, "generator", {"clip": clip})
    predictions = system.networks["generator"](clip[:, :4])
    truths = pooled_at_factors(clip[:, 4], (2, 1))
    pairs = list(zip(predictions, truths, strict=True))
    expected_lp = sum(lp_loss(p, t, 2, "sum_per_example") for p, t in pairs)
    expected_gradient = sum(gradient_difference_loss(p, t, 1, "sum_per_example") for p, t in pairs)
    logits = system.networks["discriminators"](clip[:, :4], predictions)
    expected_adversarial = sum(torch.nn.functional.softplus(-x).mean() for x in logits)
    assert set(terms) == {"lp", "gradient_difference", "adversarial"}
    assert terms["lp"].item() == pytest.approx(float(expected_lp), rel=1e-5)
    assert terms["gradient_difference"].item() == pytest.approx(
        0.5 * float(expected_gradient), rel=1e-5
    )
    assert terms["adversarial"].item() == pytest.approx(
        0.05 * float(expected_adversarial), rel=1e-5
    )


@torch.no_grad()
def test_the_exponent_of_the_gradient_difference_is_a_setting() -> None:
    changes = {"adversarial": 0.0, "gradient_difference": 1.0, "gradient_difference_alpha": 2.0}
    system, clip = system_of(**changes), clips()
    predictions = system.networks["generator"](clip[:, :4])
    truths = pooled_at_factors(clip[:, 4], (2, 1))
    expected = sum(
        gradient_difference_loss(p, t, 2.0) for p, t in zip(predictions, truths, strict=True)
    )
    found = phase_loss(system, "generator", {"clip": clip})["gradient_difference"]
    assert found.item() == pytest.approx(float(expected), rel=1e-5)


def test_adversarial_term_has_a_gradient_in_the_generator() -> None:
    # a known port of the paper feeds predictions back as data and loses it
    system = system_of(adversarial=1.0)
    terms = phase_loss(system, "generator", {"clip": clips()})
    terms["adversarial"].backward()
    weights = list(system.networks["generator"].parameters())
    assert all(weight.grad is not None and weight.grad.any() for weight in weights)


@torch.no_grad()
def test_discriminators_that_know_nothing_cost_two_ln_two_a_scale() -> None:
    system = system_of(adversarial=1.0)
    for weight in system.networks["discriminators"].parameters():
        torch.nn.init.zeros_(weight)
    terms = phase_loss(system, "discriminators", {"clip": clips()})
    assert sum(terms.values()).item() == pytest.approx(2 * 2 * math.log(2), rel=1e-5)


@torch.no_grad()
def test_mismatched_pairs_put_frames_behind_another_context() -> None:
    system = system_of(adversarial=1.0, mismatched_pairs=True)
    terms = phase_loss(system, "discriminators", {"clip": clips()})
    assert set(terms) == {"real", "fake", "mismatched"}
    context, target = clips()[:, :4], clips()[:, 4]
    others = pooled_at_factors(target.flip(0), (2, 1))  # of two clips, that of the other
    logits = system.networks["discriminators"](context, others)
    expected = sum(torch.nn.functional.softplus(x).mean() for x in logits)
    assert terms["mismatched"].item() == pytest.approx(float(expected), rel=1e-5)
    usual = phase_loss(system_of(adversarial=1.0), "discriminators", {"clip": clips()})
    assert set(usual) == {"real", "fake"}
    # Two real pairs for the two that are not.
    assert terms["real"].item() == pytest.approx(2 * usual["real"].item(), rel=1e-5)
    assert terms["fake"].item() == pytest.approx(usual["fake"].item(), rel=1e-5)


@torch.no_grad()
def test_later_targets_are_predicted_from_predictions() -> None:
    system = system_of(pixel_loss="lp", lp=1.0, p=2, gradient_difference=0.0, adversarial=0.0)
    clip = clips(6)
    changed = clip.clone()
    changed[:, 4] = 0  # a truth that must not be shown when the frame after it is predicted
    generator = system.networks["generator"]
    first = generator(clip[:, :4])
    second = generator(torch.cat([clip[:, 1:4], first[-1][:, None]], dim=1))
    for shown in (clip, changed):
        expected = sum(
            lp_loss(p, t, 2)
            for predictions, target in ((first, shown[:, 4]), (second, shown[:, 5]))
            for p, t in zip(predictions, pooled_at_factors(target, (2, 1)), strict=True)
        )
        terms = phase_loss(system, "generator", {"clip": shown})
        assert terms["lp"].item() == pytest.approx(float(expected) / 2, rel=1e-5)


def test_without_adversarial_weight_there_are_no_discriminators() -> None:
    system = system_of(adversarial=0.0)
    assert set(system.networks) == {"generator"}
    assert [phase.name for phase in system.phases] == ["generator"]


def test_only_networks_that_are_built_limit_the_clips() -> None:
    two_frames = {"network": "multiscale", "context": 2}
    chosen = {"generator": two_frames, "losses": {"adversarial": 0.0}, "clips": {"crop": [40, 40]}}
    assert FramesSettings.model_validate(chosen).clips.context_frames == 2
    five_scales = {**two_frames, "maps": [[8]] * 5, "kernels": [[3, 3]] * 5}
    with pytest.raises(ValueError, match=r"crop is \(40, 40\), expected multiples of 16"):
        FramesSettings.model_validate({**chosen, "generator": five_scales})


def test_table_in_settings_changes_only_what_it_names() -> None:
    settings = FramesSettings.model_validate({"losses": {"adversarial": 0.0}})
    default = FramesSettings()
    assert settings.losses.pixel_loss == default.losses.pixel_loss == "log_lp"
    assert settings.losses.adversarial == 0.0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"generator": {"network": "motoin"}}, "no network 'motoin'"),
        ({"generator": {"network": "motion", "witdhs": [8]}}, "motion has no 'witdhs'"),
        ({"clips": {"context_frames": 3}}, "the generator takes 12 frames"),
        ({"discriminators": {"context": 13}}, "is 12, but the discriminators see 13"),
        ({"clips": {"crop": [192, 251]}}, "multiples of 2"),
        ({"discriminators": {"network": "multiscale-discriminators"}}, "patch_size is"),
        (
            {"generator": {"network": "dcgan"}},
            "dcgan is a generator, expected a predictor of frames: motion, multiscale",
        ),
        (
            {"discriminators": {"network": "motion"}},
            "motion is a predictor of frames, expected a judge of frames: multiscale-disc",
        ),
        ({"generator": {"network": "motion"}, "clips": 5}, "clips=5: .*valid dictionary"),
        ({"loses": {}}, "did you mean 'losses'"),
        ({"losses": {"mismatched_pairs": True}, "batch_size": 1}, "expected 2 or more"),
        (
            {"losses": {"lp": 0, "gradient_difference": 0, "setback": 0, "adversarial": 0}},
            r"losses has no term: set losses\.lp above 0",
        ),
    ],
)
def test_settings_that_cannot_work_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        validated_settings(FramesSettings, values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"losses": {"scale_weights": [1.0]}}, "the generator has 2 scales"),
        (
            {"generator": {"network": "multiscale"}},
            r"pooled by \(2, 1\), .* makes \(8, 4, 2, 1\)",
        ),
    ],
)
def test_numbers_of_scales_must_agree(values: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        build(validated_settings(FramesSettings, values))


def test_clips_have_the_context_that_the_generator_takes() -> None:
    assert FramesSettings().clips.context_frames == 12
    chosen = NetworkSettings(network="multiscale")
    assert FramesSettings(generator=chosen).clips.context_frames == 4
    few = {"generator": {"network": "multiscale"}, "losses": {"adversarial": 0.0}}
    assert FramesSettings.model_validate(few).clips.context_frames == 4
    changed = FramesSettings.model_validate({**few, "clips": {"target_frames": 2}}).clips
    assert (changed.context_frames, changed.target_frames) == (4, 2)


@pytest.mark.parametrize("name", ["mathieu-paper", "mathieu-official"])
def test_recipes_of_the_paper_build(name: str) -> None:
    settings = validated_settings(FramesSettings, load_recipe(name).settings)
    assert settings.generator.network == "multiscale"
    expected = {"mathieu-paper": 12_569_740, "mathieu-official": 223_644}[name]
    generator = build(settings).networks["generator"]
    assert sum(weight.numel() for weight in generator.parameters()) == expected


def test_validation_names_gain_over_the_classical_extrapolation() -> None:
    system = system_of(adversarial=0.0)
    window = torch.rand(1, 14, 3, 40, 48) * 2 - 1
    scores = frames_validation(system.networks, [{"clip": window}])
    measures = ("psnr_{}_db", "gain_{}_db", "worse_than_repeat_{}_share", "ssim_{}")
    assert set(scores) == {measure.format(ahead) for measure in measures for ahead in (1, 2)}
    perfect = torch.zeros(1, 14, 3, 40, 48)
    for weight in system.networks["generator"].parameters():
        torch.nn.init.zeros_(weight)
    scores = frames_validation(system.networks, [{"clip": perfect}])
    assert scores["psnr_1_db"] == 60.0
    assert scores["worse_than_repeat_1_share"] == 0.0


def test_validation_counts_windows_that_repeating_predicts_better() -> None:
    system = system_of(adversarial=0.0)
    for weight in system.networks["generator"].parameters():
        torch.nn.init.zeros_(weight)  # a generator that always predicts grey
    still = torch.full((1, 14, 3, 40, 48), 0.5)
    grey = still.clone()
    grey[:, 12:] = 0.0
    assert frames_validation(system.networks, [{"clip": still}])["worse_than_repeat_1_share"] == 1.0
    scores = frames_validation(system.networks, [{"clip": still}, {"clip": grey}])
    assert scores["worse_than_repeat_1_share"] == 0.5


@torch.no_grad()
def test_setback_counts_what_the_finest_scale_loses_against_the_last_frame() -> None:
    system = system_of(setback=2.0, adversarial=0.0)
    for weight in system.networks["generator"].parameters():
        torch.nn.init.zeros_(weight)
    clip = torch.full((1, 5, 3, 16, 16), 0.5)
    clip[:, 4] = 0.3  # grey is 0.3 away, the last frame 0.2
    lost = math.log((0.3**2 + LOG_FLOOR**2) / (0.2**2 + LOG_FLOOR**2))
    terms = phase_loss(system, "generator", {"clip": clip})
    assert terms["setback"].item() == pytest.approx(2 * lost, rel=1e-5)
    clip[:, 4] = 0.2
    assert phase_loss(system, "generator", {"clip": clip})["setback"].item() == 0.0


@pytest.mark.parametrize(("context", "targets"), [(12, 1), (6, 3), (4, 2)])
def test_motion_found_by_the_loader_gives_the_same_loss(context: int, targets: int) -> None:
    settings = FramesSettings.model_validate(
        {
            "generator": {
                "network": "motion", "context": context, "widths": [8, 8], "blocks": [1, 1]
            },
            "losses": {"adversarial": 0.0},
            "clips": {"crop": [48, 64]},
        }
    )  # fmt: skip
    system = build(settings)
    clip = clips(context + targets).repeat(1, 1, 1, 3, 4)
    network: Any = system.networks["generator"]
    found = [network.evidence(network.config, example[:context]) for example in clip]
    evidence = {name: torch.stack([one[name] for one in found]) for name in found[0]}
    with torch.no_grad():
        alone = phase_loss(system, "generator", {"clip": clip})
        told = phase_loss(system, "generator", {"clip": clip, **evidence})
        wrong = phase_loss(
            system, "generator", {"clip": clip, **{k: v + 3 for k, v in evidence.items()}}
        )
    assert told == alone
    assert wrong["log_lp"] != alone["log_lp"]


def test_preview_shows_last_frame_truth_prediction_and_difference(tmp_path: Path) -> None:
    system = system_of(adversarial=0.0)
    frames_preview(system.networks, {"clip": clips()}, tmp_path)
    picture = read_image(tmp_path / "frames.png")
    # two rows of four pictures of 16 pixels with two pixels between and around them
    assert picture.shape == (3, 2 * 18 + 2, 4 * 18 + 2)
    last = picture[:, 2:18, 2:18]
    assert (last - clips()[0, 3]).abs().max() < 1.01 / 127.5


def test_preview_clip_shows_truth_beside_prediction(tmp_path: Path) -> None:
    system = system_of(adversarial=0.0)
    for weight in system.networks["generator"].parameters():
        torch.nn.init.zeros_(weight)  # predicts grey
    clip = torch.ones(1, 14, 3, 32, 32)
    frames_preview(system.networks, {"clip": clip}, tmp_path)
    with open_video(tmp_path / "frames.mp4") as reader:
        images = [frame.image for frame in reader]
    assert len(images) == 14
    assert all(image.shape == (3, 32, 64) for image in images)
    assert images[11][:, :, 40:].mean() == pytest.approx(1, abs=0.03)
    assert images[12][:, :, :24].mean() == pytest.approx(1, abs=0.03)
    assert images[12][:, :, 40:].mean() == pytest.approx(0, abs=0.03)


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """Return a folder of two clips whose frames are PNGs."""
    for name in ("a", "b"):
        folder = tmp_path / "videos" / name
        folder.mkdir(parents=True)
        for number in range(18):
            write_png(folder / f"{number:06d}.png", clips(1)[0, 0].roll(number, dims=-1))
    return tmp_path / "videos"


def test_index_of_the_videos_is_kept_in_the_run(videos: Path, tmp_path: Path) -> None:
    settings = FramesSettings.model_validate({**NARROW, "losses": {"adversarial": 0.0}})
    first = open_data(settings, videos, tmp_path / "run")
    kept = (tmp_path / "run" / "index.npz").stat()
    again = open_data(settings, videos, tmp_path / "run")
    assert (tmp_path / "run" / "index.npz").stat().st_mtime_ns == kept.st_mtime_ns
    assert torch.equal(first.train[(0, 1)]["clip"], again.train[(0, 1)]["clip"])


def test_packed_frames_give_the_same_clips(videos: Path, tmp_path: Path) -> None:
    settings = FramesSettings.model_validate({**NARROW, "losses": {"adversarial": 0.0}})
    decoded = open_data(settings, videos, tmp_path / "run")
    assert not (tmp_path / "run" / "frames.bin").exists()
    asked = changed_settings(settings, {"packed_frames_gb": 0.001})
    packed = open_data(asked, videos, tmp_path / "run")
    assert (tmp_path / "run" / "frames.bin").stat().st_size == 2 * 18 * 3 * 16 * 16
    assert torch.equal(packed.train[(0, 1)]["clip"], decoded.train[(0, 1)]["clip"])
    assert decoded.loading_remedy.startswith("--set packed_frames_gb=0.1, also of predictor resume")
    assert packed.loading_remedy == MORE_WORKERS
    assert open_data(asked, videos).loading_remedy.startswith("the run packs its frames")


def test_a_clip_long_enough_is_held_out_and_one_read_in_part_is_said(
    videos: Path, tmp_path: Path
) -> None:
    """Of both clips ``b`` would be held out, which is too short to validate on."""
    settings = FramesSettings.model_validate({**NARROW, "losses": {"adversarial": 0.0}})
    for name in ("c", "d"):
        shutil.copytree(videos / "a", videos / name)
    by_hash = {window["name"] for window in open_data(settings, videos).validation.dataset}
    for name in by_hash:
        for picture in sorted((videos / name).iterdir())[7:]:
            picture.unlink()
    (videos / "cut").mkdir()
    shutil.copy(videos / "a" / "000000.png", videos / "cut" / "0.png")
    (videos / "cut" / "1.png").write_bytes(b"no picture")
    found = open_data(settings, videos)
    names = {window["name"] for window in found.validation.dataset}
    assert names
    assert not names & by_hash
    (skipped,) = found.skipped
    assert skipped.startswith("cut: all after its first 1 frames: ")
