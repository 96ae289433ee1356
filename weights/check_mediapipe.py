# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy", "opencv-python-headless", "ai-edge-litert"]
# ///
"""The three MediaPipe networks in numpy, from the safetensors files and TOPOLOGY.md alone, against the original runtime.

    python check_mediapipe.py --wheel mediapipe-0.10.14-cp312-....whl PHOTO...

The functions `blazeface`, `face_mesh` and `selfie_segmentation` are the executable form of TOPOLOGY.md: one picture,
CHW, already normalised, f32.
"""

import argparse
import zipfile
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import tensorfile

HERE = Path(__file__).parent
CROPS = ((0.5, 0.45, 0.9, 0.0), (0.52, 0.5, 0.7, 0.2), (0.47, 0.45, 1.1, -0.3))  # centre x, y, side; roll


class Layers:
    """Named tensors of one file, as f32, and the operations on CHW arrays that use them."""

    def __init__(self, path: Path):
        self.tensors = {name: t.astype(np.float32) for name, t in tensorfile.read(path)[0].items()}

    def conv(self, name: str, x: np.ndarray, stride: int = 1, same: bool = True) -> np.ndarray:
        """Convolution, depthwise when the weight is [C, 1, kh, kw] with C inputs. SAME pads the odd row after, not before."""
        w, b = self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]
        k = w.shape[2]
        if same:
            total = [max((-(-n // stride) - 1) * stride + k - n, 0) for n in x.shape[1:]]
            x = np.pad(x, [(0, 0)] + [(t // 2, t - t // 2) for t in total])
        windows = sliding_window_view(x, (k, k), (1, 2))[:, ::stride, ::stride]  # C, H, W, k, k
        if name.endswith("depthwise"):
            y = np.einsum("chwij,cij->chw", windows, w[:, 0])
        else:
            y = np.tensordot(w, windows, ((1, 2, 3), (0, 3, 4)))
        return y + b[:, None, None]

    def prelu(self, name: str, x: np.ndarray) -> np.ndarray:
        return np.where(x > 0, x, x * self.tensors[f"{name}.weight"][:, None, None])

    def gate(self, name: str, x: np.ndarray) -> np.ndarray:
        """Squeeze and excite: channel factors [C, 1, 1] from the mean of x."""
        y = relu(self.conv(f"{name}.reduce", mean(x)))
        return sigmoid(self.conv(f"{name}.expand", y))


def relu(x):
    return np.maximum(x, 0)


def hard_swish(x):
    return x * np.clip(x + 3, 0, 6) / 6


def sigmoid(x):
    return 1 / (1 + np.exp(-np.clip(x, -80, 80)))


def mean(x):
    return x.mean((1, 2), keepdims=True)


def max_pool(x):
    """2x2, stride 2; every map it meets has even sides."""
    c, h, w = x.shape
    return x.reshape(c, h // 2, 2, w // 2, 2).max((2, 4))


def pad_channels(x, channels):
    return np.pad(x, [(0, channels - x.shape[0]), (0, 0), (0, 0)])


def resize_x2(x):
    """Bilinear, half-pixel centres, edges clamped."""
    for axis in (1, 2):
        n = x.shape[axis]
        at = np.clip((np.arange(2 * n) + 0.5) / 2 - 0.5, 0, n - 1)
        low = at.astype(int)
        high = np.minimum(low + 1, n - 1)
        shape = [1, 1, 1]
        shape[axis] = 2 * n
        t = (at - low).astype(np.float32).reshape(shape)
        x = x.take(low, axis) * (1 - t) + x.take(high, axis) * t
    return x


def separable(net: Layers, name: str, x: np.ndarray, stride: int, act) -> np.ndarray:
    """depthwise 3x3 -> 1x1, plus the input (pooled and zero-extended where the shape changes), then the activation."""
    y = net.conv(f"{name}.pointwise", net.conv(f"{name}.depthwise", x, stride))
    skip = max_pool(x) if stride == 2 else x
    return act(pad_channels(skip, y.shape[0]) + y)


def blazeface(net: Layers, x: np.ndarray) -> dict[str, np.ndarray]:
    x = relu(net.conv("stem.conv", x, 2))
    maps = []
    for i in range(16):
        x = separable(net, f"blocks.{i}", x, 2 if i in (2, 5, 11) else 1, relu)
        maps.append(x)
    anchors = lambda name, x, width: net.conv(name, x).transpose(1, 2, 0).reshape(-1, width)
    fine, coarse = maps[10], maps[15]
    return {
        "regressors": np.concatenate([anchors("heads.box16", fine, 16), anchors("heads.box8", coarse, 16)]),
        "scores": np.concatenate([anchors("heads.score16", fine, 1), anchors("heads.score8", coarse, 1)])[:, 0],
    }


def face_mesh(net: Layers, x: np.ndarray) -> dict[str, np.ndarray]:
    def block(name, x, stride=1):
        return separable(net, name, x, stride, lambda y: net.prelu(f"{name}.prelu", y))

    def reduce(name, x):
        return net.prelu(f"{name}.prelu", net.conv(f"{name}.conv", x))

    x = net.prelu("stem.prelu", net.conv("stem.conv", x, 2))
    for i in range(14):
        x = block(f"blocks.{i}", x, 2 if i in (2, 5, 8, 11) else 1)
    mesh = block("mesh.blocks.2", block("mesh.blocks.1", block("mesh.blocks.0", x, 2)))
    mesh = net.conv("mesh.head", block("mesh.blocks.3", reduce("mesh.reduce", mesh)), same=False)
    score = block("score.blocks.1", reduce("score.reduce", block("score.blocks.0", x, 2)))
    return {"points": mesh.reshape(468, 3), "score": net.conv("score.head", score, same=False).ravel()}


def selfie_segmentation(net: Layers, x: np.ndarray) -> dict[str, np.ndarray]:
    def inverted(i, x, act, stride, gate):
        b = f"blocks.{i}"
        y = act(net.conv(f"{b}.depthwise", act(net.conv(f"{b}.expand", x)), stride))
        if gate:
            y = y * net.gate(f"{b}.gate", y)
        y = net.conv(f"{b}.project", y)
        return y + x if i in (2, 4, 5, 6, 7) else y

    def decode(i, x, skip):
        d = f"decoder.{i}"
        y = net.conv(f"{d}.reduce", resize_x2(x))
        y = skip * net.gate(f"{d}.gate", skip + y) + y
        y = relu(net.conv(f"{d}.conv", y))
        return y + relu(net.conv(f"{d}.depthwise", y))

    x128 = hard_swish(net.conv("stem.conv", x, 2))
    x64 = inverted(0, x128, relu, 2, gate=True)
    x32 = inverted(2, inverted(1, x64, relu, 2, gate=False), relu, 1, gate=False)
    x16 = inverted(3, x32, hard_swish, 2, gate=True)
    for i in range(4, 8):
        x16 = inverted(i, x16, hard_swish, 1, gate=True)
    y = relu(net.conv("context.conv", x16)) * sigmoid(net.conv("context.gate", mean(x16)))
    for i, skip in enumerate((x32, x64, x128)):
        y = decode(i, y, skip)
    w, b = net.tensors["head.transposed.weight"][:, 0], net.tensors["head.transposed.bias"]
    y = np.einsum("chw,cij->hiwj", y, w).reshape(256, 256) + b
    return {"alpha": sigmoid(y)}


# name -> file in the wheel, input side, input scale and offset, function. Outputs are listed largest first.
NETWORKS = {
    "blazeface": ("face_detection/face_detection_short_range", 128, 1 / 127.5, -1.0, blazeface),
    "face_mesh": ("face_landmark/face_landmark", 192, 1 / 255, 0.0, face_mesh),
    "selfie_segmentation": ("selfie_segmentation/selfie_segmentation", 256, 1 / 255, 0.0, selfie_segmentation),
}


def original(wheel: zipfile.ZipFile, member: str):
    """-> function from a normalised HWC picture to the flat outputs of the TFLite file, largest first."""
    from ai_edge_litert.interpreter import Interpreter

    runtime = Interpreter(model_content=wheel.read(f"mediapipe/modules/{member}.tflite"), num_threads=1)
    runtime.allocate_tensors()

    def run(x):
        runtime.set_tensor(runtime.get_input_details()[0]["index"], x[None])
        runtime.invoke()
        return sorted((runtime.get_tensor(o["index"]).ravel() for o in runtime.get_output_details()), key=lambda a: -a.size)

    return run


def crop(image: np.ndarray, size: int, cx: float, cy: float, side: float, roll: float) -> np.ndarray:
    """Rotated square cut; centre and side as fractions of the picture, roll in radians."""
    import cv2

    h, w = image.shape[:2]
    k = side * max(h, w) / size
    c, s = np.cos(roll) * k, np.sin(roll) * k
    m = np.array([[c, -s, cx * w - (c - s) * size / 2], [s, c, cy * h - (s + c) * size / 2]], np.float32)
    return cv2.warpAffine(image, m, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)


def main():
    import cv2

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", type=Path, required=True)
    parser.add_argument("photos", type=Path, nargs="+")
    args = parser.parse_args()
    photos = [cv2.imread(str(p))[..., ::-1] for p in args.photos]
    with zipfile.ZipFile(args.wheel) as wheel:
        for name, (member, size, scale, offset, network) in NETWORKS.items():
            net, run, worst = Layers(HERE / f"{name}.safetensors"), original(wheel, member), {}
            for photo in photos:
                for where in CROPS:
                    x = crop(photo, size, *where).astype(np.float32) * np.float32(scale) + np.float32(offset)
                    ours = network(net, np.ascontiguousarray(x.transpose(2, 0, 1)))
                    for (key, got), want in zip(ours.items(), run(x), strict=True):
                        found = worst.setdefault(key, [0.0, 0.0])
                        found[0] = max(found[0], float(np.abs(got.ravel() - want).max()))
                        found[1] = max(found[1], float(np.abs(want).max()))
            for key, (difference, largest) in worst.items():
                print(f"{name} {key}: max |difference| {difference:.2e}, max |value| {largest:.4g}, {len(photos) * len(CROPS)} crops")


if __name__ == "__main__":
    main()
