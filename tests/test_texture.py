"""Detail of the surroundings, added to a smooth fill."""

import cv2
import numpy as np
import pytest

from predictor import texture
from predictor.texture import with_detail


def grain(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Return fine noise ``(H, W, 3)`` of deviation 0.1 around 0."""
    noise = np.random.default_rng(seed).normal(size=(height, width, 1)).astype(np.float32)
    return np.repeat(0.1 * noise, 3, axis=2)


def hole(height: int, width: int, box: tuple[int, int, int, int]) -> np.ndarray:
    missing = np.zeros((height, width), np.bool_)
    missing[box[0] : box[0] + box[2], box[1] : box[1] + box[3]] = True
    return missing


def two_surfaces() -> tuple[np.ndarray, np.ndarray]:
    """Return dark grain on the left and a bright flat surface on the right, filled smoothly."""
    image = np.full((96, 128, 3), 0.6, np.float32)
    image[:, :64] = grain(96, 64) - 0.6
    missing = hole(96, 128, (32, 40, 32, 48))
    image[missing] = np.where(np.argwhere(missing)[:, 1:] < 64, -0.6, 0.6).astype(np.float32)
    return image, missing


def test_known_pixels_are_kept_bit_for_bit() -> None:
    image, missing = two_surfaces()
    done = with_detail(image, missing, 1.0)
    assert np.array_equal(done[~missing], image[~missing])
    assert not np.array_equal(done[missing], image[missing])


def test_each_surface_gets_its_own_detail() -> None:
    image, missing = two_surfaces()
    added = with_detail(image, missing, 1.0) - image
    grainy, flat = added[36:60, 44:60], added[36:60, 74:86]
    known = image[:, :30] - cv2.GaussianBlur(image[:, :30], (0, 0), 3.0)
    assert grainy.std() == pytest.approx(known[8:-8, 8:-8].std(), rel=0.15)
    assert flat.std() < 0.01


def test_detail_comes_in_pieces_and_not_in_a_pattern() -> None:
    image = grain(128, 128)
    missing = hole(128, 128, (40, 40, 48, 48))
    image[missing] = 0
    added = with_detail(image, missing, 1.0)[40:88, 40:88, 0]
    # a repeated patch would correlate with itself at some distance
    spectrum = np.abs(np.fft.fft2(added - added.mean())) ** 2
    likeness = np.fft.ifft2(spectrum).real
    likeness /= likeness[0, 0]
    apart = np.ones_like(likeness, dtype=bool)
    apart[np.ix_([0, 1, 2, -1, -2], [0, 1, 2, -1, -2])] = False
    assert likeness[apart].max() < 0.5


def test_strength_is_the_share_that_is_added() -> None:
    image, missing = two_surfaces()
    whole = with_detail(image, missing, 1.0) - image
    half = with_detail(image, missing, 0.5) - image
    np.testing.assert_allclose(half, 0.5 * whole, atol=1e-6)


def test_a_fill_made_at_a_smaller_size_gets_coarser_detail() -> None:
    # bumps eight pixels wide: detail for a fill made at a third, none for one at full size
    bumps = cv2.resize(grain(24, 24), (192, 192), interpolation=cv2.INTER_CUBIC)
    missing = hole(192, 192, (64, 64, 64, 64))
    image = np.where(missing[..., None], 0, bumps).astype(np.float32)
    inside = slice(72, 120), slice(72, 120)
    added = [(with_detail(image, missing, 1.0, scale) - image)[inside].std() for scale in (1, 3)]
    assert added[1] > 2 * added[0]
    assert added[1] > 0.5 * bumps.std()


def test_a_smooth_image_stays_smooth() -> None:
    columns = np.linspace(-0.8, 0.8, 96, dtype=np.float32)[None, :, None]
    image = np.ascontiguousarray(np.broadcast_to(columns, (96, 96, 3)))
    done = with_detail(image, hole(96, 96, (30, 30, 30, 30)), 1.0)
    assert np.abs(done - image).max() < 0.01


@pytest.mark.parametrize("size", [(1, 1), (5, 40), (16, 16), (33, 65)])
def test_images_with_too_little_to_show_are_returned(size: tuple[int, int]) -> None:
    image = grain(*size)
    missing = np.ones(size, np.bool_)
    missing[0, 0] = False
    assert np.array_equal(with_detail(image, missing, 1.0), image)
    assert np.array_equal(with_detail(image, np.zeros(size, np.bool_), 1.0), image)


def test_detail_does_not_come_from_next_to_the_hole() -> None:
    # the fill is far off, so close to the hole the blur of the image would mix in its error
    image = np.full((96, 96, 3), 0.5, np.float32)
    missing = hole(96, 96, (32, 32, 32, 32))
    image[missing] = -0.5
    assert np.abs(with_detail(image, missing, 1.0) - image).max() < 0.02


def test_surroundings_are_the_means_of_nine_blocks() -> None:
    generator = np.random.default_rng(0)
    colours = generator.normal(size=(20, 24, 3)).astype(np.float32)
    found = texture._surroundings(colours)[9, 11].reshape(3, 3, 3)
    for down in range(3):
        for right in range(3):
            block = colours[5 + 3 * down : 8 + 3 * down, 7 + 3 * right : 10 + 3 * right]
            np.testing.assert_allclose(found[down, right], block.mean((0, 1)), atol=1e-6)


@pytest.mark.parametrize("is_upright", [False, True])
def test_regular_lines_leave_sources_between_them(is_upright: bool) -> None:
    image = np.random.default_rng(0).random((512, 512, 3)).astype(np.float32)
    missing = np.zeros((512, 512), bool)
    missing[::8] = True
    if is_upright:
        missing = missing.T
    filled = with_detail(np.where(missing[..., None], 0.5, image), missing, 0.5, 1.0)
    assert np.isfinite(filled).all()
    assert (filled[missing] != 0.5).any()
