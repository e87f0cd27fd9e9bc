"""Write golden.npz: onnxruntime's probabilities for the 500 test images, as a reference.

Arrays `mlp` and `cnn`, (500, 10) float32, rows in the order of test.npz. Graph optimisation is off
and one thread is used, so that the nodes run as exported. The onnx package's own reference
evaluator, which shares no code with onnxruntime, must agree with it within MAX_DIFFERENCE and on
every class, or nothing is written.
"""

import argparse
from pathlib import Path

import common
import numpy as np
import onnx
import onnxruntime as ort
from onnx.reference import ReferenceEvaluator

# A few float32 rounding steps of a probability near one.
MAX_DIFFERENCE = 2e-6


def probabilities(path, x):
    """onnxruntime's output of the model at `path` for x (N, 1, 8, 8) float32 in 0..16."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return session.run(["probabilities"], {"x": x})[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=common.HERE, help="folder of test.npz, models")
    parser.add_argument("--out", type=Path, default=common.HERE, help="folder to write into")
    options = parser.parse_args()
    x, y = common.load_part(options.data, "test")
    golden = {}
    for kind in ("mlp", "cnn"):
        path = options.data / f"digits_{kind}.onnx"
        if not path.exists():
            raise SystemExit(f"{path} is missing: run train.py first")
        golden[kind] = probabilities(path, x)
        second = ReferenceEvaluator(onnx.load(path)).run(None, {"x": x})[0]
        difference = float(np.abs(golden[kind] - second).max())
        # Written so that a NaN fails it too.
        agree = difference <= MAX_DIFFERENCE
        if not agree or not np.array_equal(golden[kind].argmax(1), second.argmax(1)):
            raise SystemExit(f"{path}: onnxruntime and the reference differ by {difference}")
        hits = int((golden[kind].argmax(1) == y).sum())
        print(f"{kind}: {hits}/{len(y)} right, evaluators differ by at most {difference:.1e}")
    common.save_npz(options.out / "golden.npz", **golden)


if __name__ == "__main__":
    main()
