"""Write TensorFlow Lite models, by tensorflow/lite/schema/schema.fbs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import flatbuffers  # type: ignore[import-untyped]
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

ADD, CONCATENATION, CONV_2D, DEPTHWISE_CONV_2D, DEQUANTIZE, MAX_POOL_2D = 0, 2, 3, 4, 6, 17
RELU, RESHAPE, PAD, PRELU = 19, 22, 34, 54
OPTIONS_TYPES = {CONV_2D: 1, DEPTHWISE_CONV_2D: 2, MAX_POOL_2D: 5, CONCATENATION: 10, ADD: 11, RESHAPE: 17}
TYPES = {np.dtype(np.float32): 0, np.dtype(np.float16): 1, np.dtype(np.int32): 2}

Bytes, Int, Numbers = "Int8", "Int32", "numbers"


@dataclass
class Model:
    """A model that grows operation by operation. Tensors are known by their numbers."""

    shapes: list[tuple[int, ...]] = field(default_factory=list)
    constants: dict[int, npt.NDArray[Any]] = field(default_factory=dict)
    operations: list[tuple[int, Sequence[int], int, Sequence[tuple[str, Any]]]] = field(default_factory=list)

    def tensor(self, *shape: int) -> int:
        self.shapes.append(shape)
        return len(self.shapes) - 1

    def constant(self, values: npt.NDArray[Any]) -> int:
        number = self.tensor(*values.shape)
        self.constants[number] = values
        return number

    def add(
        self, code: int, inputs: Sequence[int], shape: Sequence[int], options: Sequence[tuple[str, Any]] = ()
    ) -> int:
        """Add an operation. `options` has the type and the value of each field."""
        output = self.tensor(*shape)
        self.operations.append((code, inputs, output, options))
        return output

    def data(self, *, source: int, output: int) -> bytes:
        """Return the file."""
        builder = flatbuffers.Builder()
        codes = sorted({operation[0] for operation in self.operations})
        tables = {
            "codes": [_table(builder, [(Bytes, code), None, None, (Int, code)]) for code in codes],
            "buffers": [self._buffer(builder, number) for number in range(len(self.shapes))],
            "tensors": [self._tensor(builder, number) for number in range(len(self.shapes))],
            "operators": [self._operator(builder, codes, *operation) for operation in self.operations],
        }
        lists = {name: _list(builder, items, builder.PrependUOffsetTRelative) for name, items in tables.items()}
        ends = [_numbers(builder, [number]) for number in (source, output)]
        subgraph = _table(builder, [("", lists["tensors"]), ("", ends[0]), ("", ends[1]), ("", lists["operators"])])
        subgraphs = _list(builder, [subgraph], builder.PrependUOffsetTRelative)
        model = _table(builder, [(Int, 3), ("", lists["codes"]), ("", subgraphs), None, ("", lists["buffers"])])
        builder.Finish(model, b"TFL3")
        return bytes(builder.Output())

    def _buffer(self, builder: Any, number: int) -> int:
        if number not in self.constants:
            return _table(builder, [])
        return _table(builder, [("", builder.CreateByteVector(self.constants[number].tobytes()))])

    def _tensor(self, builder: Any, number: int) -> int:
        shape, name = _numbers(builder, self.shapes[number]), builder.CreateString(f"t{number}")
        kind = TYPES[self.constants[number].dtype] if number in self.constants else 0
        return _table(builder, [("", shape), (Bytes, kind), ("Uint32", number), ("", name)])

    def _operator(
        self,
        builder: Any,
        codes: list[int],
        code: int,
        inputs: Sequence[int],
        output: int,
        options: Sequence[tuple[str, Any]],
    ) -> int:
        filled = [("", _numbers(builder, value)) if kind == Numbers else (kind, value) for kind, value in options]
        details, ends = _table(builder, filled), [_numbers(builder, inputs), _numbers(builder, [output])]
        kind = ("Uint8", OPTIONS_TYPES.get(code, 0))
        return _table(builder, [("Uint32", codes.index(code)), ("", ends[0]), ("", ends[1]), kind, ("", details)])


def _table(builder: Any, fields: Sequence[tuple[str, int] | None]) -> int:
    """Write a table. A field without a type is the place of a table or a list."""
    builder.StartObject(len(fields))
    for number, each in enumerate(fields):
        if each and each[0]:
            getattr(builder, f"Prepend{each[0]}Slot")(number, each[1], None)
        elif each:
            builder.PrependUOffsetTRelativeSlot(number, each[1], 0)
    return int(builder.EndObject())


def _numbers(builder: Any, numbers: Sequence[int]) -> int:
    return _list(builder, numbers, builder.PrependInt32)


def _list(builder: Any, items: Sequence[int], prepend: Callable[[int], None]) -> int:
    builder.StartVector(4, len(items), 4)
    for item in reversed(items):
        prepend(item)
    return int(builder.EndVector())
