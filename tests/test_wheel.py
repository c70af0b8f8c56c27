"""The wheel is all a user needs: built here, installed elsewhere, used without the checkout."""

import importlib.util
import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = pytest.mark.slow

USE = """
import json
from pathlib import Path

import torch

import pipelines
import predictor
from predictor.recipes import load_recipe, recipe_names
from predictor.systems import SYSTEMS
from predictor.training.settings import validated_settings
from predictor.model_files import bundled_models
from predictor.weights import load_network, read_metadata

recipes = {}
for name in recipe_names():
    recipe = load_recipe(name)
    settings = validated_settings(SYSTEMS[recipe.system].settings, recipe.settings)
    recipes[name] = settings.iterations

generator = torch.Generator().manual_seed(0)
texture = torch.nn.functional.avg_pool2d(torch.rand(1, 3, 72, 120, generator=generator), 5, 1, 2)
clip = torch.stack([texture[..., 4:68, 2 * k : 2 * k + 96] for k in range(12)], 1) * 2 - 1
hole = torch.zeros(1, 1, 64, 96)
hole[..., 20:40, 30:60] = 1
sampled = lambda model: model.sampled(10, seed=0)
use = {
    "frames": lambda model: model.predict(clip, count=1)[:, 0],
    "inpaint": lambda model: model.fill(clip[:, 0], hole),
    "classifier": lambda model: model.seen(clip[:, 0, :1])[1],
    "conditional-gan": sampled,
    "dcgan": sampled,
    "improved-gan": sampled,
    "infogan": sampled,
    "lapgan": sampled,
}
models = {}
for name, file in bundled_models().items():
    task = read_metadata(file).task
    made = use[task](predictor.load(name, device="cpu"))
    is_usable = made.isfinite().all() and made.abs().max() <= 1
    has_card = file.with_name("README.md").is_file()
    for part in file.parent.glob("*.safetensors"):
        load_network(part)
    models[name] = [task, list(made.shape), bool(is_usable), has_card]

homes = [str(Path(package.__file__).parent.parent) for package in (predictor, pipelines)]
print(json.dumps({"homes": homes, "recipes": recipes, "models": models}))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "-w", str(folder), str(ROOT)]
    if importlib.util.find_spec("hatchling") is not None:
        build.append("--no-build-isolation")
    subprocess.run(build, check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an interpreter that has the wheel, and of this one only what the wheel depends on."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=False)
    interpreter = folder / "bin" / "python"
    where = [sys.executable, "-m", "pip", "--python", str(interpreter)]
    subprocess.run(
        [*where, "install", "--no-deps", "--no-index", str(wheel)], check=True, capture_output=True
    )
    (packages,) = folder.glob("lib/python*/site-packages")
    # Lines of a .pth file in there are not followed, so that an editable install stays unseen.
    borrowed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "borrowed.pth").write_text("".join(f"{path}\n" for path in sorted(borrowed)))
    return interpreter


def ran(command: list[str], folder: Path) -> str:
    """Return the output of `command`, run where the checkout cannot be seen."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_top_level_names_are_the_two_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name.split("/")[0] for name in archive.namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"predictor", "pipelines"}


def test_licence_and_no_tests_are_inside(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert not any("test" in name or name.endswith(".partial") for name in names)


def test_recipes_and_models_load_and_predict_without_the_checkout(
    python: Path, tmp_path: Path
) -> None:
    found = json.loads(ran([str(python), "-c", USE], tmp_path))
    assert len(set(found["homes"])) == 1
    assert Path(found["homes"][0]).is_relative_to(python.parents[1])
    assert set(found["recipes"]) == {path.stem for path in ROOT.glob("predictor/recipes/*.toml")}
    assert set(found["models"]) == {path.parent.name for path in ROOT.glob("models/*/README.md")}
    assert {"frames", "inpaint"} <= set(found["models"])
    picture = [1, 3, 64, 96]
    shapes = {"frames": picture, "inpaint": picture, "classifier": [1, 10]}
    shapes |= {task: [10, 3, 32, 32] for task in ("dcgan", "lapgan")}
    shapes |= {task: [10, 1, 28, 28] for task in ("conditional-gan", "improved-gan", "infogan")}
    for name, (task, shape, is_usable, has_card) in found["models"].items():
        assert (shape, is_usable, has_card) == (shapes[task], True, True), name


def test_console_script_is_installed(python: Path, tmp_path: Path) -> None:
    from predictor import __version__

    script = python.with_name("predictor")
    assert ran([str(script), "--version"], tmp_path) == f"predictor {__version__}\n"
    listed = json.loads(ran([str(script), "models", "--json"], tmp_path))
    assert {row["name"] for row in listed["results"]} >= {"frames", "inpaint"}
