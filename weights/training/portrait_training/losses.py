"""Losses. All are means, so that their weights do not depend on picture or batch size."""

from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from . import tps
from .folded import sample
from .presets import BASE40, EYES, LIPS

STAGES = ((1, 2), (2, 2), (3, 3), (4, 2))  # VGG16 stage, convolutions used


class Perceptual(nn.Module):
    """Distance of VGG16 features, each stage in units of the target's mean activation. Caffe convention: BGR, 0..255, mean removed."""

    def __init__(self, path: Path, dtype=torch.bfloat16):
        super().__init__()
        file, self.stages = np.load(path), nn.ModuleList()
        for stage, count in STAGES:
            layers: list[nn.Module] = [nn.MaxPool2d(2)] if stage > 1 else []
            for i in range(1, count + 1):
                weight, bias = (torch.from_numpy(file[f"conv{stage}_{i}_{part}"].astype(np.float32)) for part in "wb")
                conv = nn.Conv2d(weight.shape[1], weight.shape[0], 3, 1, 1)
                conv.weight.data, conv.bias.data = weight, bias
                layers += [conv, nn.ReLU(inplace=True)]
            self.stages.append(nn.Sequential(*layers))
        self.register_buffer("mean", torch.tensor([103.94, 116.78, 123.68]).view(1, 3, 1, 1))
        self.dtype = dtype
        self.requires_grad_(False).to(dtype=dtype, memory_format=torch.channels_last)
        self.mean = self.mean.float()

    def features(self, x: Tensor) -> list[Tensor]:
        x = (x.flip(1) * 255 - self.mean).to(self.dtype).contiguous(memory_format=torch.channels_last)
        out = []
        for stage in self.stages:
            x = stage(x)
            out.append(x)
        return out

    def forward(self, got: Tensor, want: Tensor, weight: Tensor | None = None) -> Tensor:
        with torch.no_grad():
            targets = self.features(want)
        total = 0.0
        for g, t in zip(self.features(got), targets):
            difference = (g - t).abs()
            if weight is not None:
                difference = difference * F.interpolate(weight, g.shape[-2:], mode="area").to(g.dtype)
            total = total + difference.float().mean() / (t.float().mean() + 1e-3)
        return total / len(targets)


def attention(points: Tensor, side: int, extra: float = 8.0) -> Tensor:
    """(B, 1, side, side): high on eyes and lips, mean 1."""
    w = 1 + extra * tps.heatmap(points[:, EYES + LIPS], tps.grid(64, points.device), 0.003).amax(1, keepdim=True)
    return F.interpolate(w / w.mean((2, 3), keepdim=True), (side, side), mode="bilinear", align_corners=True)


def landmark_flow(flow: Tensor, source: Tensor, driver: Tensor, extra: float = 4.0) -> Tensor:
    """The flow read at the driver's landmarks must be the source's landmarks; lids and lips count (1 + extra) times."""
    read = sample(flow, driver[:, None])[:, :, 0].transpose(1, 2)
    weight = torch.ones(driver.shape[1], device=flow.device)
    weight[EYES + LIPS] += extra
    return ((read - source).abs().sum(-1) * (weight / weight.mean())).mean()


def crops(points: Tensor, side: int, out: int) -> Tensor:
    """Sampling grids (2B, out, out, 2) at full resolution: around the eyes, then around the mouth, of each picture."""
    middles = torch.cat([points[:, EYES].mean(1), points[:, LIPS].mean(1)])
    reach = (out - 1) / (side - 1)  # one pixel of the crop is one pixel of the picture
    return tps.grid(out, points.device)[None] * reach + middles[:, None, None]


def total(net, perceptual: Perceptual | None, batch: dict[str, Tensor], paint: bool, step: int) -> dict[str, Tensor]:
    """Weighted terms of one batch.

    The perceptual term is as dear as the networks, so each step evaluates one of its four uses: on the painted picture or on the
    result, and on the whole at half size or on the eyes and the mouth at full size.
    """
    o = net(batch, paint)
    side, want = batch["drv"].shape[-1], batch["drv"]
    weight = attention(batch["label_d"], side)
    l1 = lambda got: ((got - want).abs() * weight).mean()
    marks = net.dense_motion.marks(batch["label_d"])
    dmask = F.interpolate(batch["dmask"], o["masks"].shape[-2:], mode="area")
    terms = {
        "warp": ((o["warped"] - want).abs() * weight * batch["dmask"]).mean() * (5 if paint else 15),
        "land": landmark_flow(o["flow"], batch["label_s"], batch["label_d"]) * 20,
        "masks": (o["masks"][:, :1] - dmask).abs().mean() + (o["masks"][:, 1:] - marks).abs().mean(),
        "small": 0.5 * (o["residual"].square().mean() + (o["kp_d"][:, :40] - batch["fk_d"][:, BASE40]).square().mean()),
    }
    if not paint:
        return terms
    # The paint by itself, from the first step: behind the blend it would never learn.
    terms["out"], terms["paint"] = 15 * l1(o["out"]), 10 * l1(o["paint"])
    if perceptual is None:
        return terms
    got = o["paint"] if step % 2 else o["out"]
    if step // 2 % 2:
        where = crops(batch["label_d"], side, side // 4)
        cut = lambda x: sample(torch.cat([x, x]), where)
        terms["detail"] = 2 * perceptual(cut(got), cut(want))
    else:
        half = lambda x: F.avg_pool2d(x, 2)
        terms["vgg"] = 2 * perceptual(half(got), half(want), half(weight))
    return terms
