from pathlib import Path
from typing import Any

import cv2
import numpy as np
import PIL.Image
import pytest

from pipelines.inpaint.masks import (
    MaskSettings,
    grown,
    missing_pixels,
    parsed_masks,
)
from predictor.errors import SettingsError, UnusableMask
from predictor.media.photographs.canvas import RasterCanvas
from predictor.media.photographs.colour_models import Rgb

Pixels = np.ndarray[Any, np.dtype[Any]]

HEIGHT, WIDTH = 40, 60
WHERE = Path("trip/a.jpg")


def canvas(
    pixels: Pixels | None = None, has_alpha: bool = False, orientation: int = 1
) -> RasterCanvas:
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8) if pixels is None else pixels
    return RasterCanvas(pixels, Rgb(), has_alpha, orientation)


def mask(
    text: object, target: RasterCanvas | None = None, is_lossy: bool = False, where: Path = WHERE,
    **settings: Any,
) -> Pixels:  # fmt: skip
    found, _ = missing_pixels(
        parsed_masks(str(text)), where, target or canvas(), MaskSettings(**settings), is_lossy
    )
    return found


def spot(height: int = HEIGHT, width: int = WIDTH) -> Pixels:
    pixels = np.zeros((height, width), np.uint8)
    pixels[height // 4 : height // 2, width // 4 : width // 3] = 255
    return pixels


def saved(path: Path, pixels: Pixels, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.fromarray(pixels).save(path, **options)
    return path


class TestBoxes:
    @pytest.mark.parametrize(
        ("text", "rows", "columns"),
        [
            ("box:10,5,20,8", slice(5, 13), slice(10, 30)),
            ("box:50%,25%,10%,50%", slice(10, 30), slice(30, 36)),
            ("box:55,35,100,100", slice(35, 40), slice(55, 60)),
            ("center:0.5", slice(10, 30), slice(15, 45)),
            ("center:.25", slice(15, 25), slice(22, 38)),
        ],
    )
    def test_a_box_covers(self, text: str, rows: slice, columns: slice) -> None:
        expected = np.zeros((HEIGHT, WIDTH), bool)
        expected[rows, columns] = True
        assert np.array_equal(mask(text), expected)

    def test_a_box_is_meant_in_the_displayed_picture(self) -> None:
        found = mask("box:0,0,10,20", canvas(orientation=6))
        assert found.shape == (WIDTH, HEIGHT)
        assert found[:20, :10].all()
        assert found.sum() == 200

    @pytest.mark.parametrize("text", ["box:60,0,5,5", "box:0,40,5,5", "box:3,3,0.1,5"])
    def test_a_box_outside_is_an_error_that_says_both(self, text: str) -> None:
        with pytest.raises(UnusableMask, match=rf"it is 60x40, --mask {text} has no pixel of it"):
            mask(text)

    @pytest.mark.parametrize(
        "text", ["", "box:1,2,3", "box:1,2,3,x", "box:-1,2,3,4", "center:2", "center:", "color:#12",
                 "color:red"],
    )  # fmt: skip
    def test_what_means_nothing_is_refused(self, text: str) -> None:
        with pytest.raises(SettingsError, match="expected a file, a folder, alpha, color"):
            parsed_masks(text)

    def test_a_box_without_a_pixel_is_refused(self) -> None:
        with pytest.raises(SettingsError, match="box:10,10,0,20 is a box without a pixel"):
            parsed_masks("box:10,10,0,20")

    def test_a_path_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SettingsError, match=r"nowhere\.png: no such file or folder"):
            parsed_masks(str(tmp_path / "nowhere.png"))


class TestColourAndTransparency:
    def test_a_colour_is_exact_without_loss_and_near_with(self) -> None:
        pixels = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
        pixels[:5, :5] = (255, 0, 255)
        pixels[5:9, :5] = (250, 12, 243)
        assert mask("color:#ff00ff", canvas(pixels)).sum() == 25
        assert mask("color:#FF00FF", canvas(pixels), is_lossy=True).sum() == 45
        assert mask("color:#ff00ff,12", canvas(pixels)).sum() == 45
        assert mask("color:#ff00ff,11", canvas(pixels), is_lossy=True).sum() == 25

    def test_a_colour_is_exact_at_16_bits(self) -> None:
        pixels = np.full((HEIGHT, WIDTH, 3), 0x8000, np.uint16)
        pixels[0, 0] = (0xFFFF, 0, 0xFFFF)
        assert mask("color:#ff00ff", canvas(pixels)).sum() == 1

    def test_transparent_pixels_are_missing(self) -> None:
        pixels = np.full((HEIGHT, WIDTH, 4), 255, np.uint8)
        pixels[:7, :, 3] = 127
        pixels[7:9, :, 3] = 128
        assert np.array_equal(mask("alpha", canvas(pixels, True)), pixels[..., 3] < 128)

    def test_a_picture_without_transparency_is_refused(self) -> None:
        with pytest.raises(UnusableMask, match="it has no transparency"):
            mask("alpha")


class TestFiles:
    @pytest.mark.parametrize("kind", ["L", "1", "RGB", "16", "palette", "jpg", "turned"])
    def test_white_is_missing_in_any_kind_of_file(self, tmp_path: Path, kind: str) -> None:
        pixels = spot()
        path = tmp_path / "m.png"
        if kind == "1":
            saved(path, pixels > 0)
        elif kind == "RGB":
            saved(path, pixels[..., None].repeat(3, 2))
        elif kind == "16":
            saved(path, pixels.astype(np.uint16) * 257)
        elif kind == "palette":
            PIL.Image.fromarray(pixels).quantize(4).save(path)
        elif kind == "jpg":
            path = saved(tmp_path / "m.jpg", pixels, quality=95)
        elif kind == "turned":
            exif = PIL.Image.Exif()
            exif[0x0112] = 6
            saved(path, np.ascontiguousarray(np.rot90(pixels)), exif=exif)
        else:
            saved(path, pixels)
        differs = mask(path) != (pixels > 0)
        assert differs.sum() <= (30 if kind == "jpg" else 0)

    @pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
    def test_a_dark_grey_of_16_bits_is_known(self, tmp_path: Path, suffix: str) -> None:
        pixels = np.where(spot() > 0, 65535, 1000).astype(np.uint16)
        path = tmp_path / f"m.{suffix}"
        assert cv2.imwrite(str(path), pixels)
        assert np.array_equal(mask(path), spot() > 0)

    def test_strokes_on_a_transparent_page_count_by_what_is_seen(self, tmp_path: Path) -> None:
        pixels = np.full((HEIGHT, WIDTH, 4), 255, np.uint8)
        pixels[..., 3] = spot()
        assert np.array_equal(mask(saved(tmp_path / "m.png", pixels)), spot() > 0)

    def test_inverted(self, tmp_path: Path) -> None:
        path = saved(tmp_path / "m.png", 255 - spot())
        assert np.array_equal(mask(path, is_inverted=True), spot() > 0)

    def test_another_size_is_an_error_that_says_both(self, tmp_path: Path) -> None:
        path = saved(tmp_path / "m.png", spot(20, 30))
        message = r"it is 60x40, its mask .*m\.png is 30x20; --resize-mask"
        with pytest.raises(UnusableMask, match=message):
            mask(path)
        with pytest.raises(UnusableMask, match=r"60x40, its mask .*t\.png is 40x60; .*turned as"):
            mask(saved(tmp_path / "t.png", spot(60, 40)))

    def test_a_mask_is_stretched_when_asked_for(self, tmp_path: Path) -> None:
        path = saved(tmp_path / "m.png", spot(20, 30))
        expected = (spot(20, 30) > 0).repeat(2, 0).repeat(2, 1)
        assert np.array_equal(mask(path, is_resized=True), expected)

    def test_shrinking_loses_no_thin_stroke(self, tmp_path: Path) -> None:
        pixels = np.zeros((4 * HEIGHT, 4 * WIDTH), np.uint8)
        pixels[41] = 255
        found = mask(saved(tmp_path / "m.png", pixels), is_resized=True)
        assert found[10].all()
        assert found.sum() == WIDTH
        black = saved(tmp_path / "black.png", 255 - pixels)
        assert np.array_equal(mask(black, is_resized=True, is_inverted=True), found)

    def test_a_mask_of_all_is_an_error_and_a_large_one_a_warning(self, tmp_path: Path) -> None:
        with pytest.raises(UnusableMask, match="whole picture"):
            mask(saved(tmp_path / "all.png", np.full((HEIGHT, WIDTH), 255, np.uint8)))
        path = saved(tmp_path / "large.png", 255 - spot())
        _, (warning,) = missing_pixels(
            parsed_masks(str(path)), WHERE, canvas(), MaskSettings(), False
        )
        assert "covers 98 %" in warning.replace("98%", "98 %")
        assert "with --invert-mask" in warning

    @pytest.mark.parametrize("kind", ["RGBA", "palette"])
    def test_a_hole_that_is_transparent_black_is_explained(self, tmp_path: Path, kind: str) -> None:
        pixels = np.zeros((HEIGHT, WIDTH, 4), np.uint8)
        pixels[..., 3] = 255 - spot()
        path = saved(tmp_path / "m.png", pixels)
        if kind == "palette":
            flat = PIL.Image.fromarray((spot() > 0).astype(np.uint8)).convert("P")
            flat.putpalette([0, 0, 0] * 2)
            flat.save(path, transparency=1)
        for has_alpha in (False, True):
            target = canvas(np.full((HEIGHT, WIDTH, 3 + has_alpha), 255, np.uint8), has_alpha)
            found, (warning,) = missing_pixels(
                parsed_masks(str(path)), WHERE, target, MaskSettings(), False
            )
            assert not found.any()
            assert "m.png is black: transparent parts count as black" in warning
            assert ("--mask alpha" in warning) == has_alpha

    @pytest.mark.parametrize(("level", "said"), [(0, []), (1, ["1 of 255"]), (127, ["127 of 255"])])
    def test_a_dark_mask_is_told_from_an_empty_one(
        self, tmp_path: Path, level: int, said: list[str]
    ) -> None:
        path = saved(tmp_path / "m.png", (spot() > 0) * np.uint8(level))
        found, warnings = missing_pixels(
            parsed_masks(str(path)), WHERE, canvas(), MaskSettings(), False
        )
        assert not found.any()
        assert len(warnings) == len(said)
        assert all(part in warning for part, warning in zip(said, warnings, strict=True))

    @pytest.mark.parametrize(("level", "said"), [(255, []), (128, ["bright", "128 of 255"])])
    def test_an_inverted_mask_without_black(
        self, tmp_path: Path, level: int, said: list[str]
    ) -> None:
        path = saved(tmp_path / "m.png", np.where(spot() > 0, np.uint8(level), np.uint8(255)))
        found, warnings = missing_pixels(
            parsed_masks(str(path)), WHERE, canvas(), MaskSettings(is_inverted=True), False
        )
        assert not found.any()
        assert len(warnings) == bool(said)
        assert all(part in warnings[0] for part in said)

    def test_an_unreadable_mask_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "m.png"
        path.write_bytes(b"")
        with pytest.raises(UnusableMask, match=r"mask .*m\.png is empty"):
            mask(path)


class TestFolders:
    def test_the_relative_path_comes_before_the_stem(self, tmp_path: Path) -> None:
        masks = parsed_masks(str(tmp_path))
        places = ["a.png", "a.jpg", "trip/a.webp", "trip/a.jpg"]
        for place in places:
            saved(tmp_path / place, spot())
        assert masks.file(WHERE) == tmp_path / "trip/a.jpg"
        (tmp_path / "trip/a.jpg").unlink()
        assert masks.file(WHERE) == tmp_path / "trip/a.webp"
        (tmp_path / "trip/a.webp").unlink()
        assert masks.file(WHERE) == tmp_path / "a.jpg"
        (tmp_path / "a.jpg").unlink()
        assert masks.file(WHERE) == tmp_path / "a.png"

    def test_other_cases_of_a_suffix_are_found(self, tmp_path: Path) -> None:
        saved(tmp_path / "x.png", spot()).rename(tmp_path / "a.PNG")
        assert parsed_masks(str(tmp_path)).file(WHERE) == tmp_path / "a.PNG"

    def test_two_masks_for_one_photograph_are_an_error(self, tmp_path: Path) -> None:
        saved(tmp_path / "trip/a.png", spot())
        saved(tmp_path / "trip/a.bmp", spot())
        with pytest.raises(UnusableMask, match=r"a\.bmp and a\.png in .*trip could both"):
            mask(tmp_path)

    def test_a_missing_mask_says_what_was_looked_for(self, tmp_path: Path) -> None:
        with pytest.raises(UnusableMask, match=r"^no mask in .*trip/a\.png"):
            mask(tmp_path)

    def test_the_mask_of_each_is_used(self, tmp_path: Path) -> None:
        saved(tmp_path / "trip/a.png", spot())
        saved(tmp_path / "b.png", spot()[::-1])
        assert np.array_equal(mask(tmp_path), spot() > 0)
        assert np.array_equal(mask(tmp_path, where=Path("b.jpg")), spot()[::-1] > 0)


class TestGrowing:
    POINT = np.zeros((31, 41), bool)
    POINT[15, 20] = True

    def test_nothing_asked_for_is_the_mask_itself(self) -> None:
        assert np.array_equal(grown(self.POINT, MaskSettings()), self.POINT)

    @pytest.mark.parametrize("radius", [1, 3, 9])
    def test_dilating_makes_discs(self, radius: int) -> None:
        y, x = np.mgrid[:31, :41]
        disc = np.hypot(y - 15, x - 20) <= radius + 1e-3
        assert np.array_equal(grown(self.POINT, MaskSettings(dilate_px=radius)), disc)

    def test_a_feather_falls_evenly_outside_of_what_was_dilated(self) -> None:
        weight = grown(self.POINT, MaskSettings(dilate_px=2, feather_px=3))
        expected = [1, 1, 1, 0.75, 0.5, 0.25, 0, 0]
        assert np.allclose(weight[15, 20:28], expected, atol=1e-6)

    def test_an_empty_mask_stays_empty_and_edges_are_no_obstacle(self) -> None:
        settings = MaskSettings(dilate_px=5, feather_px=5)
        assert not grown(np.zeros((5, 5), bool), settings).any()
        corner = np.zeros((5, 5), bool)
        corner[0, 0] = True
        weight = grown(corner, MaskSettings(dilate_px=5))
        assert np.array_equal(np.argwhere(weight == 0), [[4, 4]])

    def test_growing_over_the_whole_picture_is_an_error(self) -> None:
        with pytest.raises(UnusableMask, match=r"--dilate and --feather.* whole"):
            grown(self.POINT, MaskSettings(feather_px=99))

    def test_less_than_nothing_is_refused(self) -> None:
        with pytest.raises(SettingsError, match="--dilate is -1"):
            MaskSettings(dilate_px=-1)
