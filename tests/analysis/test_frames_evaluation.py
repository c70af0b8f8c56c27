"""The protocol: what is measured on the windows of a folder, and against what."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor

from predictor.analysis import frames_evaluation
from predictor.analysis.frames_evaluation import (
    CONSTANT_VELOCITY,
    REPEAT_LAST,
    Evaluation,
    evaluated,
)
from predictor.data import index_videos
from predictor.errors import TensorContractError, UnusableData

HEIGHT, WIDTH = 48, 64


def texture(seed: int) -> np.ndarray:
    """Return a smooth random picture, larger than a frame."""
    noise = np.random.default_rng(seed).random((140, 200, 3)).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 3)
    low, high = smooth.min(), smooth.max()
    return ((smooth - low) / (high - low) * 255).astype(np.uint8)


def write_clip(folder: Path, frames: list[np.ndarray]) -> None:
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"{number:06d}.png"), frame[..., ::-1])


def moving(seed: int, count: int, speed_px: int = 2) -> list[np.ndarray]:
    picture = texture(seed)
    return [
        picture[20 : 20 + HEIGHT, speed_px * k : speed_px * k + WIDTH].copy() for k in range(count)
    ]


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("footage")
    write_clip(root / "moving", moving(0, 20))
    write_clip(root / "still", [texture(1)[:HEIGHT, :WIDTH]] * 20)
    write_clip(root / "short", moving(2, 9))
    write_clip(root / "cut", [*moving(3, 10), *moving(9, 10)])
    (root / "broken.mp4").write_bytes(b"no video")
    return root


def oracle(clip: Tensor, count: int) -> Tensor:
    """Predict what the clip ``moving`` really shows: the texture moved on."""
    true = [frame.astype(np.float32) / 127.5 - 1 for frame in moving(0, 12 + count)[12:]]
    return torch.from_numpy(np.stack(true)).permute(0, 3, 1, 2)[None]


@pytest.fixture(scope="module")
def evaluation(footage: Path) -> Evaluation:
    return evaluated(footage, {"oracle": oracle}, horizon=3, windows_per_video=2)


def of_clip(evaluation: Evaluation, name: str, method: str, measure: str) -> tuple[object, ...]:
    first = next(w for w in evaluation.windows if w.video == name)
    return first.scores[method][measure]


def test_repeat_last_is_the_last_context_frame_against_each_target(evaluation: Evaluation) -> None:
    frames = moving(0, 15)
    for step in range(3):
        truth, last = frames[12 + step], frames[11]
        psnr = of_clip(evaluation, "moving", REPEAT_LAST, "psnr_db")[step]
        assert psnr == pytest.approx(peak_signal_noise_ratio(truth, last), abs=1e-3)
        ssim = of_clip(evaluation, "moving", REPEAT_LAST, "ssim")[step]
        reference = structural_similarity(
            truth, last, channel_axis=2, gaussian_weights=True, sigma=1.5, data_range=255,
            use_sample_covariance=False,
        )  # fmt: skip
        assert ssim == pytest.approx(reference, abs=2e-3)


def test_perfect_prediction_reaches_the_cap_and_no_more(evaluation: Evaluation) -> None:
    assert of_clip(evaluation, "moving", "oracle", "psnr_db") == (60.0, 60.0, 60.0)
    assert of_clip(evaluation, "moving", "oracle", "moving_psnr_db") == (60.0, 60.0, 60.0)
    assert of_clip(evaluation, "moving", "oracle", "sharpness_db") == (60.0, 60.0, 60.0)
    assert of_clip(evaluation, "moving", "oracle", "ssim") == pytest.approx((1.0, 1.0, 1.0))


def test_constant_velocity_follows_a_constant_velocity(evaluation: Evaluation) -> None:
    followed = of_clip(evaluation, "moving", CONSTANT_VELOCITY, "psnr_db")
    repeated = of_clip(evaluation, "moving", REPEAT_LAST, "psnr_db")
    for followed_db, repeated_db in zip(followed, repeated, strict=True):
        assert isinstance(followed_db, float)
        assert isinstance(repeated_db, float)
        assert followed_db > repeated_db + 5


def test_still_windows_are_listed_apart_and_have_no_moving_pixels(evaluation: Evaluation) -> None:
    assert {w.video for w in evaluation.still} == {"still"}
    assert {w.video for w in evaluation.moving} == {"moving"}
    assert of_clip(evaluation, "still", REPEAT_LAST, "moving_psnr_db") == (None, None, None)


def test_what_was_skipped_is_named_with_its_reason(evaluation: Evaluation) -> None:
    reasons = dict(evaluation.skipped)
    assert set(reasons) == {"short", "cut", "broken.mp4"}
    assert reasons["short"] == reasons["cut"] == "no 15 frames without a cut"


def test_window_starts_at_its_presentation_time(evaluation: Evaluation) -> None:
    # 20 frames at 25 a second hold windows of 15 frames from 0 to 5; the two are the ends.
    assert [w.start_s for w in evaluation.moving] == [0.0, 5 / 25]


def test_folder_without_a_window_is_named(tmp_path: Path) -> None:
    write_clip(tmp_path / "data" / "short", moving(0, 9))
    with pytest.raises(UnusableData, match="data/short has no 20 successive frames"):
        evaluated(tmp_path / "data", {})


def test_pictures_under_the_window_of_ssim_are_skipped(tmp_path: Path) -> None:
    write_clip(tmp_path / "data" / "tiny", [frame[:10] for frame in moving(0, 20)])
    write_clip(tmp_path / "data" / "fine", moving(0, 20))
    found = evaluated(tmp_path / "data", {}, windows_per_video=1)
    assert found.skipped == (("tiny", "smaller than 11 pixels"),)
    assert [w.video for w in found.windows] == ["fine"]


def test_file_that_changed_after_indexing_is_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        write_clip(tmp_path / "data" / name, moving(0, 20))
    index = index_videos(tmp_path / "data")
    monkeypatch.setattr(frames_evaluation, "index_videos", lambda folder: index)
    (tmp_path / "data" / "a" / "000003.png").write_bytes(b"damaged since")
    found = evaluated(tmp_path / "data", {}, windows_per_video=1)
    assert [w.video for w in found.windows] == ["b"]
    assert "000003.png" in dict(found.skipped)["a"]


def test_a_model_that_predicts_no_numbers_is_named(footage: Path) -> None:
    def diverged(clip: Tensor, count: int) -> Tensor:
        predicted = clip[:, :count].clone()
        predicted[..., 5, 5] = torch.nan
        return predicted

    with pytest.raises(TensorContractError, match="diverged predicts pixels that are not finite"):
        evaluated(footage, {"diverged": diverged}, windows_per_video=1)


def test_context_is_twelve_frames_and_targets_stay_hidden(footage: Path) -> None:
    seen = []

    def spy(clip: Tensor, count: int) -> Tensor:
        seen.append((clip.shape[1], count))
        return clip[:, -1:].repeat(1, count, 1, 1, 1)

    evaluated(footage, {"spy": spy}, horizon=4, windows_per_video=1)
    assert set(seen) == {(12, 4)}
