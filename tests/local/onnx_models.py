"""Make small ONNX models in the Hugging Face layout, with known answers.

There is a classifier of a picture's colour. There are detectors of its one bright spot, in the two forms that exported
detectors have: that of DETR (softmax, "no object", pixel_mask) and that of D-FINE (sigmoid).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from pathlib import Path

    from onnx import GraphProto, NodeProto, ValueInfoProto

COLOURS = ("red", "green", "blue", "dark", "bright")
HALF = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
PREPARATION = {"do_resize": True, "do_rescale": True, "rescale_factor": 1 / 255, "resample": 2}


def colour_classifier(directory: Path, *, names: tuple[str, ...] = COLOURS, **config: Any) -> Path:
    """Write a classifier of the picture's average colour, one of five."""
    weights = np.array([[8, -4, -4, -5, 5], [-4, 8, -4, -5, 5], [-4, -4, 8, -5, 5]], np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("GlobalAveragePool", ["pixel_values"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["colour"], axis=1),
            helper.make_node("Gemm", ["colour", "weights", "bias"], ["logits"]),
        ],
        "colour",
        [_floats("pixel_values", ["batch", 3, "height", "width"])],
        [_floats("logits", ["batch", 5])],
        [_constant("weights", weights), _constant("bias", np.array([0, 0, 0, -3, -3], np.float32))],
    )
    preparation = PREPARATION | HALF | {"do_normalize": True, "size": {"height": 32, "width": 32}}
    config = {"model_type": "vit", "id2label": dict(enumerate(names))} | config
    return save(directory, graph, config, preparation)


def spot_detector(directory: Path, *, names: tuple[str, str] = ("dog", "car"), form: str = "detr") -> Path:
    """Write a detector that gives the bright pixels' box the first name. `form` is detr or d_fine."""
    masked = form == "detr"
    logits = ("any", "gain", "bias") if not masked else ("any_masked", "gain", "bias")
    nodes = [
        helper.make_node("ReduceMean", ["pixel_values"], ["light"], axes=[1], keepdims=0),
        helper.make_node("Greater", ["light", "threshold"], ["is_hot"]),
        helper.make_node("Cast", ["is_hot"], ["hot"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMax", ["hot"], ["columns"], axes=[1], keepdims=0),
        helper.make_node("ReduceMax", ["hot"], ["rows"], axes=[2], keepdims=0),
        *_extent("columns", "x"),
        *_extent("rows", "y"),
        helper.make_node("Concat", ["x_mid", "y_mid", "x_size", "y_size"], ["box"], axis=1),
        helper.make_node("Unsqueeze", ["box", "axis"], ["pred_boxes"]),
        helper.make_node("ReduceMax", ["hot"], ["any"], axes=[1, 2], keepdims=1),
        helper.make_node("Mul", [logits[0], logits[1]], ["gained"]),
        helper.make_node("Add", ["gained", logits[2]], ["logits"]),
    ]
    inputs = [_floats("pixel_values", ["batch", 3, "height", "width"])]
    if masked:
        inputs.append(helper.make_tensor_value_info("pixel_mask", TensorProto.INT64, ["batch", 64, 64]))
        nodes[-2:-2] = [
            helper.make_node("ReduceMax", ["pixel_mask"], ["shown"], axes=[1, 2], keepdims=1),
            helper.make_node("Cast", ["shown"], ["is_shown"], to=TensorProto.FLOAT),
            helper.make_node("Mul", ["any", "is_shown"], ["any_masked"]),
        ]
    # A spot makes the first class probable. Without a spot, "no object" is probable, if there is such a class.
    gain, bias = ([6, 0, -6], [-3, -3, 3]) if masked else ([6, 0], [-3, -3])
    graph = helper.make_graph(
        nodes,
        "spot",
        inputs,
        [_floats("logits", ["batch", 1, len(gain)]), _floats("pred_boxes", ["batch", 1, 4])],
        [
            _constant("threshold", np.float32(0.8)),
            _constant("one", np.float32(1)),
            _constant("half", np.float32(0.5)),
            _constant("second", np.int64(1)),
            _constant("axis", np.array([1], np.int64)),
            _constant("gain", np.array([[gain]], np.float32)),
            _constant("bias", np.array([[bias]], np.float32)),
        ],
    )
    size = {"shortest_edge": 96, "longest_edge": 160} if masked else {"height": 128, "width": 128}
    preparation = PREPARATION | HALF | {"do_normalize": True, "do_pad": masked, "size": size}
    return save(directory, graph, {"model_type": form, "id2label": dict(enumerate(names))}, preparation)


def save(directory: Path, graph: GraphProto, config: dict[str, Any], preparation: dict[str, Any]) -> Path:
    """Write the three files of a model. Returns their directory."""
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    (directory / "onnx").mkdir(parents=True)
    onnx.save(model, directory / "onnx" / "model.onnx")
    (directory / "config.json").write_text(json.dumps(config))
    (directory / "preprocessor_config.json").write_text(json.dumps(preparation))
    return directory


def _extent(ones: str, name: str) -> list[NodeProto]:
    """Return nodes for the centre and size, in 0..1, from the first to the last 1 in a row of 0 and 1."""
    node = helper.make_node
    return [
        node("ArgMax", [ones], [f"{name}_first"], axis=1, keepdims=1),
        node("ArgMax", [ones], [f"{name}_last"], axis=1, keepdims=1, select_last_index=1),
        node("Cast", [f"{name}_first"], [f"{name}_start"], to=TensorProto.FLOAT),
        node("Cast", [f"{name}_last"], [f"{name}_before_end"], to=TensorProto.FLOAT),
        node("Add", [f"{name}_before_end", "one"], [f"{name}_end"]),
        node("Shape", [ones], [f"{name}_shape"]),
        node("Gather", [f"{name}_shape", "second"], [f"{name}_count"]),
        node("Cast", [f"{name}_count"], [f"{name}_whole"], to=TensorProto.FLOAT),
        node("Add", [f"{name}_start", f"{name}_end"], [f"{name}_both"]),
        node("Mul", [f"{name}_both", "half"], [f"{name}_centre"]),
        node("Div", [f"{name}_centre", f"{name}_whole"], [f"{name}_mid"]),
        node("Sub", [f"{name}_end", f"{name}_start"], [f"{name}_length"]),
        node("Div", [f"{name}_length", f"{name}_whole"], [f"{name}_size"]),
    ]


def _floats(name: str, shape: list[int | str]) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _constant(name: str, value: Any) -> onnx.TensorProto:
    return numpy_helper.from_array(np.asarray(value), name)
