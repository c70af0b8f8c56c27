import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from made_photographs import HEIGHT, WIDTH, by_pillow, smooth

from predictor.holes import Box
from predictor.media.photographs.canvas import RasterCanvas
from predictor.media.photographs.colour_models import Palette
from predictor.media.photographs.opening import open_photograph


@pytest.mark.parametrize("share", [0.0, 0.0002, 0.02, 1.0])
def test_only_replaced_pixels_are_looked_up_in_a_palette(tmp_path: Path, share: float) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(by_pillow(PIL.Image.fromarray(smooth(3)).quantize(200), "PNG"))
    photograph = open_photograph(path)
    canvas = photograph.canvases[0]
    assert isinstance(canvas, RasterCanvas)
    assert isinstance(canvas.model, Palette)
    draws = np.random.default_rng(4)
    is_replaced = draws.random((HEIGHT, WIDTH)) < share
    is_replaced[7, 11] = share > 0
    weight = is_replaced.astype(np.float32)
    rgb = draws.random((HEIGHT, WIDTH, 3), np.float32)
    before = canvas.samples.copy()

    palette = canvas.model.colours / 255
    distances = ((rgb[:, :, None].astype(float) - palette) ** 2).sum(3)
    expected = np.where(is_replaced, distances.argmin(2), before[..., 0])
    assert np.array_equal(canvas.model.stored(rgb, before, weight)[..., 0], expected)
    assert np.array_equal(canvas.samples, before)

    image = torch.from_numpy(rgb.transpose(2, 0, 1)) * 2 - 1
    canvas.paint(Box(0, 0, HEIGHT, WIDTH), image, torch.from_numpy(weight)[None])
    written = PIL.Image.open(io.BytesIO(photograph.encoded()))
    assert np.array_equal(np.asarray(written), expected)
