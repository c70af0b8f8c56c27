"""``predictor encode``: the table, its order, and what is refused, nothing written."""

import csv
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from released import NOWHERE
from typer.testing import CliRunner

from pipelines.cli import run as exit_code_of
from predictor.analysis.code_reader import CodeReader
from predictor.cli import app
from predictor.media.images import from_uint8, read_pixels
from predictor.model_files import companion_file
from predictor.networks.infogan import (
    InfoganDiscriminator,
    InfoganDiscriminatorConfig,
    InfoganGenerator,
    InfoganGeneratorConfig,
)
from predictor.networks.normalization import measure_statistics
from predictor.structured_latents import StructuredLatents
from predictor.weights import load_network, save_network

run = CliRunner().invoke

CODES = StructuredLatents(noise=3, categorical=(3, 2), uniform=2)

Row = dict[str, str]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    generator = InfoganGenerator(InfoganGeneratorConfig((1, 8, 8), CODES, dense=6, maps=(4, 3)))
    reader = InfoganDiscriminator(
        InfoganDiscriminatorConfig((1, 8, 8), CODES, (4, 6), dense=7, read=5)
    )
    for weight in reader.parameters():
        torch.nn.init.normal_(weight, std=0.4)
    measure_statistics(reader, reader, [torch.rand(200, 1, 8, 8)])
    path = tmp_path_factory.mktemp("models") / "coded.safetensors"
    save_network(path, "infogan", generator, NOWHERE, task="infogan")
    save_network(
        companion_file(path, "discriminator"), "infogan-discriminator", reader, NOWHERE,
        task="infogan", part="discriminator",
    )  # fmt: skip
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve pictures of the model's size, in folders that are not in the order of their names."""
    folder, random = tmp_path / "pictures", np.random.default_rng(0)
    for number in range(12):
        path = folder / ("zoo", "b/deep", ".")[number % 3] / f"{11 - number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), random.integers(0, 256, (8, 8), np.uint8))
    return folder


def encode(*arguments: Any) -> Any:
    return run(app, ["encode", *map(str, arguments), "--device", "cpu"])


def rows_of(path: Path) -> list[Row]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_picture_has_its_most_likely_codes(model: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "codes.csv"
    result = encode(model, folder, "-o", out)
    assert result.exit_code == 0, result.output
    assert result.stdout == f"{out}\n"
    rows = rows_of(out)
    assert list(rows[0]) == ["file", "c1", "c2", "c3", "c4"]
    files = [row["file"] for row in rows]
    expected = [path.relative_to(folder).as_posix() for path in folder.rglob("*.png")]
    assert files == sorted(expected)
    network = load_network(companion_file(model, "discriminator"))[0]
    reader = CodeReader(network)
    for row in rows:
        image = from_uint8(read_pixels(folder / row["file"]))[:1]
        codes = reader.codes(image[None])
        assert [int(row["c1"]), int(row["c2"])] == [int(found) for found in codes.categories]
        numbers = [float(row["c3"]), float(row["c4"])]
        assert numbers == pytest.approx(codes.numbers[0].tolist(), abs=1e-3)
    assert len({row["c1"] for row in rows}) > 1


def test_parts_stand_in_the_order_of_their_paths(model: Path, tmp_path: Path) -> None:
    picture = np.zeros((8, 8), np.uint8)
    for name in ("train/b/1.png", "test/a/1.png", "train/a/2.png"):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture)
    assert encode(model, tmp_path / "data", "-o", tmp_path / "codes.csv").exit_code == 0
    files = [row["file"] for row in rows_of(tmp_path / "codes.csv")]
    assert files == ["test/a/1.png", "train/a/2.png", "train/b/1.png"]


