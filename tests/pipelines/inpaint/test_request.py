"""How many processes fill at once, and what two runs share that make the same outputs."""

from dataclasses import replace

import pytest
import torch

from pipelines.inpaint import request
from pipelines.inpaint.masks import MaskSettings
from pipelines.inpaint.request import InpaintSettings, usual_workers


def test_few_processes_share_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(16)))
    monkeypatch.setattr(request, "chosen_device", lambda name: torch.device("cuda", 0))
    assert usual_workers(InpaintSettings("alpha")) == 4
    assert usual_workers(InpaintSettings("alpha", model="telea")) == 16
    monkeypatch.setattr(request, "chosen_device", lambda name: torch.device("cpu"))
    assert usual_workers(InpaintSettings("alpha")) == 16


def test_what_changes_an_output_changes_the_fingerprint() -> None:
    asked = InpaintSettings("alpha", model="telea")
    for other in (
        replace(asked, mask="center:0.5"),
        replace(asked, model="navier-stokes"),
        replace(asked, mask_settings=MaskSettings(dilate_px=1)),
        replace(asked, keep_time=True),
    ):
        assert other.fingerprint != asked.fingerprint
    assert replace(asked, threads=3, overwrite=True).fingerprint == asked.fingerprint
