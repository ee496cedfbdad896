"""Convert a TensorFlow.js graph model (a JSON file and its weights) to ONNX, without TensorFlow.

It knows the operations that NanoDet's graph has. That graph was made from ONNX in the first place, so
that each convolution has a transposition before and after it; onnxruntime removes most of them.
"""

from __future__ import annotations

import base64
import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from local.rekognition.weights.onnx_graph import ConversionError, OnnxGraph

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onnx import ModelProto

Array = Any  # of any type: weights are floats, shapes and axes are integers

SIMPLE = {"Add": "Add", "AddV2": "Add", "Sigmoid": "Sigmoid"}
"""Operations that take the same inputs and no attribute in both."""


def build(files: Sequence[Path], folder: Path) -> None:
    """Build the network in a folder from its description; keep the licence beside it.

    Raises:
        ConversionError: as `convert`.
    """
    description, _, licence = files
    onnx.save(convert(description), folder / "model.onnx")
    shutil.copy(licence, folder / "LICENSE")


def convert(description: Path) -> ModelProto:
    """Return the network that a model's JSON file describes, with its weights. Its input is called `pixels`.

    Raises:
        ConversionError: an operation is not known here, or the weights have another size.
    """
    return _Converter(description).model()


class _Converter:
    def __init__(self, description: Path) -> None:
        content = json.loads(description.read_text(encoding="utf-8"))
        self._signature = content["signature"]
        self._operations = {each["name"]: each for each in content["modelTopology"]["node"]}
        self._constants = _read_weights(content["weightsManifest"], description.parent)
        self._graph = OnnxGraph()
        self._done: dict[str, list[str]] = {}

    def model(self) -> ModelProto:
        """Return the network."""
        (source,) = self._signature["inputs"].values()
        self._done[source["name"].partition(":")[0]] = ["pixels"]
        results = {each["name"].partition(":")[0]: _shape(each) for each in self._signature["outputs"].values()}
        for name in results:
            self._graph.name_output(self._value(name), name)
        return self._graph.model({"pixels": _shape(source)}, results)

    def _value(self, name: str) -> str:
        """Return the ONNX name of an operation's output; `name:1` is its second one."""
        name, _, number = name.partition(":")
        if name not in self._done:
            self._done[name] = self._convert(self._operations[name])
        return self._done[name][int(number or 0)]

    def _convert(self, operation: dict[str, Any]) -> list[str]:
        kind, inputs, attributes = operation["op"], operation.get("input", []), operation.get("attr", {})
        if kind == "Const":
            return [self._graph.constant(self._constants[operation["name"]])]
        if kind == "Identity":
            return [self._value(inputs[0])]
        if kind in SIMPLE:
            return [self._graph.add(SIMPLE[kind], *map(self._value, inputs))]
        convert = getattr(self, f"_convert_{kind.lower()}", None)
        if convert is None:
            raise ConversionError(f"the operation {kind} ({operation['name']}) is not known here")
        converted: list[str] = convert(inputs, attributes)
        return converted

    def _convert_conv2d(self, inputs: list[str], attributes: dict[str, Any]) -> list[str]:
        """Swap the axes around the convolution: TensorFlow has the channels last, ONNX first."""
        if _text(attributes["padding"]) != "VALID":
            raise ConversionError("a convolution is padded by itself; known here are explicit Pad operations")
        kernel = self._constant_of(inputs[1]).transpose(3, 2, 0, 1)
        x = self._graph.add("Transpose", self._value(inputs[0]), perm=[0, 3, 1, 2])
        groups = len(kernel) if kernel.shape[1] == 1 and len(kernel) > 1 else 1
        strides = _whole(attributes["strides"])[1:3]
        y = self._graph.add(
            "Conv", x, self._graph.constant(kernel), kernel_shape=kernel.shape[2:], strides=strides, group=groups
        )
        return [self._graph.add("Transpose", y, perm=[0, 2, 3, 1])]

    def _convert_leakyrelu(self, inputs: list[str], attributes: dict[str, Any]) -> list[str]:
        return [self._graph.add("LeakyRelu", self._value(inputs[0]), alpha=float(attributes["alpha"]["f"]))]

    def _convert_concatv2(self, inputs: list[str], _: dict[str, Any]) -> list[str]:
        *parts, axis = inputs
        return [self._graph.add("Concat", *map(self._value, parts), axis=int(self._constant_of(axis)))]

    def _convert_reshape(self, inputs: list[str], _: dict[str, Any]) -> list[str]:
        shape = self._constant_of(inputs[1]).astype(np.int64).reshape(-1)
        return [self._graph.add("Reshape", self._value(inputs[0]), self._graph.constant(shape))]

    def _convert_transpose(self, inputs: list[str], _: dict[str, Any]) -> list[str]:
        return [
            self._graph.add(
                "Transpose", self._value(inputs[0]), perm=[int(axis) for axis in self._constant_of(inputs[1])]
            )
        ]

    def _convert_maxpool(self, inputs: list[str], attributes: dict[str, Any]) -> list[str]:
        x = self._graph.add("Transpose", self._value(inputs[0]), perm=[0, 3, 1, 2])
        sides, strides = (_whole(attributes[name])[1:3] for name in ("ksize", "strides"))
        padding = "SAME_UPPER" if _text(attributes["padding"]) == "SAME" else "VALID"
        y = self._graph.add("MaxPool", x, kernel_shape=sides, strides=strides, auto_pad=padding)
        return [self._graph.add("Transpose", y, perm=[0, 2, 3, 1])]

    def _convert_pad(self, inputs: list[str], _: dict[str, Any]) -> list[str]:
        margins = np.asarray(self._constant_of(inputs[1]), np.int64).T.reshape(-1)
        value = self._constant_of(inputs[2]) if len(inputs) > 2 else 0  # noqa: PLR2004 - PadV2 has a third input
        return [
            self._graph.add(
                "Pad", self._value(inputs[0]), self._graph.constant(margins), self._graph.constant(np.float32(value))
            )
        ]

    _convert_padv2 = _convert_pad

    def _convert_resizebilinear(self, inputs: list[str], attributes: dict[str, Any]) -> list[str]:
        mode = "align_corners" if _flag(attributes, "align_corners") else "asymmetric"
        mode = "half_pixel" if _flag(attributes, "half_pixel_centers") else mode
        x = self._graph.add("Transpose", self._value(inputs[0]), perm=[0, 3, 1, 2])
        shape = self._graph.add(
            "Slice",
            self._graph.add("Shape", x),
            self._graph.constant(np.array([0])),
            self._graph.constant(np.array([2])),
        )
        sides = self._graph.constant(np.asarray(self._constant_of(inputs[1]), np.int64))
        whole = self._graph.add("Concat", shape, sides, axis=0)
        y = self._graph.add("Resize", x, "", "", whole, mode="linear", coordinate_transformation_mode=mode)
        return [self._graph.add("Transpose", y, perm=[0, 2, 3, 1])]

    def _convert_splitv(self, inputs: list[str], _: dict[str, Any]) -> list[str]:
        sizes = np.asarray(self._constant_of(inputs[1]), np.int64)
        axis = int(self._constant_of(inputs[2]))
        return self._graph.add_several(
            "Split", self._value(inputs[0]), self._graph.constant(sizes), count=len(sizes), axis=axis
        )

    def _constant_of(self, name: str) -> Array:
        """Return the value of an operation that only computes with constants: shapes and margins."""
        operation = self._operations[name.partition(":")[0]]
        kind, inputs = operation["op"], operation.get("input", [])
        if kind == "Const":
            return self._constants[operation["name"]]
        if kind == "Identity":
            return self._constant_of(inputs[0])
        if kind in {"Add", "AddV2"}:
            return self._constant_of(inputs[0]) + self._constant_of(inputs[1])
        if kind == "Reshape":
            return self._constant_of(inputs[0]).reshape(self._constant_of(inputs[1]))
        if kind == "ConcatV2":
            *parts, axis = map(self._constant_of, inputs)
            return np.concatenate(parts, int(axis))
        if kind == "SparseToDense":
            indices, shape, values, default = map(self._constant_of, inputs)
            dense = np.full(shape, default)
            dense[tuple(np.atleast_2d(indices).reshape(-1, len(shape)).T)] = values
            return dense
        raise ConversionError(f"{name} ({kind}) is no constant")


