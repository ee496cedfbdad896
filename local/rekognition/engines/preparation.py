"""Turn a picture into a model's input tensor. preprocessor_config.json describes the steps.

The steps are those of the image processors of Hugging Face transformers 4.57 (image_processing_vit,
_convnext, _detr, _yolos, _rt_detr, _mobilevit). The results differ by at most 1e-6. Padding is left out,
because only batches need it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.rekognition.detections import Floats, Pixels

BILINEAR = 2  # PIL.Image.Resampling
CONVNEXT_CROPS_BELOW = 384  # image_processing_convnext: larger pictures are squeezed, not cropped
YOLOS_STEP = 16  # image_processing_yolos: sides are multiples of a patch

Size = tuple[int, int]
"""Width and height in pixels."""


@dataclass(frozen=True)
class Preparation:
    """The steps from a picture to a model's input."""

    config: Mapping[str, Any]
    """The contents of preprocessor_config.json."""
    fixed: Size | None
    """The input size, if the model accepts only one size."""
    step: int
    """The sides are rounded down to multiples of this number."""

    def tensor(self, rgb: Pixels) -> Floats:
        """Return the model's input, shape (1, 3, height, width).

        Raises:
            ValueError, KeyError, TypeError: the configuration cannot be followed.
        """
        image = Image.fromarray(rgb)
        if self.config.get("do_resize", True):
            image = self._resized(image)
        if self.config.get("do_center_crop"):
            image = _crop(image, _both(self.config["crop_size"]))
        if self.fixed and image.size != self.fixed:
            image = image.resize(self.fixed, BILINEAR)
        return np.ascontiguousarray(self._scaled(np.asarray(image, np.float32)).transpose(2, 0, 1)[None])

    def _resized(self, image: Image.Image) -> Image.Image:
        size, how = self._size(), self.config.get("resample", BILINEAR)
        keep, side = self.config.get("crop_pct"), size.get("shortest_edge", CONVNEXT_CROPS_BELOW)
        if keep and side < CONVNEXT_CROPS_BELOW:
            larger = _target({"shortest_edge": int(side / keep)}, image.size)
            return _crop(image.resize(larger, how), (side, side))
        width, height = _target(size, image.size)
        return image.resize(
            (max(self.step, width - width % self.step), max(self.step, height - height % self.step)), how
        )

    def _size(self) -> dict[str, int]:
        """Return `size` in its present form. Older files have one number. Its meaning depends on other settings."""
        size = self.config.get("size")
        if size is None and self.fixed:
            return {"width": self.fixed[0], "height": self.fixed[1]}
        if isinstance(size, dict):
            return size
        if not isinstance(size, int):
            raise TypeError("preprocessor_config.json names no size")
        if "max_size" in self.config:
            return {"shortest_edge": size, "longest_edge": self.config["max_size"]}
        if self.config.get("crop_pct") or self.config.get("do_center_crop"):
            return {"shortest_edge": size}
        return {"width": size, "height": size}

    def _scaled(self, values: Floats) -> Floats:
        """Return the colours on the scale of the model's training, shape (height, width, 3)."""
        if self.config.get("do_rescale", True):
            values = values * np.float32(self.config.get("rescale_factor", 1 / 255))
        if self.config.get("do_flip_channel_order"):
            values = values[..., ::-1]
        if self.config.get("do_normalize", "image_mean" in self.config):
            mean: Floats = np.asarray(self.config["image_mean"], np.float32)
            deviation: Floats = np.asarray(self.config["image_std"], np.float32)
            values = (values - mean) / deviation
        return values


def _target(size: Mapping[str, int], given: Size) -> Size:
    """Return the picture's new size. `size` is {height, width} or {shortest_edge[, longest_edge]}."""
    if "height" in size:
        return size["width"], size["height"]
    short = size["shortest_edge"]
    if "longest_edge" in size:
        return _within(short, size["longest_edge"], given)
    width, height = given
    return (short, int(short * height / width)) if width < height else (int(short * width / height), short)


def _within(short: int, long: int, given: Size) -> Size:
    """Apply DETR's rule (get_size_with_aspect_ratio): scale to the shorter side, within the longer side's limit."""
    width, height = given
    exact = float(short)
    if max(given) / min(given) * short > long:
        exact = long * min(given) / max(given)
        short = round(exact)
    if min(given) == short:
        return given
    return (short, int(exact * height / width)) if width < height else (int(exact * width / height), short)


def _both(size: Any) -> Size:
    return (size, size) if isinstance(size, int) else (int(size["width"]), int(size["height"]))


def _crop(image: Image.Image, size: Size) -> Image.Image:
    left, top = (image.width - size[0]) // 2, (image.height - size[1]) // 2
    return image.crop((left, top, left + size[0], top + size[1]))
