"""Split scikit-learn's 1,797 bundled digits once into train.npz (1,297) and test.npz (500).

Each file holds `x` (N, 8, 8) uint8 in 0..16 and `y` (N,) uint8 in 0..9. The split is stratified by
class; within a part the images keep scikit-learn's order.
"""

import argparse
from pathlib import Path

import common
import numpy as np
from sklearn.datasets import load_digits

SEED = 1797
TEST_COUNT = 500


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=common.HERE, help="folder to write into")
    out = parser.parse_args().out
    digits = load_digits()
    images, labels = digits.images, digits.target
    if images.shape != (1797, 8, 8) or images.min() != 0 or images.max() != 16:
        raise SystemExit("load_digits() did not return 1,797 images of 8x8 in 0..16")
    if not np.array_equal(images, np.round(images)):
        raise SystemExit("load_digits() returned pixels that are not integers")
    test, train = common.stratified(labels, TEST_COUNT, SEED)
    for name, part in (("train", train), ("test", test)):
        x, y = images[part].astype(np.uint8), labels[part].astype(np.uint8)
        common.save_npz(out / f"{name}.npz", x=x, y=y)
        print(f"{name}.npz: {len(part)} images, per class {np.bincount(y).tolist()}")


if __name__ == "__main__":
    main()