def _read_weights(manifest: list[dict[str, Any]], folder: Path) -> dict[str, Array]:
    """Return the constants by name; those kept as float16 become float32."""
    found = {}
    for group in manifest:
        data = b"".join((folder / path).read_bytes() for path in group["paths"])
        start = 0
        for weight in group["weights"]:
            stored = np.dtype(weight.get("quantization", weight)["dtype"])
            count = int(np.prod(weight["shape"]))
            if start + count * stored.itemsize > len(data):
                raise ConversionError(f"the weights end before {weight['name']}")
            values = np.frombuffer(data, stored, count, start)
            found[weight["name"]] = values.astype(weight["dtype"]).reshape(weight["shape"])
            start += count * stored.itemsize
        if start != len(data):
            raise ConversionError(f"{len(data) - start} bytes of weights are left over")
    return found


def _shape(tensor: dict[str, Any]) -> list[int]:
    return [int(each["size"]) for each in tensor["tensorShape"]["dim"]]


def _text(attribute: dict[str, Any]) -> str:
    return base64.b64decode(attribute["s"]).decode()


def _whole(attribute: dict[str, Any]) -> list[int]:
    return [int(value) for value in attribute["list"]["i"]]


def _flag(attributes: dict[str, Any], name: str) -> bool:
    return bool(attributes.get(name, {}).get("b"))
