"""Convert TensorFlow Lite models to ONNX, without TensorFlow.

It knows the operations of MediaPipe's face networks. The numbers of fields, operations and types are
those of tensorflow/lite/schema/schema.fbs. TensorFlow has the channels last, ONNX first: pictures keep
ONNX's order from the first convolution to the last.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from local.rekognition.weights.flatbuffer import Table
from local.rekognition.weights.onnx_graph import ConversionError, OnnxGraph

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onnx import ModelProto

Array = Any  # of any type: weights are floats, margins integers

TYPES: dict[int, np.dtype[Any]] = {0: np.dtype(np.float32), 1: np.dtype(np.float16), 2: np.dtype(np.int32)}

FIRST_CHANNELS, LAST_CHANNELS = [0, 3, 1, 2], [0, 2, 3, 1]
"""Permutations of a picture's axes."""

PICTURE = 4
"""The number of axes that a picture has, with the one of the batch."""


def build(files: Sequence[Path], folder: Path) -> None:
    """Convert models into a folder; keep the licence, the last of the files, beside them.

    Raises:
        ConversionError: as `convert`.
    """
    *models, licence = files
    for model in models:
        onnx.save(convert(model.read_bytes()), folder / model.with_suffix(".onnx").name)
    shutil.copy(licence, folder / "LICENSE")


def convert(data: bytes) -> ModelProto:
    """Return a model as an ONNX network.

    Its input `pixels` has the channels first. Its outputs have the model's names and shapes.

    Raises:
        ConversionError: an operation or a type is not known here.
    """
    return _Converter(Table.root(data)).model()


