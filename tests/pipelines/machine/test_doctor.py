"""The doctor tries what it reports: a package that does not import is a problem with a remedy."""

import io
import json

import av
import pytest
import torch
from rich.console import Console

from pipelines.machine import doctor
from pipelines.machine.doctor import diagnosis, diagnosis_tables


def test_versions_are_those_that_run_here() -> None:
    found = diagnosis()
    versions = {package.name: package.version for package in found.packages}
    assert versions["torch"] == torch.__version__.split("+")[0]
    assert versions["av"] == av.__version__
    assert found.threads == torch.get_num_threads()
    assert all(package.error is None for package in found.packages)


def test_document_is_plain_json() -> None:
    found = diagnosis()
    document = json.loads(json.dumps(found.as_json()))
    assert document["devices"][0]["name"] == "cpu"
    assert document["predictor"] == found.predictor


def test_package_that_cannot_be_imported_is_a_problem_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = doctor.import_module

    def without_gl(name: str) -> object:
        if name == "cv2":
            raise ImportError("libGL.so.1: cannot open shared object file")
        return real(name)

    monkeypatch.setattr(doctor, "import_module", without_gl)
    found = diagnosis()
    (problem,) = [line for line in found.problems if "opencv" in line]
    assert "libGL.so.1" in problem
    assert "pip install --force-reinstall opencv-python-headless" in problem


def test_missing_torch_is_reported_not_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> object:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(doctor, "import_module", absent)
    found = diagnosis()
    assert found.devices == ()
    assert found.codecs == ()
    assert found.threads is None
    assert len(found.problems) == len(doctor.PACKAGES)


def test_missing_encoder_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "CODECS", {"h264": "libnosuchencoder", "nosuchcodec": "gif"})
    found = {codec.name: codec for codec in diagnosis().codecs}
    assert (found["h264"].can_decode, found["h264"].can_encode) == (True, False)
    assert (found["nosuchcodec"].can_decode, found["nosuchcodec"].can_encode) == (False, True)
    assert any("H.264" in problem for problem in diagnosis().problems)


def test_tables_say_what_was_found() -> None:
    found = diagnosis()
    screen = io.StringIO()
    Console(file=screen, width=120).print(diagnosis_tables(found))
    for text in (torch.__version__.split("+")[0], "libx264", "cpu", found.python):
        assert text in screen.getvalue()
