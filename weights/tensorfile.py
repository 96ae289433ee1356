"""Safetensors with a reproducible header: metadata and tensors sorted by name, so that equal content is an equal file."""

import json
import os
import struct
from pathlib import Path

import numpy as np

DTYPES = {"F32": np.float32, "F16": np.float16, "U8": np.uint8, "I8": np.int8, "I32": np.int32}
NAMES = {np.dtype(v): k for k, v in DTYPES.items()}
SCALE = "_scale"


def write(path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str]) -> None:
    """Write to a temporary name beside `path`, then rename."""
    order = sorted(tensors, key=lambda n: (-tensors[n].dtype.itemsize, n))  # wide types first: everything stays aligned
    header: dict = {"__metadata__": dict(sorted(metadata.items()))}
    offset = 0
    for name in order:
        t = tensors[name]
        header[name] = {"dtype": NAMES[t.dtype], "shape": list(t.shape), "data_offsets": [offset, offset + t.nbytes]}
        offset += t.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    part = Path(path).with_suffix(".part")
    with open(part, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for name in order:
            f.write(np.ascontiguousarray(tensors[name]).tobytes())
    os.replace(part, path)


def eight_bits(name: str, weight: np.ndarray) -> dict[str, np.ndarray]:
    """A tensor as bytes and the scale of each row of its first dimension."""
    rows = weight.reshape(len(weight), -1).astype(np.float32)
    scale = np.maximum(np.abs(rows).max(1) / 127, np.float32(1e-12))
    return {name: (rows / scale[:, None]).round().astype(np.int8).reshape(weight.shape), name + SCALE: scale}


def read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tensors, and the metadata. As stored, but those of bytes with scales come back as f32."""
    raw = Path(path).read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + size])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + size + o for o in entry["data_offsets"])
        tensors[name] = np.frombuffer(raw[begin:end], DTYPES[entry["dtype"]]).reshape(entry["shape"])
    for name in [n for n in tensors if n + SCALE in tensors]:
        scale = tensors.pop(name + SCALE)
        tensors[name] = tensors[name] * scale.reshape(-1, *[1] * (tensors[name].ndim - 1))
    return tensors, metadata
