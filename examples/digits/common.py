"""Reproducibility settings and deterministic .npz files, shared by the scripts here.

Import this module before numpy: the settings below are read when numpy loads.
"""

import os

# One BLAS thread, because the order of a sum changes with the number of threads; and one fixed
# OpenBLAS kernel, because the order also changes with the SIMD width of the machine.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["OPENBLAS_CORETYPE"] = "Haswell"

import io  # noqa: E402
import zipfile  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402

HERE = Path(__file__).resolve().parent


def save_npz(path, **arrays):
    """Write `arrays` as an .npz whose bytes depend on the arrays alone.

    numpy.savez stamps members with the current time. Members here carry the zip epoch, fixed
    attributes and no compression (compressed bytes would depend on the zlib release).
    """
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            body = io.BytesIO()
            np.lib.format.write_array(body, np.ascontiguousarray(array), version=(1, 0))
            member = zipfile.ZipInfo(name + ".npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.create_system = 3
            member.external_attr = 0o644 << 16
            archive.writestr(member, body.getvalue())


def load_part(folder, part):
    """Images (N, 1, 8, 8) float32 in 0..16 and labels (N,) int64 of `part` ("train" or "test")."""
    path = Path(folder) / f"{part}.npz"
    if not path.exists():
        raise SystemExit(f"{path} is missing: run split.py first")
    with np.load(path) as data:
        return data["x"].astype(np.float32)[:, None], data["y"].astype(np.int64)


def stratified(labels, count, seed):
    """Choose `count` indices with each class in proportion; return (chosen, rest), both ascending.

    Quotas are rounded by largest remainder, ties to the lower class. RandomState is used because
    numpy guarantees its stream never changes between releases.
    """
    rng = np.random.RandomState(seed)
    classes, sizes = np.unique(labels, return_counts=True)
    scaled = sizes * count
    quotas = scaled // len(labels)
    order = np.argsort(-(scaled % len(labels)), kind="stable")
    quotas[order[: count - quotas.sum()]] += 1
    chosen = np.concatenate(
        [rng.permutation(np.flatnonzero(labels == c))[:q] for c, q in zip(classes, quotas)]
    )
    mask = np.zeros(len(labels), bool)
    mask[chosen] = True
    return np.flatnonzero(mask), np.flatnonzero(~mask)
