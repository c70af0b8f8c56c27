import cv2
import numpy as np
from moving_scenes import HEIGHT, HOLE, WIDTH, pan, scene, seen_from
from numpy.typing import NDArray
from torch import Tensor

from predictor.video_fill.camera import camera_motion, is_plausible, transformed


def grey(image: Tensor) -> NDArray[np.uint8]:
    return ((image.mean(0).numpy() + 1) * 127.5).round().clip(0, 255).astype(np.uint8)


def missing() -> NDArray[np.bool_]:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[HOLE] = True
    return mask


CORNERS = np.array([[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]], np.float64)


def test_a_pan_is_measured_to_a_part_of_a_pixel() -> None:
    first, second = map(grey, pan(2, (3.3, -1.2)))
    moved = transformed(camera_motion(first, second, missing()), CORNERS)
    assert np.abs(moved - CORNERS - [-3.3, 1.2]).max() < 0.1


def test_a_turn_is_measured() -> None:
    angle = 0.02
    first, second = map(grey, seen_from(scene(), [(50, 50), (50, 50)], turn=angle))
    moved = transformed(camera_motion(first, second, missing()), CORNERS)
    back = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    assert np.abs(moved - CORNERS @ back.T).max() < 0.25


def test_what_the_hole_shows_is_not_followed() -> None:
    first, second = map(grey, pan(2, (3, 0)))
    logo = np.random.default_rng(5).integers(0, 256, first[HOLE].shape)
    first[HOLE] = second[HOLE] = logo
    moved = transformed(camera_motion(first, second, missing()), CORNERS)
    assert np.abs(moved - CORNERS - [-3, 0]).max() < 0.1


def test_a_moving_thing_is_not_the_camera() -> None:
    first, second = (grey(frame) for frame in pan(2, (0, 0)))
    thing = grey(pan(1, seed=3)[0])[:40, :50]
    first[5:45, 3:53] = thing
    second[5:45, 8:58] = thing
    moved = transformed(camera_motion(first, second, missing()), CORNERS)
    assert np.abs(moved - CORNERS).max() < 0.3


def test_without_anything_to_see_the_camera_stands() -> None:
    flat = np.full((HEIGHT, WIDTH), 90, np.uint8)
    assert np.array_equal(camera_motion(flat, flat, missing()), np.eye(3))


def test_mistakes_are_known() -> None:
    size = (HEIGHT, WIDTH)
    assert is_plausible(np.array([[1.1, 0.1, 4], [-0.1, 1.1, 2], [0, 0, 1]]), size)
    assert not is_plausible(np.diag([3.0, 3.0, 1.0]), size)
    assert not is_plausible(np.diag([-1.0, 1.0, 1.0]), size)
    assert not is_plausible(np.array([[1.0, 0, 0], [0, 1, 0], [-0.02, 0, 1]]), size)


def test_points_behind_the_camera_are_nowhere() -> None:
    motion = np.array([[1.0, 0, 0], [0, 1, 0], [-0.1, 0, 1]])
    found = transformed(motion, np.array([[5.0, 1.0], [20.0, 1.0]]))
    assert np.allclose(found[0], [10, 2])
    assert np.isnan(found[1]).all()
    assert cv2.perspectiveTransform(np.array([[[5.0, 1.0]]]), motion)[0, 0].tolist() == [10, 2]
