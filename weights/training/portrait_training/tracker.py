"""MediaPipe on LiteRT: where the face, its landmarks and the person are. Makes labels; the engine has its own."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter


@dataclass(frozen=True)
class Roi:
    """A square in picture pixels: centre, side, and the roll that makes it upright (radians)."""

    x: float
    y: float
    side: float
    roll: float

    def matrix(self, size: int) -> np.ndarray:
        """2x3: pixel index of a crop of `size` -> pixel index of the picture."""
        k = self.side / size
        c, s, half = np.cos(self.roll) * k, np.sin(self.roll) * k, size / 2
        return np.array([[c, -s, self.x - (c - s) * half], [s, c, self.y - (s + c) * half]], np.float32)

    @staticmethod
    def around(points: np.ndarray) -> "Roi":
        """Next crop from the mesh of this frame: 1.5 x the bounding box, level with the outer eye corners."""
        low, high = points[:, :2].min(0), points[:, :2].max(0)
        dx, dy = points[263, :2] - points[33, :2]
        return Roi(*((low + high) / 2), (high - low).max() * 1.5, np.arctan2(dy, dx))


class Net:
    """A TFLite file as a function of one HWC picture in the range that the net wants."""

    def __init__(self, path: Path | None = None, content: bytes | None = None):
        self.net = Interpreter(model_path=path and str(path), model_content=content, num_threads=1)
        self.net.allocate_tensors()

    def __call__(self, x: np.ndarray) -> list[np.ndarray]:
        """Flat outputs, largest first."""
        self.net.set_tensor(self.net.get_input_details()[0]["index"], x[None].astype(np.float32))
        self.net.invoke()
        outputs = [self.net.get_tensor(o["index"]).ravel() for o in self.net.get_output_details()]
        return sorted(outputs, key=lambda a: -a.size)


def sigmoid(x):
    return 1 / (1 + np.exp(-np.clip(x, -80, 80)))


class Mesh:
    """A landmark net: v1 has 468 points and 192 px, v2 256 px and ten iris points more."""

    def __init__(self, net: Net, size: int):
        self.net, self.size = net, size

    def __call__(self, image: np.ndarray, roi: Roi) -> tuple[np.ndarray, float]:
        """Points (468 or 478, 3) in picture pixels (z in the same scale), and the probability of a face."""
        m = roi.matrix(self.size)
        crop = cv2.warpAffine(image, m, (self.size, self.size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        outputs = self.net(crop / 255.0)
        points = outputs[0].reshape(-1, 3)
        flat = points[:, :2] @ m[:, :2].T + m[:, 2]
        return np.c_[flat, points[:, 2] * roi.side / self.size].astype(np.float32), float(sigmoid(outputs[1][0]))


class Detector:
    """BlazeFace short range."""

    def __init__(self, net: Net):
        self.net = net
        cells = [(16, 2), (8, 6)]
        self.anchors = np.array([((x + 0.5) / g, (y + 0.5) / g) for g, n in cells for y in range(g) for x in range(g) for _ in range(n)], np.float32)

    def __call__(self, image: np.ndarray) -> Roi | None:
        """Crop around the strongest face, or None."""
        h, w = image.shape[:2]
        side = max(h, w)
        ox, oy = (side - w) // 2, (side - h) // 2
        square = cv2.copyMakeBorder(image, oy, side - h - oy, ox, side - w - ox, cv2.BORDER_CONSTANT)
        values, scores = self.net(cv2.resize(square, (128, 128), interpolation=cv2.INTER_AREA) / 127.5 - 1)
        values, scores = values.reshape(896, 16), sigmoid(scores)
        best = int(scores.argmax())
        if scores[best] < 0.5:
            return None
        centres, sizes = values[:, :2] / 128 + self.anchors, values[:, 2:4] / 128
        near = (scores > 0.5) & (np.abs(centres - centres[best]).max(1) < sizes[best].max() / 2)
        weight = scores[near] / scores[near].sum()
        centre = weight @ centres[near] * side - (ox, oy)
        right, left = (weight @ (values[near, k : k + 2] / 128 + self.anchors[near]) for k in (4, 6))
        return Roi(*centre, (weight @ sizes[near]).max() * side * 1.5, np.arctan2(left[1] - right[1], left[0] - right[0]))


class Tracker:
    """Landmarks of a picture or of the next frame of a clip, by mesh v1 (what the engine runs) and v2 (labels)."""

    def __init__(self, models: Path, mesh_v1: Path):
        self.detect = Detector(Net(models / "face_detector.tflite"))
        self.v2 = Mesh(Net(models / "face_landmarks_detector.tflite"), 256)
        self.v1 = Mesh(Net(mesh_v1), 192)
        self.segment = Net(models / "selfie_segmentation.tflite")
        self.roi: Roi | None = None

    def reset(self):
        self.roi = None

    def __call__(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """-> v1 (468, 3) and v2 points (478, 3) in pixels, or None. A fresh crop is refined once, as a tracker would on its second frame."""
        for _ in range(2):
            fresh = self.roi is None
            self.roi = self.roi or self.detect(image)
            if self.roi is None:
                return None
            v2, present = self.v2(image, self.roi)
            if fresh and present > 0.5:
                self.roi = Roi.around(v2)
                v2, present = self.v2(image, self.roi)
            if present > 0.5:
                v1, _ = self.v1(image, self.roi)
                self.roi = Roi.around(v2)
                return v1, v2
            self.roi = None
        return None

    def mask(self, image: np.ndarray) -> np.ndarray:
        """Person mask, u8, of a 256 px picture."""
        alpha = self.segment(image / 255.0)[0].reshape(256, 256)
        return (alpha * 255).clip(0, 255).astype(np.uint8)
