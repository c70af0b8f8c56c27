"""The arrows between modules point one way, and the command line starts without the heavy ones."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

LAYERS = [
    ["predictor.errors", "predictor.wording"],
    ["predictor.whole_files", "predictor.file_lock", "predictor.run_folder"],
    ["predictor.devices", "predictor.progress"],
    ["predictor.tensors"],
    ["predictor.pyramid"],
    ["predictor.draws"],
    ["predictor.augmentation"],
    ["predictor.latents"],
    ["predictor.structured_latents"],
    ["predictor.gathering"],
    ["predictor.warping"],
    ["predictor.pyramidal_flow"],
    ["predictor.flow"],
    ["predictor.cadence"],
    ["predictor.smooth_fill"],
    ["predictor.texture"],
    ["predictor.holes"],
    [
        "predictor.frame_predictor",
        "predictor.image_classifier",
        "predictor.image_sampler",
        "predictor.inpainter",
        "predictor.classical_fill",
    ],
    ["predictor.media"],
    ["predictor.losses", "predictor.metrics", "predictor.networks", "predictor.data"],
    ["predictor.video_fill"],
    ["predictor.model_files"],
    ["predictor.weights", "predictor.theano_weights"],
    ["predictor.analysis"],
    ["predictor.systems"],
    ["predictor.training"],
    ["predictor.recipes"],
    ["predictor.reproduction"],
    ["predictor.cli"],
    ["pipelines"],
    ["pipelines.appending"],
    ["pipelines.frames", "pipelines.inpaint"],
    ["pipelines.benchmark", "pipelines.machine"],
    ["pipelines.cli"],
]
"""From the bottom to the top: a module may import its own package and what stands above it here.

Packages that share a line are siblings and do not import each other. ``pipelines`` is the modules
that lie in that folder itself: what every pipeline shares.
"""

ROOTS = {"predictor": LAYERS.index(["pipelines"]), "pipelines": len(LAYERS)}
"""Packages whose ``__init__`` hands names out, only when asked for: those below this rank."""

WITHOUT_FILES = {"predictor.losses", "predictor.metrics", "predictor.networks"}
"""These compute; of the four siblings only data reads media."""

RANK = {package: rank for rank, packages in enumerate(LAYERS) for package in packages}

HEAVY = ("torch", "torchvision", "av", "cv2", "kornia", "numpy", "PIL", "pydantic", "safetensors",
         "sklearn", "skimage", "tensorboard", "rich.progress")  # fmt: skip


def package_of(module: str) -> str | None:
    """Return the entry of `LAYERS` that `module` belongs to; None for the root and for others."""
    parts = module.split(".")
    for length in (2, 1):
        if (name := ".".join(parts[:length])) in RANK:
            return name
    return None


def imports(tree: ast.Module, module: str, is_package: bool) -> Iterator[tuple[str, bool]]:
    """Yield each imported name of our packages, and whether it is imported when the module is."""
    lazy = {
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = node.module or ""
            if node.level:
                up = module.split(".")[: len(module.split(".")) - node.level + is_package]
                origin = ".".join([*up, *([node.module] if node.module else [])])
            names = [f"{origin}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] in ("predictor", "pipelines"):
                yield name, node not in lazy


def wrong_arrows(module: str, source: str, is_package: bool = False) -> list[str]:
    """Return the imports of `module` that point up or to a sibling."""
    own = package_of(module)
    lazy_limit = ROOTS.get(module) if is_package else None
    wrong = []
    for name, is_eager in imports(ast.parse(source), module, is_package):
        target = package_of(name)
        if target is None or target == own:
            continue
        limit = RANK.get(own or "", 0)
        if lazy_limit is not None and not is_eager:
            limit = lazy_limit
        if RANK[target] >= limit or (own in WITHOUT_FILES and target == "predictor.media"):
            wrong.append(f"{module} imports {name}")
    return wrong


def test_imports_point_down_only() -> None:
    wrong: list[str] = []
    for path in sorted([*ROOT.glob("predictor/**/*.py"), *ROOT.glob("pipelines/**/*.py")]):
        is_package = path.name == "__init__.py"
        relative = path.relative_to(ROOT).with_suffix("")
        module = ".".join(relative.parent.parts if is_package else relative.parts)
        if module != "predictor":
            assert package_of(module), f"{module} has no place in LAYERS"
        wrong += wrong_arrows(module, path.read_text(), is_package)
    assert not wrong


def test_readme_lists_every_layer_in_order() -> None:
    told = (ROOT / "README.md").read_text().split("## How it is built")[1].split("## Licence")[0]
    places = []
    for packages in LAYERS[: LAYERS.index(["pipelines"])]:
        for package in packages:
            path = ROOT.joinpath(*package.split("."))
            name = f"{path.name}/" if path.is_dir() else f"{path.name}.py"
            found = re.search(rf"[`\s]{re.escape(name)}[`\s]", told)
            assert found, f"{name} is missing"
            places.append(told.count("\n", 0, found.start()))
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("predictor.media.video", "from predictor.data import shots"),
        ("predictor.losses.pixel", "from predictor.metrics.image import psnr_db"),
        ("predictor.weights", "def f():\n    from predictor.systems.frames import build"),
        ("predictor.cli", "import pipelines.frames.clip"),
        ("predictor.metrics.psnr", "from predictor.media.images import read_image"),
        ("predictor.networks.motion", "from ..weights import load_network"),
        ("predictor", "from predictor.weights import load"),
        ("predictor", "def f():\n    import pipelines.jobs"),
        ("pipelines.jobs", "from pipelines.frames.request import FramesRequest"),
        ("pipelines.jobs", "def f():\n    from pipelines.frames.request import FramesRequest"),
        ("pipelines.appending.append", "from pipelines.frames.context import Context"),
        ("pipelines.machine.doctor", "from pipelines.benchmark.costs import command_cost"),
        ("pipelines", "from pipelines.frames.clip import predict_frames"),
    ],
)
def test_wrong_arrows_are_seen(module: str, source: str) -> None:
    assert wrong_arrows(module, source, is_package="." not in module)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("predictor.data.clips", "from predictor.media.video import open_video"),
        ("predictor.networks.motion", "from predictor import __version__\nfrom . import blocks"),
        ("predictor", "def load():\n    from predictor.weights import find_model"),
        ("predictor", "if TYPE_CHECKING:\n    from predictor.weights import Metadata"),
        ("pipelines.cli", "import predictor.cli"),
        ("pipelines", "def f():\n    from pipelines.frames.clip import predict_frames"),
        ("pipelines.frames.command", "from pipelines.jobs import outcomes"),
    ],
)
def test_right_arrows_pass(module: str, source: str) -> None:
    assert not wrong_arrows(module, source, is_package="." not in module)


def test_command_line_starts_without_heavy_modules() -> None:
    script = (
        "import sys; import pipelines.cli; import pipelines; "
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
