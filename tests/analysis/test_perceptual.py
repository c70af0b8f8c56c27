"""ST-LPIPS: left out where it is not installed, and said where only what it imports is not."""

import sys
from pathlib import Path

import pytest

from predictor.analysis.perceptual import perceptual_distance


@pytest.fixture(autouse=True)
def _without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("stlpips_pytorch")]:
        monkeypatch.delitem(sys.modules, name)


def test_without_the_package_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(sys.modules, "stlpips_pytorch", None)
    assert perceptual_distance() is None
    assert not caplog.records


def test_a_package_that_it_needs_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    package = tmp_path / "stlpips_pytorch"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "stlpips.py").write_text("from a_missing_package.parts import embed\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert perceptual_distance() is None
    assert [record.getMessage() for record in caplog.records] == [
        "ST-LPIPS is left out: stlpips-pytorch needs the package a_missing_package, "
        "which is not installed"
    ]
