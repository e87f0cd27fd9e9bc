"""Write a trained network as ONNX: raw pixels in, softmax probabilities out."""

import common  # noqa: F401
import layers as L
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 13
IR_VERSION = 8


def export_onnx(network, name, path):
    """Write `network` to `path`: `x` [N, 1, 8, 8] float32 in 0..16 to `probabilities` [N, 10].

    The division by 16 is the graph's first node, so that a reader needs no preprocessing.
    """
    nodes, weights = [], []
    counts = {}

    def constant(label, array):
        weights.append(numpy_helper.from_array(np.asarray(array, order="C"), label))
        return label

    def node(op, inputs, output=None, **attributes):
        counts[op] = counts.get(op, 0) + 1
        label = f"{op.lower()}{counts[op]}"
        output = output or f"{label}_out"
        nodes.append(helper.make_node(op, inputs, [output], name=label, **attributes))
        return output

    value = node("Div", ["x", constant("pixel_max", np.array(16.0, np.float32))])
    for layer in network.layers:
        if isinstance(layer, L.Dense):
            label = f"gemm{counts.get('Gemm', 0) + 1}"
            w = constant(f"{label}_weight", layer.params[0])
            b = constant(f"{label}_bias", layer.params[1])
            value = node("Gemm", [value, w, b], transB=1)
        elif isinstance(layer, L.Conv3x3):
            label = f"conv{counts.get('Conv', 0) + 1}"
            w = constant(f"{label}_weight", layer.params[0])
            b = constant(f"{label}_bias", layer.params[1])
            value = node("Conv", [value, w, b], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
        elif isinstance(layer, L.Relu):
            value = node("Relu", [value])
        elif isinstance(layer, L.MaxPool2):
            value = node("MaxPool", [value], kernel_shape=[2, 2], strides=[2, 2])
        elif isinstance(layer, L.Flatten):
            value = node("Flatten", [value], axis=1)
        else:
            raise TypeError(f"no ONNX form for layer {type(layer).__name__}")
    node("Softmax", [value], output="probabilities", axis=1)

    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 1, 8, 8])],
        [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 10])],
        weights,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="spandrel-digits",
    )
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
