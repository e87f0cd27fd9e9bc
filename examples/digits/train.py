"""Train the two digit classifiers on train.npz and write digits_mlp.onnx and digits_cnn.onnx.

    python train.py              train on all of train.npz, export, print the accuracy on test.npz
    python train.py --validate   four-fold cross-validation inside train.npz; writes nothing and
                                 never opens test.npz (the settings below were chosen with it)
"""

import argparse
import math
from pathlib import Path

import common
import layers as L
import numpy as np
from export import export_onnx

FOLD_SEED = 2024

# Per model: layers, seed of initialisation and batches, epochs, batch size, peak learning rate,
# weight decay, probability that an image is shifted.
SETTINGS = {
    "mlp": dict(seed=11, epochs=400, batch=32, rate=3e-3, decay=1e-1, shift=0.5),
    "cnn": dict(seed=12, epochs=60, batch=32, rate=8e-3, decay=1e-1, shift=0.5),
}


def build(kind, rng):
    """An untrained network: "mlp" is 64-32-32-10, "cnn" has two convolutions of 8 and 16 maps."""
    if kind == "mlp":
        return L.Network(
            [
                L.Flatten(),
                L.Dense(rng, 64, 32), L.Relu(),
                L.Dense(rng, 32, 32), L.Relu(),
                L.Dense(rng, 32, 10),
            ]
        )  # fmt: skip
    return L.Network(
        [
            L.Conv3x3(rng, 1, 8), L.Relu(), L.MaxPool2(),
            L.Conv3x3(rng, 8, 16), L.Relu(), L.MaxPool2(),
            L.Flatten(), L.Dense(rng, 64, 10),
        ]
    )  # fmt: skip


def shifted(x, rng, probability):
    """Move each image, with `probability`, by -1, 0 or 1 pixel along both axes; zeros move in."""
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    moves = rng.randint(0, 3, size=(len(x), 2))
    moves[rng.random_sample(len(x)) >= probability] = 1
    out = np.empty_like(x)
    for k, (i, j) in enumerate(moves):
        out[k] = padded[k, :, i : i + 8, j : j + 8]
    return out


def train(kind, x, y, settings):
    """Train on images x (N, 1, 8, 8) in 0..16 with labels y; the rate falls to zero by a cosine."""
    rng = np.random.RandomState(settings["seed"])
    network = build(kind, rng)
    optimiser = L.Adam(network.params(), settings["decay"])
    batch = settings["batch"]
    x = x / np.float32(16.0)
    steps = settings["epochs"] * (len(x) // batch)
    for _ in range(settings["epochs"]):
        order = rng.permutation(len(x))
        # The last, incomplete batch is left out; another permutation brings its images back.
        for start in range(0, len(x) - batch + 1, batch):
            part = order[start : start + batch]
            images = shifted(x[part], rng, settings["shift"])
            _, gradient = L.cross_entropy(network.forward(images), y[part])
            network.backward(gradient)
            rate = settings["rate"] * 0.5 * (1.0 + math.cos(math.pi * optimiser.step_count / steps))
            optimiser.step(network.grads(), rate)
    return network


def correct(network, x, y):
    """Number of images classified right, and the mean cross-entropy."""
    logits = network.forward(x / np.float32(16.0))
    return int((logits.argmax(1) == y).sum()), L.cross_entropy(logits, y)[0]


def cross_validate(kind, x, y, settings):
    """Four stratified folds; returns the images right over all folds and the mean loss."""
    rest, right, losses = np.arange(len(y)), 0, []
    for fold in range(4):
        count = len(rest) // (4 - fold)
        chosen, _ = common.stratified(y[rest], count, FOLD_SEED + fold)
        held = rest[chosen]
        rest = np.setdiff1d(rest, held)
        fit = np.setdiff1d(np.arange(len(y)), held)
        network = train(kind, x[fit], y[fit], settings)
        hits, loss = correct(network, x[held], y[held])
        right += hits
        losses.append(loss)
    return right, float(np.mean(losses))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--validate", action="store_true", help="cross-validate, write nothing")
    parser.add_argument("--data", type=Path, default=common.HERE, help="folder of the .npz files")
    parser.add_argument("--out", type=Path, default=common.HERE, help="folder to write into")
    options = parser.parse_args()
    x, y = common.load_part(options.data, "train")
    if options.validate:
        for kind, settings in SETTINGS.items():
            right, loss = cross_validate(kind, x, y, settings)
            print(f"{kind}: {right}/{len(y)} = {right / len(y):.4f} held out, loss {loss:.4f}")
        return
    networks = {kind: train(kind, x, y, settings) for kind, settings in SETTINGS.items()}
    test_x, test_y = common.load_part(options.data, "test")
    for kind, network in networks.items():
        export_onnx(network, f"digits_{kind}", options.out / f"digits_{kind}.onnx")
        size = sum(p.size for p in network.params())
        fit, _ = correct(network, x, y)
        hits, loss = correct(network, test_x, test_y)
        print(
            f"digits_{kind}.onnx: {size} parameters, train {fit}/{len(y)}, "
            f"test {hits}/{len(test_y)} = {hits / len(test_y):.3f}, test loss {loss:.4f}"
        )


if __name__ == "__main__":
    main()
