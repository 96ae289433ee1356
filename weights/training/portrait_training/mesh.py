"""MediaPipe's face mesh v1 as a differentiable function with frozen weights: the landmark loss reads faces as the engine does."""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from . import tps
from .folded import sample
from .presets import INDICES, PRESETS

sys.path.insert(0, str(PRESETS.parent))
import tensorfile  # noqa: E402

SIDE = 192
STRIDES = [1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1, 2, 1, 1]


class FaceMesh(torch.nn.Module):
    """Layers as in weights/TOPOLOGY.md; the weights are those of the engine."""

    def __init__(self, path: Path = PRESETS.parent / "face_mesh.safetensors"):
        super().__init__()
        for name, value in tensorfile.read(path)[0].items():
            self.register_buffer(name.replace(".", "_"), torch.tensor(value.astype("float32")), persistent=False)

    def weight(self, name: str) -> Tensor:
        return getattr(self, name.replace(".", "_"))

    def conv(self, x: Tensor, name: str, stride: int = 1, groups: int = 1) -> Tensor:
        w = self.weight(f"{name}.weight")
        if w.shape[-1] == 3:
            # "Same" as TensorFlow has it: what is odd goes to the right and the bottom.
            x = F.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
        return F.conv2d(x, w, self.weight(f"{name}.bias"), stride, groups=groups)

    def prelu(self, x: Tensor, name: str) -> Tensor:
        return F.prelu(x, self.weight(f"{name}.prelu.weight"))

    def block(self, x: Tensor, name: str, stride: int) -> Tensor:
        shortcut = F.max_pool2d(x, 2) if stride == 2 else x
        y = self.conv(self.conv(x, f"{name}.depthwise", stride, x.shape[1]), f"{name}.pointwise")
        return self.prelu(y + F.pad(shortcut, (0, 0, 0, 0, 0, y.shape[1] - shortcut.shape[1])), name)

    def forward(self, crop: Tensor) -> Tensor:
        """(B, 3, 192, 192) in [0, 1] -> (B, 468, 3) in pixels of the crop."""
        x = self.prelu(self.conv(crop, "stem.conv", 2), "stem")
        for i, stride in enumerate(STRIDES):
            x = self.block(x, f"blocks.{i}", stride)
        x = self.block(self.block(self.block(x, "mesh.blocks.0", 2), "mesh.blocks.1", 1), "mesh.blocks.2", 1)
        x = self.block(self.prelu(self.conv(x, "mesh.reduce.conv"), "mesh.reduce"), "mesh.blocks.3", 1)
        return F.conv2d(x, self.weight("mesh.head.weight"), self.weight("mesh.head.bias")).reshape(len(x), -1, 3)


def upright(points: Tensor) -> Tensor:
    """Sampling grids (B, 192, 192, 2) of the mesh's crop: 1.5 x the box of the facial points, level with the outer eye corners."""
    low, high = points.amin(1), points.amax(1)
    reach = (high - low).amax(1) * 0.75
    across = points[:, INDICES.index(263)] - points[:, INDICES.index(33)]
    x = across / across.norm(dim=1, keepdim=True) * reach[:, None]
    axes = torch.stack([x, torch.stack([-x[:, 1], x[:, 0]], 1)], 1)  # rows: where the crop's x and y axes point
    return (tps.grid(SIDE, points.device) @ axes[:, None]) + ((low + high) / 2)[:, None, None]


def landmark_distance(mesh: FaceMesh, got: Tensor, want: Tensor, points: Tensor, weight: Tensor) -> Tensor:
    """Mean distance of the facial points read in two pictures, in units of 1 % of the face's crop; `weight` (106) has mean 1."""
    where = upright(points[:, : len(INDICES)])
    with torch.autocast(got.device.type, enabled=False):
        read = lambda picture: mesh(sample(picture.float(), where))[:, INDICES, :2]
        with torch.no_grad():
            target = read(want)
        return ((read(got) - target).norm(dim=-1) * weight).mean() * (100 / SIDE)
