"""``predictor sample --vary``: which picture stands where, in sheets and in videos."""

from pathlib import Path
from typing import Any

import pytest
import torch
from released import released
from torch import Tensor
from torch.nn import functional
from typer.testing import CliRunner

import predictor
from pipelines.cli import run as exit_code_of
from predictor.analysis.sheets import CAPTION_PX, GAP_PX
from predictor.cli import app
from predictor.media.images import from_uint8, read_image, read_pixels
from predictor.media.video import open_video
from predictor.structured_latents import StructuredLatents

run = CliRunner().invoke

CODES = StructuredLatents(noise=3, categorical=(3,), uniform=2)
SIDE = 48  # pictures of 8 are enlarged to it
STEP = SIDE + GAP_PX
TOP = 2 * CAPTION_PX


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("models") / "coded.safetensors"
    return released(
        path, "infogan", "infogan", 0.7, shape=(1, 8, 8), latents=CODES, dense=6, maps=(4, 3)
    )


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("models") / "labelled.safetensors"
    return released(
        path, "labelled-generator", "conditional-gan", 0.7,
        shape=(1, 8, 8), classes=3, latent=5, dense=8, maps=(4, 4),
    )  # fmt: skip


def done(*arguments: str | Path) -> Any:
    result = run(app, ["sample", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result


def cell(sheet: Tensor, top: int, row: int, column: int) -> Tensor:
    """Return one picture of the block whose pictures begin at `top`, in its own size."""
    down, across = top + GAP_PX + row * STEP, GAP_PX + column * STEP
    return sheet[:, down : down + SIDE : 6, across : across + SIDE : 6]


def is_close(found: Tensor, image: Tensor) -> bool:
    return torch.allclose(found, image.expand(3, -1, -1), atol=1 / 255 + 1e-6)


def test_each_code_is_a_block_of_rows_of_fixed_noise(coded: str, tmp_path: Path) -> None:
    out = tmp_path / "sweep.png"
    result = done(coded, "-n", "2", "--vary", "c1", "--vary", "c2=-2..1", "--seed", "3", "-o", out)
    assert result.stdout == f"{out}\n"
    assert "c2: -2 to 1 goes beyond what the model was trained with, -1 to 1" in result.stderr
    assert "c1" not in result.stderr
    found = from_uint8(read_pixels(out))
    block = TOP + 2 * STEP + GAP_PX
    assert found.shape == (3, 2 * block, 10 * STEP + GAP_PX)
    sampler = predictor.load(coded)
    latents = sampler.latents(3, range(2))
    for row in range(2):
        for category in range(3):
            latent = latents[row].clone()
            latent[3:6] = functional.one_hot(torch.tensor(category), 3)
            assert is_close(cell(found, TOP, row, category), sampler.images(latent[None])[0])
        for column in (0, 9):
            latent = latents[row].clone()
            latent[6] = -2 + 3 * column / 9
            below = cell(found, block + TOP, row, column)
            assert is_close(below, sampler.images(latent[None])[0])
    assert found[:, :block, 3 * STEP + GAP_PX :].min() == 1  # white beside the narrower block


def test_blocks_and_columns_are_captioned(coded: str, tmp_path: Path) -> None:
    done(coded, "-n", "1", "--vary", "c1", "-o", tmp_path / "a.png")
    done(coded, "-n", "1", "--vary", "c1=0..1", "-o", tmp_path / "b.png")
    first, second = (from_uint8(read_pixels(tmp_path / name)) for name in ("a.png", "b.png"))
    assert (first[:, :CAPTION_PX, :100] < -0.5).any()
    assert not torch.equal(first[:, :CAPTION_PX, :100], second[:, :CAPTION_PX, :100])
    heads = first[:, CAPTION_PX:TOP]
    columns = [heads[..., GAP_PX + k * STEP :][..., :SIDE] for k in range(3)]
    assert all((column < -0.5).any() for column in columns)
    assert not torch.equal(columns[0], columns[1])
    assert torch.equal(columns[1], second[:, CAPTION_PX:TOP, GAP_PX + STEP :][..., :SIDE])


def test_one_value_of_one_picture_is_a_sheet_too(coded: str, tmp_path: Path) -> None:
    done(coded, "-o", tmp_path / "one.png", "--vary", "c1=2..2", "-n", "1")
    done(coded, "-o", tmp_path / "two.png", "--vary", "c1=2..2", "-n", "2")
    one, two = (read_image(tmp_path / name) for name in ("one.png", "two.png"))
    assert one.shape[1:] == (2 * CAPTION_PX + SIDE, SIDE)
    first = two[:, 2 * CAPTION_PX + GAP_PX :][:, :SIDE, GAP_PX : GAP_PX + SIDE]
    assert torch.equal(one[:, 2 * CAPTION_PX :], first)


def test_ten_rows_where_none_are_counted(coded: str, tmp_path: Path) -> None:
    done(coded, "--vary", "c1", "-o", tmp_path / "a.png")
    assert read_pixels(tmp_path / "a.png").shape[0] == TOP + 10 * STEP + GAP_PX


def test_noise_is_varied_in_a_model_without_codes(labelled: str, tmp_path: Path) -> None:
    out = tmp_path / "control.png"
    done(labelled, "-n", "3", "--vary", "z1=-1..1", "-o", out)
    found = from_uint8(read_pixels(out))
    sampler = predictor.load(labelled)
    latents = sampler.latents(0, range(3))
    latents[:, 1] = 1.0
    for row in range(3):
        image = sampler.images(latents[row : row + 1], [row])[0]  # each row keeps its class
        assert is_close(cell(found, TOP, row, 9), image)
    done(labelled, "-n", "2", "--vary", "z1", "--classes", "2", "-o", tmp_path / "two.png")
    found = from_uint8(read_pixels(tmp_path / "two.png"))
    latents[:, 1] = -2.0
    assert is_close(cell(found, TOP, 0, 0), sampler.images(latents[:1], [2])[0])


def test_sums_keep_the_categories_of_their_first_picture(coded: str, tmp_path: Path) -> None:
    sampler = predictor.load(coded)
    latents = sampler.latents(0, range(20))
    categories = latents[:, 3:6].argmax(dim=1).tolist()
    first = categories.index(2)
    other, last = categories.index(0), len(categories) - 1 - categories[::-1].index(2)
    said = "each mean, and the sum, keeps the categorical codes of the picture that it begins with"
    out = tmp_path / "sum.png"
    result = done(coded, "--arithmetic", f"mean({first},{other}) - {last}", "-n", "20", "-o", out)
    assert said in result.stderr
    mean = latents[[first, other]].mean(0)
    total = mean - latents[last]
    found = from_uint8(read_pixels(out))
    for latent, row, column in ((mean, 0, 2), (total, 3, 1)):
        latent[3:6] = functional.one_hot(torch.tensor(2), 3)
        top, left = GAP_PX + row * (8 + GAP_PX), GAP_PX + column * (8 + GAP_PX)
        place = found[:, top : top + 8, left : left + 8]
        assert is_close(place, sampler.images(latent[None])[0])
    alike = done(coded, "--arithmetic", f"{first} - {last}", "-n", "20", "-o", tmp_path / "b.png")
    assert "keeps" not in alike.stderr


def test_a_video_varies_one_code_after_the_other_and_ends_as_it_began(
    coded: str, tmp_path: Path
) -> None:
    video = tmp_path / "walk.mp4"
    arguments = ("-n", "3", "--interpolate", "4", "--vary", "c1", "--vary", "c3=-1..1")
    done(coded, "--walk", video, *arguments)
    with open_video(video) as reader:
        frames = [frame.image for frame in reader]
    assert len(frames) == 3 * 4 + 2 * 4
    sampler = predictor.load(coded)
    latents = sampler.latents(0, range(3))

    def shown(frame: Tensor, row: int, column: int) -> Tensor:
        down, across = CAPTION_PX + GAP_PX + row * STEP, GAP_PX + column * STEP
        part = frame[:, down : down + SIDE, across : across + SIDE]
        return functional.interpolate(part[None], (8, 8), mode="area")[0]

    for number, category in ((0, 0), (4, 1), (8, 2)):
        for picture in range(3):  # in two columns
            latent = latents[picture].clone()
            latent[3:6] = functional.one_hot(torch.tensor(category), 3)
            part = shown(frames[number], picture // 2, picture % 2)
            assert (part - sampler.images(latent[None])[0]).abs().mean() < 0.08
    for number, value in ((12, -1.0), (16, 1.0), (19, -0.5)):
        latent = latents[1].clone()
        latent[7] = value
        part = shown(frames[number], 0, 1)
        assert (part - sampler.images(latent[None])[0]).abs().mean() < 0.08


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--vary", "c9"], "--vary c9: the model has the codes c1, c2, c3 and the noise z0 to z2"),
        (["--vary", "c1", "--vary", "c2=x"], "--vary c2=x: expected a range such as c2=-2..2"),
        (["--vary", "c1=0..7"], "c1 has the categories 0 to 2"),
        (["--vary", "c1", "--images"], "--images and --vary are two kinds of output"),
        (["--vary", "c1", "--interpolate", "3"], "--interpolate and --vary are two kinds"),
    ],
)
def test_bad_requests_are_one_line_and_write_nothing(
    arguments: list[str],
    said: str,
    coded: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    code = exit_code_of(["sample", coded, "-o", str(tmp_path / "out.png"), *arguments])
    assert code == 2
    error = capsys.readouterr().err
    assert said in error
    assert not list(tmp_path.iterdir())