class _Converter:
    def __init__(self, model: Table) -> None:
        self._codes = [max(code.number(0, "b"), code.number(3, "i")) for code in model.tables(1)]
        self._buffers = model.tables(4)
        (self._subgraph,) = model.tables(2)
        self._tensors = self._subgraph.tables(0)
        self._graph = OnnxGraph()
        self._names: dict[int, str] = {}
        self._constants: dict[int, Array] = {}

    def model(self) -> ModelProto:
        """Return the network."""
        (source,) = self._subgraph.numbers(1)
        self._names[source] = "pixels"
        batch, height, width, channels = self._shape(source)
        for operation in self._subgraph.tables(3):
            self._convert(operation)
        outputs = {}
        for number in self._subgraph.numbers(2):
            name = self._tensors[number].content(3).decode()
            self._graph.name_output(self._channels_last(number), name)
            outputs[name] = self._shape(number)
        return self._graph.model({"pixels": [batch, channels, height, width]}, outputs)

    def _convert(self, operation: Table) -> None:
        code = self._codes[operation.number(0, "I")]
        inputs, (output,) = operation.numbers(1), operation.numbers(2)
        if code == DEQUANTIZE:
            self._constants[output] = self._constant(inputs[0]).astype(np.float32)
            return
        if code not in CONVERSIONS:
            raise ConversionError(f"operation {code} of TensorFlow Lite is not known here")
        self._names[output] = CONVERSIONS[code](self, inputs, operation.table(4))

    def _add_convolution(self, inputs: list[int], options: Table) -> str:
        kernel = self._constant(inputs[1]).transpose(0, 3, 1, 2)
        return self._convolution(inputs, options, kernel, groups=1, activation=options.number(3, "b"))

    def _add_depthwise(self, inputs: list[int], options: Table) -> str:
        kernel = self._constant(inputs[1]).transpose(3, 0, 1, 2)
        return self._convolution(inputs, options, kernel, groups=len(kernel), activation=options.number(4, "b"))

    def _convolution(self, inputs: list[int], options: Table, kernel: Array, *, groups: int, activation: int) -> str:
        weights = [self._graph.constant(kernel), self._graph.constant(self._constant(inputs[2]))]
        y = self._graph.add(
            "Conv",
            self._names[inputs[0]],
            *weights,
            kernel_shape=kernel.shape[2:],
            group=groups,
            **_steps(options),
        )
        return self._activated(y, activation)

    def _add_pool(self, inputs: list[int], options: Table) -> str:
        sides = [options.number(4, "i"), options.number(3, "i")]
        return self._graph.add("MaxPool", self._names[inputs[0]], kernel_shape=sides, **_steps(options))

    def _add_sum(self, inputs: list[int], options: Table) -> str:
        y = self._graph.add("Add", *(self._names[number] for number in inputs))
        return self._activated(y, options.number(0, "b"))

    def _add_rectifier(self, inputs: list[int], _: Table) -> str:
        return self._graph.add("Relu", self._names[inputs[0]])

    def _add_parametric_rectifier(self, inputs: list[int], _: Table) -> str:
        """Add slope * x + (1 - slope) * rectified x. onnxruntime's PRelu takes four times as long as the two products.

        As convolutions of each channel, they keep the layout of memory that onnxruntime's convolutions use.
        """
        x, slopes = self._names[inputs[0]], self._constant(inputs[1]).reshape(-1, 1, 1, 1)
        products = [
            self._graph.add("Conv", each, self._graph.constant(factors), kernel_shape=[1, 1], group=len(factors))
            for each, factors in ((x, slopes), (self._graph.add("Relu", x), 1 - slopes))
        ]
        return self._graph.add("Add", *products)

    def _add_margins(self, inputs: list[int], _: Table) -> str:
        margins = self._constant(inputs[1])[FIRST_CHANNELS].T.reshape(-1).astype(np.int64)
        return self._graph.add("Pad", self._names[inputs[0]], self._graph.constant(margins))

    def _add_reshape(self, inputs: list[int], options: Table) -> str:
        shape = self._graph.constant(np.array(options.numbers(0), np.int64))
        return self._graph.add("Reshape", self._channels_last(inputs[0]), shape)

    def _add_concatenation(self, inputs: list[int], options: Table) -> str:
        axis = options.number(0, "i")
        return self._graph.add("Concat", *(self._channels_last(number) for number in inputs), axis=axis)

    def _activated(self, name: str, activation: int) -> str:
        if activation not in ACTIVATIONS:
            raise ConversionError(f"activation {activation} of TensorFlow Lite is not known here")
        kind = ACTIVATIONS[activation]
        return self._graph.add(kind, name) if kind else name

    def _channels_last(self, number: int) -> str:
        name = self._names[number]
        is_picture = len(self._shape(number)) == PICTURE
        return self._graph.add("Transpose", name, perm=LAST_CHANNELS) if is_picture else name

    def _shape(self, number: int) -> list[int]:
        return self._tensors[number].numbers(0)

    def _constant(self, number: int) -> Array:
        if number not in self._constants:
            tensor = self._tensors[number]
            kind = tensor.number(1, "b")
            if kind not in TYPES:
                raise ConversionError(f"type {kind} of TensorFlow Lite is not known here")
            data = self._buffers[tensor.number(2, "I")].content(0)
            self._constants[number] = np.frombuffer(data, TYPES[kind]).reshape(self._shape(number))
        return self._constants[number]


def _steps(options: Table) -> dict[str, Any]:
    """Return padding and strides, which convolutions and pools have in the same fields."""
    padding = "VALID" if options.number(0, "b") else "SAME_UPPER"
    return {"auto_pad": padding, "strides": [options.number(2, "i"), options.number(1, "i")]}


DEQUANTIZE = 6

Conversion = Callable[[_Converter, list[int], Table], str]

CONVERSIONS: dict[int, Conversion] = {
    0: _Converter._add_sum,
    2: _Converter._add_concatenation,
    3: _Converter._add_convolution,
    4: _Converter._add_depthwise,
    17: _Converter._add_pool,
    19: _Converter._add_rectifier,
    22: _Converter._add_reshape,
    34: _Converter._add_margins,
    54: _Converter._add_parametric_rectifier,
}
"""By the number of the operation (`BuiltinOperator`)."""

ACTIVATIONS = {0: None, 1: "Relu"}