def test_one_picture_and_pictures_beside_parts_are_read_too(model: Path, tmp_path: Path) -> None:
    for number, name in enumerate(("train/b/1.png", "test/1.png", "other.png")):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((8, 8), 90 * number, np.uint8))
    assert encode(model, tmp_path / "data", "-o", tmp_path / "all.csv").exit_code == 0
    rows = {row.pop("file"): row for row in rows_of(tmp_path / "all.csv")}
    assert list(rows) == ["other.png", "test/1.png", "train/b/1.png"]
    assert encode(model, tmp_path / "data/other.png", "-o", tmp_path / "one.csv").exit_code == 0
    (row,) = rows_of(tmp_path / "one.csv")
    assert row == {"file": "other.png", **rows["other.png"]}


def test_rows_of_an_array_keep_their_order(model: Path, tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, 8, 8), np.uint8)
    np.savez(tmp_path / "d.npz", x_train=images, y_train=np.zeros(12, int), x_test=images[:2],
             y_test=np.zeros(2, int))  # fmt: skip
    assert encode(model, tmp_path / "d.npz", "-o", tmp_path / "codes.csv").exit_code == 0
    rows = rows_of(tmp_path / "codes.csv")
    numbers = [int(row["file"].rpartition("[")[2][:-1]) for row in rows]
    assert numbers == [0, 1, *range(12)]
    assert [row["c3"] for row in rows[:2]] == [row["c3"] for row in rows[2:4]]


def test_other_sizes_are_covered_and_cropped_in_the_middle(model: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    small = random.integers(0, 256, (8, 8), np.uint8)
    wide = np.concatenate([np.zeros((8, 4), np.uint8), small, np.zeros((8, 4), np.uint8)], axis=1)
    for name, pixels in (("small", small), ("wide", wide)):
        (tmp_path / name).mkdir()
        cv2.imwrite(str(tmp_path / name / "a.png"), pixels)
        assert encode(model, tmp_path / name, "-o", tmp_path / f"{name}.csv").exit_code == 0
    assert (tmp_path / "small.csv").read_text() == (tmp_path / "wide.csv").read_text()


def test_what_cannot_be_read_is_said_and_has_no_row(
    model: Path, folder: Path, tmp_path: Path
) -> None:
    (folder / "broken.png").write_bytes(b"no picture")
    result = encode(model, folder, "-o", tmp_path / "codes.csv", "--json")
    document = json.loads(result.stdout)
    assert (result.exit_code, document["exit_code"]) == (3, 3)
    (entry,) = document["results"]
    assert (entry["input"], entry["output"]) == (str(folder), str(tmp_path / "codes.csv"))
    assert (entry["pictures"], entry["codes"]) == (12, ["c1", "c2", "c3", "c4"])
    assert entry["truncated"]
    assert "broken.png" in entry["skipped"][0]
    assert "broken.png" in result.stderr
    assert len(rows_of(tmp_path / "codes.csv")) == 12


def test_the_file_of_the_discriminator_reads_too(model: Path, folder: Path, tmp_path: Path) -> None:
    assert encode(model, folder, "-o", tmp_path / "a.csv").exit_code == 0
    judge = companion_file(model, "discriminator")
    assert encode(judge, folder, "-o", tmp_path / "b.csv").exit_code == 0
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()


def test_nothing_is_overwritten_unasked(model: Path, folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "codes.csv"
    out.write_text("mine")
    assert exit_code_of(["encode", str(model), str(folder), "-o", str(out)]) == 1
    assert out.read_text() == "mine"
    assert encode(model, folder, "-o", out, "--overwrite").exit_code == 0
    assert out.read_text().startswith("file,c1")


def test_what_reads_no_codes_is_one_line(
    model: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*arguments: Any) -> str:
        out = tmp_path / "refused.csv"
        assert exit_code_of(["encode", *map(str, arguments), "-o", str(out)]) == 1
        assert not out.exists()
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        return error

    alone = tmp_path / "alone.safetensors"
    alone.write_bytes(model.read_bytes())
    assert "was released without its discriminator" in refused(alone, folder)
    assert "reads no codes: it is of the system frames" in refused("frames", folder)
    assert "no model 'mine'" in refused("mine", folder)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "empty has no picture in it" in refused(model, empty)
    assert "does not exist" in refused(model, tmp_path / "nowhere")
