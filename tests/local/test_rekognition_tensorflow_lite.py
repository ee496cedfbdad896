"""Test the conversion of TensorFlow Lite models, against OpenCV's own reader of them."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import pytest

from local.rekognition.weights.onnx_graph import ConversionError
from local.rekognition.weights.tensorflow_lite import convert
from tests.local import tflite_models as lite
from tests.local.tflite_models import Bytes, Int, Numbers

SAME, VALID = (Bytes, 0), (Bytes, 1)
CHANCE = np.random.default_rng(0)


def values(*shape: int, kind: type[np.floating[Any]] = np.float32) -> np.ndarray[Any, Any]:
    return CHANCE.normal(size=shape).astype(kind)


def network() -> bytes:
    """A model with every operation of the face networks, on an 8 x 8 picture."""
    model = lite.Model()
    source = model.tensor(1, 8, 8, 3)
    half = model.constant(values(4, 3, 3, 3, kind=np.float16))
    kernel = model.add(lite.DEQUANTIZE, [half], (4, 3, 3, 3))
    bias = model.constant(values(4))
    steps = [(Int, 2), (Int, 2)]
    x = model.add(lite.CONV_2D, [source, kernel, bias], (1, 4, 4, 4), [SAME, *steps, (Bytes, 0)])
    x = model.add(lite.PRELU, [x, model.constant(values(1, 1, 4))], (1, 4, 4, 4))
    deep = [x, model.constant(values(1, 3, 3, 4)), model.constant(values(4))]
    y = model.add(lite.DEPTHWISE_CONV_2D, deep, (1, 4, 4, 4), [SAME, (Int, 1), (Int, 1), (Int, 1), (Bytes, 1)])
    x = model.add(lite.RELU, [model.add(lite.ADD, [x, y], (1, 4, 4, 4), [(Bytes, 0)])], (1, 4, 4, 4))
    margins = model.constant(np.array([[0, 0], [0, 0], [0, 0], [0, 2]], np.int32))
    x = model.add(lite.PAD, [x, margins], (1, 4, 4, 6))
    x = model.add(lite.MAX_POOL_2D, [x], (1, 2, 2, 6), [VALID, *steps, (Int, 2), (Int, 2), (Bytes, 0)])
    shape = model.constant(np.array([1, 24, 1], np.int32))
    x = model.add(lite.RESHAPE, [x, shape], (1, 24, 1), [(Numbers, [1, 24, 1])])
    y = model.add(lite.CONCATENATION, [x, x], (1, 48, 1), [(Int, 1), (Bytes, 0)])
    return model.data(source=source, output=y)


def test_a_converted_network_computes_what_opencv_computes_with_the_original() -> None:
    data, picture = network(), values(1, 3, 8, 8)
    session = onnxruntime.InferenceSession(convert(data).SerializeToString(), providers=["CPUExecutionProvider"])
    (result,) = session.run(None, {"pixels": picture})
    original = cv2.dnn.readNetFromTFLite(np.frombuffer(data, np.uint8))
    original.setInput(picture)
    assert result.shape == (1, 48, 1)
    np.testing.assert_allclose(result.ravel(), np.asarray(original.forward()).ravel(), rtol=1e-4, atol=1e-5)


def test_an_unknown_operation_is_refused() -> None:
    model = lite.Model()
    source = model.tensor(1, 2, 2, 1)
    with pytest.raises(ConversionError, match="operation 14 of TensorFlow Lite is not known here"):
        convert(model.data(source=source, output=model.add(14, [source], (1, 2, 2, 1))))


def test_an_unknown_activation_is_refused() -> None:
    model = lite.Model()
    source = model.tensor(1, 2, 2, 1)
    output = model.add(lite.ADD, [source, source], (1, 2, 2, 1), [(Bytes, 3)])
    with pytest.raises(ConversionError, match="activation 3 of TensorFlow Lite is not known here"):
        convert(model.data(source=source, output=output))
