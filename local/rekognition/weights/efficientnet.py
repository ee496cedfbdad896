"""Build EfficientNet-Lite0 as an ONNX network from its PyTorch checkpoint.

The architecture is that of https://github.com/tensorflow/tpu, models/official/efficientnet/lite. Batch
normalisation is folded into the convolutions. The network has the input `pixels` (n, 3, 224, 224) and
the outputs `logits` (n, 1000) and `embedding` (n, 1280).
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from local.rekognition.weights.checkpoint import read_checkpoint
from local.rekognition.weights.onnx_graph import OnnxGraph

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt
    from onnx import ModelProto

SIDE = 224
CLASSES = 1000
FEATURES = 1280

STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
"""The number of blocks of each stage, and the stride of the first one."""

EPSILON = 1e-3
"""The epsilon of batch normalisation, as in the original network."""


def build(files: Sequence[Path], folder: Path) -> None:
    """Build the network in a folder from its checkpoint. Put the licence into the same folder.

    Raises:
        CheckpointError: the file is not a checkpoint of the known form.
    """
    checkpoint, licence = files
    onnx.save(network(read_checkpoint(checkpoint)), folder / "model.onnx")
    shutil.copy(licence, folder / "LICENSE")


def network(arrays: Mapping[str, npt.NDArray[Any]]) -> ModelProto:
    """Return the network with the weights of a checkpoint."""
    return _Builder(arrays).model()


class _Builder:
    def __init__(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._arrays = arrays
        self._graph = OnnxGraph()

    def model(self) -> ModelProto:
        """Return the whole network."""
        x = self._convolution("pixels", "_conv_stem", "_bn0", stride=2)
        strides = [stride if first else 1 for count, stride in STAGES for first in [True] + [False] * (count - 1)]
        for number, stride in enumerate(strides):
            x = self._block(x, f"_blocks.{number}.", stride)
        x = self._convolution(x, "_conv_head", "_bn1")
        embedding = self._graph.add("Flatten", self._graph.add("GlobalAveragePool", x))
        layer = [self._constant(self._arrays[f"_fc.{part}"]) for part in ("weight", "bias")]
        self._graph.name_output(embedding, "embedding")
        self._graph.name_output(self._graph.add("Gemm", embedding, *layer, transB=1), "logits")
        return self._graph.model(
            {"pixels": ["n", 3, SIDE, SIDE]}, {"logits": ["n", CLASSES], "embedding": ["n", FEATURES]}
        )

    def _block(self, x: str, name: str, stride: int) -> str:
        """Add an inverted bottleneck: widen, convolve each channel, narrow."""
        wide = x
        if f"{name}_expand_conv.weight" in self._arrays:
            wide = self._convolution(x, f"{name}_expand_conv", f"{name}_bn0")
        channels = len(self._arrays[f"{name}_depthwise_conv.weight"])
        deep = self._convolution(wide, f"{name}_depthwise_conv", f"{name}_bn1", stride=stride, groups=channels)
        narrow = self._convolution(deep, f"{name}_project_conv", f"{name}_bn2", clipped=False)
        first = self._arrays.get(f"{name}_expand_conv.weight", self._arrays[f"{name}_depthwise_conv.weight"])
        channels_in = first.shape[1] if f"{name}_expand_conv.weight" in self._arrays else len(first)
        same = stride == 1 and channels_in == len(self._arrays[f"{name}_project_conv.weight"])
        return self._graph.add("Add", narrow, x) if same else narrow

    def _convolution(
        self, x: str, name: str, normalisation: str, *, stride: int = 1, groups: int = 1, clipped: bool = True
    ) -> str:
        """Add a convolution and ReLU6. The batch normalisation is folded into the convolution."""
        kernel = self._arrays[f"{name}.weight"]
        gain, bias, mean, variance = (
            self._arrays[f"{normalisation}.{part}"] for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gain / np.sqrt(variance + EPSILON)
        y = self._graph.add(
            "Conv",
            x,
            self._constant(kernel * scale[:, None, None, None]),
            self._constant(bias - mean * scale),
            kernel_shape=kernel.shape[2:],
            strides=[stride, stride],
            group=groups,
            auto_pad="SAME_UPPER",
        )
        if not clipped:
            return y
        return self._graph.add("Clip", y, self._constant(np.float32(0)), self._constant(np.float32(6)))

    def _constant(self, value: npt.ArrayLike) -> str:
        return self._graph.constant(np.asarray(value, np.float32))
