"""``predictor sample``: what each kind of output shows, and what is refused, nothing written."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from released import released
from typer.testing import CliRunner

import predictor
from predictor.analysis.sheets import CAPTION_PX, GAP_PX, numbered_sheet, sheet
from predictor.cli import app
from predictor.errors import OutputExists, SettingsError, UnknownModel
from predictor.image_sampler import BATCH, ImageSampler
from predictor.media.images import from_uint8, read_pixels
from predictor.media.video import open_video
from predictor.weights import load_network, save_network

run = CliRunner().invoke


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("models") / "plain.safetensors"
    return released(
        path, "dense-generator", "gan",
        shape=(3, 8, 6), latent=5, hidden=(9,), activations=("relu",), scale=0.7,
    )  # fmt: skip


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("models") / "labelled.safetensors"
    return released(
        path, "labelled-generator", "conditional-gan",
        shape=(1, 8, 8), classes=3, latent=5, dense=8, maps=(4, 4), scale=0.5,
    )  # fmt: skip


def shown(path: Path) -> torch.Tensor:
    return from_uint8(read_pixels(path))


def same(path: Path, expected: torch.Tensor) -> bool:
    return torch.allclose(shown(path), expected.expand(3, -1, -1), atol=1 / 255 + 1e-6)


def done(*arguments: str | Path) -> str:
    result = run(app, ["sample", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_sheet_has_the_numbered_pictures(model: str, tmp_path: Path) -> None:
    out = tmp_path / "new" / "sheet.png"
    assert done(model, "-o", out, "-n", "10", "--seed", "3") == f"{out}\n"
    images = predictor.load(model).sampled(10, seed=3)
    assert same(out, sheet(images, 8))


def test_folder_has_one_picture_a_number(model: str, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    done(model, "-o", folder, "-n", "3", "--images")
    images = predictor.load(model).sampled(8)
    assert sorted(path.name for path in folder.iterdir()) == [f"{k:06d}.png" for k in range(3)]
    for number in range(3):
        assert same(folder / f"{number:06d}.png", images[number])


def test_a_folder_of_any_number_is_made_a_batch_at_a_time(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    images = ImageSampler.images

    def counted(self: ImageSampler, latents: torch.Tensor, *rest: Any) -> torch.Tensor:
        asked.append(len(latents))
        return images(self, latents, *rest)

    expected = predictor.load(model).sampled(BATCH + 5)
    monkeypatch.setattr(ImageSampler, "images", counted)
    done(model, "-o", tmp_path / "out", "-n", str(BATCH + 5), "--images")
    assert asked == [BATCH, 5]
    files = sorted((tmp_path / "out").iterdir())
    assert len(files) == BATCH + 5
    assert same(files[-1], expected[-1])


def test_classes_are_rows_or_folders(labelled: str, tmp_path: Path) -> None:
    done(labelled, "-o", tmp_path / "sheet.png", "-n", "4", "--classes", "2,0")
    done(labelled, "-o", tmp_path / "out", "-n", "4", "--classes", "2,0", "--images")
    sampler = predictor.load(labelled)
    latents = sampler.latents(0, range(4))
    rows = [sampler.images(latents, [label] * 4) for label in (2, 0)]
    assert same(tmp_path / "sheet.png", sheet(torch.cat(rows), 4))
    for label, row in zip((2, 0), rows, strict=True):
        assert len(list((tmp_path / "out" / str(label)).iterdir())) == 4
        assert same(tmp_path / "out" / str(label) / "000003.png", row[3])
    assert not torch.allclose(rows[0], rows[1], atol=0.01)


def test_classes_of_a_folder_are_asked_for_by_name(labelled: str, tmp_path: Path) -> None:
    network, metadata = load_network(Path(labelled))
    named = tmp_path / "named.safetensors"
    save_network(
        named, "labelled-generator", network, metadata.provenance,
        task="conditional-gan", class_names=["cat", "dog", "owl"],
    )  # fmt: skip
    for _ in range(2):
        done(named, "-o", tmp_path / "out", "-n", "2", "--classes", "owl,0", "--images",
             "--overwrite")  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["cat", "owl"]
    done(labelled, "-o", tmp_path / "by-number", "-n", "2", "--classes", "2", "--images")
    one, other = tmp_path / "out/owl/000001.png", tmp_path / "by-number/2/000001.png"
    assert one.read_bytes() == other.read_bytes()


def test_classes_whose_names_are_no_folders_are_numbers(labelled: str, tmp_path: Path) -> None:
    network, metadata = load_network(Path(labelled))
    names = ["..", "cats/../../dogs", str(tmp_path / "elsewhere")]
    file = tmp_path / "models" / "odd.safetensors"
    save_network(
        file, "labelled-generator", network, metadata.provenance,
        task="conditional-gan", class_names=names,
    )  # fmt: skip
    for _ in range(2):
        done(file, "-o", tmp_path / "out", "-n", "2", "--classes", "0,1,2", "--images",
             "--overwrite")  # fmt: skip
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0", "1", "2"]
    assert {path.name for path in tmp_path.iterdir()} == {"models", "out"}


def test_sheet_of_a_model_with_classes_has_a_column_each(labelled: str, tmp_path: Path) -> None:
    done(labelled, "-o", tmp_path / "sheet.png", "-n", "6")
    sampler = predictor.load(labelled)
    images = sampler.images(sampler.latents(0, range(6)), [0, 1, 2, 0, 1, 2])
    assert same(tmp_path / "sheet.png", sheet(images, 3))


def test_pick_sheet_numbers_the_pictures_of_the_sheet(model: str, tmp_path: Path) -> None:
    done(model, "-o", tmp_path / "pick.png", "-n", "10", "--pick-sheet")
    images = predictor.load(model).sampled(10)
    expected = numbered_sheet(images, range(10), 8)
    assert same(tmp_path / "pick.png", expected)
    # the second picture stands, eight times as wide, below its caption
    left = 2 * GAP_PX + 48
    part = expected[:, GAP_PX + CAPTION_PX : GAP_PX + CAPTION_PX + 64, left : left + 48]
    assert torch.allclose(part[:, ::8, ::8], images[1])
    captions = expected[:, GAP_PX : GAP_PX + CAPTION_PX]
    assert captions.min() < -0.5
    assert not torch.equal(captions[..., 2:50], captions[..., 52:100])


def test_arithmetic_shows_exemplars_and_nine_results(model: str, tmp_path: Path) -> None:
    done(model, "-o", tmp_path / "sum.png", "--arithmetic", "mean(1,5,9) - mean(2,7,8) + 3")
    sampler = predictor.load(model)
    latents = sampler.latents(0, range(10))
    found = shown(tmp_path / "sum.png")
    assert found.shape == (3, 6 * (8 + GAP_PX) + GAP_PX, 4 * (6 + GAP_PX) + GAP_PX)

    def cell(row: int, column: int) -> torch.Tensor:
        top, left = GAP_PX + row * (8 + GAP_PX), GAP_PX + column * (6 + GAP_PX)
        return found[:, top : top + 8, left : left + 6]

    result = latents[[1, 5, 9]].mean(0) - latents[[2, 7, 8]].mean(0) + latents[3]
    expected = {
        (0, 1): latents[5],
        (0, 3): latents[[1, 5, 9]].mean(0),
        (1, 2): latents[8],
        (2, 0): latents[3],
        (4, 1): result,
    }
    for place, latent in expected.items():
        assert torch.allclose(cell(*place), sampler.images(latent[None])[0], atol=0.01), place
    assert torch.equal(cell(2, 3), torch.ones(3, 8, 6))


def test_rows_go_from_picture_to_picture(model: str, labelled: str, tmp_path: Path) -> None:
    done(model, "-o", tmp_path / "rows.png", "-n", "3", "--interpolate", "5")
    images = predictor.load(model).sampled(3)
    found = shown(tmp_path / "rows.png")
    assert found.shape[-1] == 5 * (6 + GAP_PX) + GAP_PX
    corner = found[:, GAP_PX : GAP_PX + 8, GAP_PX : GAP_PX + 6]
    assert torch.allclose(corner, images[0], atol=0.01)
    last = found[:, -GAP_PX - 8 : -GAP_PX, -GAP_PX - 6 : -GAP_PX]
    assert torch.allclose(last, images[2], atol=0.01)
    done(labelled, "-o", tmp_path / "two.png", "-n", "3", "--interpolate", "4", "--classes", "1")
    sampler = predictor.load(labelled)
    first = sampler.images(sampler.latents(0, [0]), [1])[0]
    corner = shown(tmp_path / "two.png")[:, GAP_PX : GAP_PX + 8, GAP_PX : GAP_PX + 8]
    assert torch.allclose(corner, first.expand(3, -1, -1), atol=0.01)


def test_a_series_that_keeps_a_class_says_so(
    labelled: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    said = "each series keeps the class of the picture that it begins with"
    done(labelled, "-o", tmp_path / "a.png", "-n", "3", "--interpolate", "4")
    assert said in caplog.text
    caplog.clear()
    done(labelled, "-o", tmp_path / "b.png", "-n", "3", "--interpolate", "4", "--classes", "1")
    assert said not in caplog.text


def test_a_sum_that_keeps_a_class_says_so(
    labelled: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    said = "each mean, and the sum, keeps the class of the picture that it begins with"
    done(labelled, "-o", tmp_path / "a.png", "--arithmetic", "mean(1,2) - 0")
    assert said in caplog.text
    found = shown(tmp_path / "a.png")
    sampler = predictor.load(labelled)
    latents = sampler.latents(0, range(3))
    result = sampler.images((latents[1:].mean(0) - latents[0])[None], [1])[0]
    top, left = GAP_PX + 3 * (8 + GAP_PX), GAP_PX + 8 + GAP_PX
    place = found[:, top : top + 8, left : left + 8]
    assert torch.allclose(place, result.expand(3, -1, -1), atol=0.01)
    for sum_of, *options in (["mean(1,4) - 7"], ["mean(1,2) - 0", "--classes", "1"]):
        caplog.clear()
        done(labelled, "-o", tmp_path / "b.png", "--arithmetic", sum_of, *options, "--overwrite")
        assert "keeps" not in caplog.text


def test_walk_is_a_video_through_the_pictures(model: str, tmp_path: Path) -> None:
    video = tmp_path / "walk.mp4"
    assert done(model, "--walk", video, "-n", "3", "--interpolate", "4", "--rate", "12") == (
        f"{video}\n"
    )
    with open_video(video) as reader:
        frames = list(reader)
        assert reader.info.average_rate == 12
    assert len(frames) == 12
    images = predictor.load(model).sampled(3)
    height, width = frames[0].image.shape[-2:]
    assert width >= 256
    assert height % 2 == width % 2 == 0
    for number in range(3):
        small = torch.nn.functional.interpolate(frames[4 * number].image[None], (8, 6), mode="area")
        assert (small[0] - images[number]).abs().mean() < 0.06


def test_document(model: str, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    document = json.loads(done(model, "-o", out, "-n", "2", "--json"))
    assert document["exit_code"] == 0
    (entry,) = document["results"]
    assert (entry["input"], entry["output"], entry["kind"], entry["count"]) == (
        model,
        str(out),
        "sheet",
        2,
    )


def test_nothing_is_overwritten_unasked(model: str, tmp_path: Path) -> None:
    out, folder = tmp_path / "sheet.png", tmp_path / "out"
    out.write_text("mine")
    arguments = ["sample", model, "-n", "2", "-o"]
    assert isinstance(run(app, [*arguments, str(out)]).exception, OutputExists)
    assert out.read_text() == "mine"
    done(*arguments[1:], out, "--overwrite")
    done(*arguments[1:], folder, "--images")
    again = [*arguments, str(folder), "--images"]
    assert isinstance(run(app, again).exception, OutputExists)
    assert run(app, [*again, "--overwrite"]).exit_code == 0
    (folder / "notes.txt").write_text("mine")
    refused = run(app, [*again, "--overwrite"]).exception
    assert isinstance(refused, OutputExists)
    assert "holds other files (notes.txt)" in str(refused)
    assert (folder / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["sheet.jpg", "sheet", "sheet.mp4"])
def test_a_sheet_is_named_as_what_it_is(name: str, model: str, tmp_path: Path) -> None:
    result = run(app, ["sample", model, "-n", "2", "-o", str(tmp_path / name)])
    assert isinstance(result.exception, SettingsError)
    assert f"{name}: sheets are PNG" in str(result.exception)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (["--classes", "1"], UnknownModel, "the generator of this model takes no classes"),
        (["--arithmetic", "mean(1,70)"], SettingsError, "70 is not on the sheet of 64"),
        (["--arithmetic", "mean(1"], SettingsError, "expected + or - and a mean"),
        (["--interpolate", "4", "-n", "1"], SettingsError, "needs two pictures or more"),
    ],
)
def test_bad_requests_are_named(
    arguments: list[str], error: type[Exception], said: str, model: str, tmp_path: Path
) -> None:
    result = run(app, ["sample", model, "-o", str(tmp_path / "out.png"), *arguments])
    assert isinstance(result.exception, error)
    assert said in str(result.exception)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (["--classes", "3"], UnknownModel, "there is no class '3', the model has 0, 1, 2"),
        (["--classes", "one"], UnknownModel, "there is no class 'one', the model has 0, 1, 2"),
        (["--classes", "0,1", "--pick-sheet"], SettingsError, "choose one class"),
    ],
)
def test_classes_that_are_not_there(
    arguments: list[str], error: type[Exception], said: str, labelled: str, tmp_path: Path
) -> None:
    result = run(app, ["sample", labelled, "-o", str(tmp_path / "out.png"), *arguments])
    assert isinstance(result.exception, error)
    assert said in str(result.exception)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-o", "a.png", "--way", "linear"], "add --interpolate or --walk"),
        (["--walk", "a.mp4", "--vary", "z0", "--way", "linear"], "add --interpolate or --walk"),
        (["-o", "a.png", "--interpolate", "3", "--rate", "25"], "add --walk"),
        ([], "name one output"),
        (["-o", "a.png", "--walk", "b.mp4"], "name one output"),
        (["-o", "a", "--images", "--pick-sheet"], "--images and --pick-sheet"),
        (["--walk", "a.mp4", "--rate", "inf"], "less than or equal to 1000"),
    ],
)
def test_usage(arguments: list[str], said: str, model: str, tmp_path: Path) -> None:
    result = run(app, ["sample", model, *arguments], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert said in result.output


def test_model_of_another_task_is_refused(small_model: Callable[..., Path], tmp_path: Path) -> None:
    other = small_model(tmp_path / "frames.safetensors")
    result = run(app, ["sample", str(other), "-o", str(tmp_path / "a.png")])
    assert isinstance(result.exception, UnknownModel)
    assert "does not generate pictures" in str(result.exception)
    assert np.array_equal([path.name for path in tmp_path.iterdir()], ["frames.safetensors"])
