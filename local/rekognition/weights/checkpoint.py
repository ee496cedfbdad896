"""Read a PyTorch checkpoint (`.pth`) without PyTorch.

A checkpoint is a pickle. The unpickler below builds only dictionaries and arrays, so a file cannot run
code of its own. The unpickler reads the old form, from before PyTorch 1.6. The pinned file has this form.
"""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001
STORAGES = {"FloatStorage": np.dtype(np.float32), "LongStorage": np.dtype(np.int64)}

Array = npt.NDArray[Any]


class CheckpointError(ValueError):
    """The file is not a checkpoint of the known form."""


@dataclass(frozen=True)
class _Storage:
    dtype: np.dtype[Any]
    key: str


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def array(self, contents: Mapping[str, Array]) -> Array:
        """Return a copy of the tensor's values. A tensor is a part of its storage."""
        start = contents[self.storage.key][self.offset :]
        steps = [step * start.itemsize for step in self.strides]
        return np.lib.stride_tricks.as_strided(start, self.shape, steps).copy()


class _Unpickler(pickle.Unpickler):
    """Builds dictionaries and descriptions of tensors, and refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: _Tensor(storage, offset, shape, strides)
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        raise CheckpointError(f"the file refers to {module}.{name}")

    def persistent_load(self, reference: Any) -> _Storage:
        _, dtype, key, *_ = reference
        return _Storage(dtype, key)


def read_checkpoint(file: Path) -> dict[str, Array]:
    """Return the arrays of a checkpoint by their names.

    Raises:
        CheckpointError: the file has another form, or refers to anything but arrays.
    """
    try:
        with file.open("rb") as stream:
            return _read(stream)
    except (pickle.UnpicklingError, EOFError, struct.error, TypeError, ValueError) as error:
        raise CheckpointError(f"{file.name} cannot be read: {error}") from error


def _read(stream: BinaryIO) -> dict[str, Array]:
    if _Unpickler(stream).load() != MAGIC or _Unpickler(stream).load() != VERSION:
        raise CheckpointError("the file does not begin as a checkpoint does")
    _Unpickler(stream).load()  # facts about the machine that wrote the file
    tensors: dict[str, _Tensor] = _Unpickler(stream).load()
    dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in tensors.values()}
    contents = {}
    for key in _Unpickler(stream).load():
        (count,) = struct.unpack("<q", stream.read(8))
        contents[key] = np.frombuffer(stream.read(count * dtypes[key].itemsize), dtypes[key], count)
    return {name: tensor.array(contents) for name, tensor in tensors.items()}
