"""Build an ONNX network node by node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import NodeProto, TensorProto, checker, helper, numpy_helper

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    from onnx import ModelProto

OPERATIONS_VERSION, FORMAT_VERSION = 13, 8


class ConversionError(ValueError):
    """A model has an operation that is not known here, or weights that do not fit the operation."""


class OnnxGraph:
    """Collects the nodes and weights of a network, and names the nodes' outputs."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._weights: list[TensorProto] = []

    def constant(self, value: npt.ArrayLike) -> str:
        """Add a constant, and return its name."""
        name = f"w{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(value).reshape(np.shape(value)), name))
        return name

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output, and return the output's name."""
        return self.add_several(kind, *inputs, count=1, **attributes)[0]

    def add_several(self, kind: str, *inputs: str, count: int, **attributes: Any) -> list[str]:
        """Add a node with several outputs, and return the outputs' names."""
        names = [f"x{len(self._nodes)}_{number}" for number in range(count)]
        self._nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names

    def name_output(self, output: str, name: str) -> None:
        """Give an output the name that users of the network expect."""
        self._nodes.append(helper.make_node("Identity", [output], [name]))

    def model(
        self, inputs: Mapping[str, Sequence[int | str]], outputs: Mapping[str, Sequence[int | str]]
    ) -> ModelProto:
        """Return the network with these inputs and outputs of float32, each with its shape.

        A dimension that is given as a name instead of a number can have any length.
        """
        graph = helper.make_graph(self._nodes, "network", _infos(inputs), _infos(outputs), self._weights)
        opset = helper.make_opsetid("", OPERATIONS_VERSION)
        model = helper.make_model(graph, opset_imports=[opset], ir_version=FORMAT_VERSION)
        checker.check_model(model)
        return model


def _infos(shapes: Mapping[str, Sequence[int | str]]) -> list[Any]:
    return [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
