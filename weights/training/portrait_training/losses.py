"""Losses. All are means, so that their weights do not depend on picture or batch size."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from . import tps
from .adversary import Adversary
from .alignment import alignment, bent
from .equivariance import equivariance
from .folded import sample
from .mesh import FaceMesh, landmark_distance
from .networks import Portrait
from .presets import BASE40, EYE_RINGS, EYES, INDICES, INNER_LIPS, LIPS

EXACT_FLOW = 100  # weight of the true flow where it is known; 30 up to S v7 and fast v3: heads turned with steps and far ears that stayed
FACIAL_ALONE = 0.25  # of the samples: driven by facial points alone, as recorded motion, poses and audio drive

STAGES = ((1, 2), (2, 2), (3, 3), (4, 2))  # VGG16 stage, convolutions used


class Perceptual(nn.Module):
    """Distance of VGG16 features, each stage in units of the target's mean activation. Caffe convention: BGR, 0..255, mean removed."""

    def __init__(self, path: Path, dtype: torch.dtype):
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
    weight[106:] += extra  # irises
    return ((read - source).abs().sum(-1) * (weight / weight.mean())).mean()


def crops(points: Tensor, side: int, out: int) -> Tensor:
    """Sampling grids (2B, out, out, 2) at full resolution: around the eyes, then around the mouth, of each picture."""
    middles = torch.cat([points[:, EYES].mean(1), points[:, LIPS].mean(1)])
    reach = (out - 1) / (side - 1)  # one pixel of the crop is one pixel of the picture
    return tps.grid(out, points.device)[None] * reach + middles[:, None, None]


def regions(points: Tensor, wrong: Tensor, side: int, out: int) -> Tensor:
    """Top left corners (B, 2) of squares of `out` pixels: on the mouth, the eyes, or where the warped picture is wrong."""
    batch = len(points)
    coarse = F.adaptive_avg_pool2d(wrong, 16).flatten(1)
    cell = torch.multinomial(coarse + 1e-6, 1)[:, 0]
    at = torch.stack([cell % 16, cell // 16], 1).float() * (side / 16) + side / 32
    pixel = lambda p: (p + 1) * (side - 1) / 2
    which = torch.rand(batch, device=points.device)[:, None]
    centre = torch.where(which < 0.35, pixel(points[:, LIPS].mean(1)), torch.where(which < 0.55, pixel(points[:, EYES].mean(1)), at))
    centre = centre + torch.empty_like(centre).uniform_(-out / 6, out / 6)
    return (centre - out / 2).round().clamp(0, side - out).long()


def cut(x: Tensor, corners: Tensor, out: int) -> Tensor:
    return torch.stack([p[:, y : y + out, c : c + out] for p, (c, y) in zip(x, corners.tolist())])


def exact_flow(o: dict, batch: dict[str, Tensor]) -> Tensor:
    """Distance of the flow from the true one where that is known, people before background; most of it before the pins."""
    pinned = tps.upsample(o["flow"], batch["flow"].shape[-1])
    wrong = 0.7 * (o["free"] - batch["flow"]).abs() + 0.3 * (pinned - batch["flow"]).abs()
    people = 0.3 + 0.7 * F.interpolate(batch["dmask"], batch["flow"].shape[-2:], mode="area")
    return (wrong.sum(1, keepdim=True) * batch["flow_valid"] * people).mean()


def unseen(batch: dict[str, Tensor]) -> Tensor:
    """(B, 1, n, n): 1 inside the driver where the source does not show it, for samples that know it."""
    valid = batch["flow_valid"]
    return valid.amax((1, 2, 3), keepdim=True) * (1 - valid) * F.interpolate(batch["dmask"], valid.shape[-2:], mode="area")


def seen(occlusion: Tensor, batch: dict[str, Tensor]) -> Tensor:
    """Cross entropy of the occlusion map with "the source shows this", for samples that know it."""
    valid, p = batch["flow_valid"], occlusion.float().clamp(1e-4, 1 - 1e-4)
    known = valid.amax((1, 2, 3), keepdim=True)
    return -(known * (valid * p.log() + (1 - valid) * (1 - p).log())).mean()


def share_of_warp(blend: Tensor, batch: dict[str, Tensor]) -> Tensor:
    """Cross entropy of the blend with "the source shows this", for samples that know it: open mouths and far sides are painted.

    Seams of one cell are left to the other terms. Without this the blend trusts the warp, and the paint never gets to matter.
    """
    valid = batch["flow_valid"]
    known = valid.amax((1, 2, 3), keepdim=True)
    unseen = 1 - F.max_pool2d(valid, 3, 1, 1)
    warp = F.interpolate(blend, valid.shape[-2:], mode="area").clamp(1e-3, 1 - 1e-3)
    return -(known * (unseen * (1 - warp).log() + 0.5 * valid * warp.log())).mean()


def empty(batch: dict[str, Tensor], side: int) -> Tensor:
    """(B, 1, side, side): 1 where neither the source nor the driver has the person, a 32nd of the side around them left out."""
    reach = 2 * (side // 32) + 1
    person = F.max_pool2d(torch.maximum(batch["smask"], batch["dmask"]), reach, 1, reach // 2)
    return (person < 0.5).float()


OPENINGS = [(INNER_LIPS, 0.03), *((ring, 0.035) for ring in EYE_RINGS)]  # contours, and the gap from which on they are open


def opened(batch: dict[str, Tensor], side: int) -> Tensor:
    """(B, 1, side, side): 1 inside the driver's lips and lids where the source's are shut, or nearly: nothing there can be warped."""
    x, y = tps.grid(side, batch["label_d"].device).unbind(-1)
    inside = torch.zeros(len(batch["label_d"]), side, side, dtype=torch.bool, device=x.device)
    for ring, least in OPENINGS:
        source, driver = (batch[f"label_{k}"][:, ring] for k in "sd")
        top = len(ring) // 4
        gap = lambda p: (p[:, top] - p[:, -top]).norm(dim=1)
        opens = (gap(driver) > least) & (gap(source) < 0.4 * gap(driver))
        crossings = torch.zeros_like(inside, dtype=torch.int32)
        for a, b in zip(driver.unbind(1), driver.roll(-1, 1).unbind(1)):
            (ax, ay), (bx, by) = (p[:, :, None, None].unbind(1) for p in (a, b))
            spans = (ay > y) != (by > y)
            crossings += spans & (x < (bx - ax) * (y - ay) / torch.where(by == ay, 1.0, by - ay) + ax)
        inside |= (crossings % 2 == 1) & opens[:, None, None]
    return inside[:, None].float()


def pattern(wrong: Tensor, fold: int) -> Tensor:
    """How much the error repeats with the squares of a folded network: a fine grid, which distances of single pixels hardly see."""
    channels = wrong.shape[1]
    phases = F.pixel_unshuffle(wrong, fold).unflatten(1, (channels, fold * fold))
    apart = phases - phases.mean(2, keepdim=True)
    return F.avg_pool2d(apart.flatten(1, 2), 4).abs().mean()


def within(x: Tensor, mask: Tensor) -> Tensor:
    """Mean of x where the mask is 1; 0 where it is nowhere."""
    return (x * mask).sum() / (mask.sum() * x.shape[1] + 1)


def motion_terms(net, o: dict, batch: dict[str, Tensor], weight: Tensor, scale: float) -> dict[str, Tensor]:
    want, facial = batch["drv"], net.config["keypoints"]["facial"]
    marks = net.dense_motion.marks(batch["label_d"][:, :facial])
    dmask = F.interpolate(batch["dmask"], o["masks"].shape[-2:], mode="area")
    led, sure = alignment(o, batch)
    # What the source does not show is to be painted, not to be found elsewhere.
    hidden = F.interpolate(unseen(batch), want.shape[-2:], mode="bilinear")
    return {
        # Outside of the driver as much as inside: the background lies still there, and what is not it is a head that was dragged.
        "warp": ((o["warped"] - want).abs() * weight * (1 - 0.8 * hidden)).mean() * scale,
        "land": landmark_flow(o["free"], batch["label_s"], batch["label_d"]) * 20,
        "masks": (o["masks"][:, :1] - dmask).abs().mean() + (o["masks"][:, 1:] - marks).abs().mean(),
        "flow": exact_flow(o, batch) * EXACT_FLOW,
        "align": led * 60,
        "bent": bent(o["free"], sure, dmask) * 30,
        "seen": seen(o["occlusion"], batch) * 0.5,
        "equivariance": 2 * equivariance(net.nk, batch["drv"], o["nk_d"]),
        "small": 0.5 * (o["residual"].square().mean() + (o["kp_d"][:, :40] - batch["fk_d"][:, BASE40]).square().mean()),
    }


@dataclass(frozen=True)
class Judges:
    """Frozen networks, and the optional discriminator, that the terms of the picture need."""

    perceptual: Perceptual | None = None
    mesh: FaceMesh | None = None
    adversary: Adversary | None = None
    adversary_weight: float = 0.0
    teacher: Portrait | None = None  # a larger preset whose motion a smaller one learns
    held: Portrait | None = None  # networks whose occlusion is kept, for a synthesis network that was trained with it


def paint_terms(net, o: dict, batch: dict[str, Tensor], weight: Tensor, judges: Judges, step: int, crop: int, views: bool) -> dict[str, Tensor]:
    """Terms of the synthesis network, on whole pictures (crop 0) or on squares where there is something to paint.

    The perceptual term is as dear as the network, so each step evaluates one of its uses: on the painted picture or the result; of
    the whole at half size, of eyes and mouth, or of a square where there is something to paint (for texture) as they are.
    """
    want, side = batch["drv"], batch["drv"].shape[-1]
    inputs = [o["warped"], o["occlusion_full"], batch["back"], o["person"], o["given"]]
    wrong, opening, still = (o["warped"] - want).abs().mean(1, keepdim=True).detach(), opened(batch, side), empty(batch, side)
    if crop:
        corners = regions(batch["label_d"], wrong, side, crop)
        inputs = [cut(x, corners, crop) for x in inputs]
        want, weight, wrong, opening, still = (cut(x, corners, crop) for x in (want, weight, wrong, opening, still))
    s = net.synthesis(*inputs, net.views(batch, o) if views and not crop else None)
    hard = wrong / (wrong.mean((2, 3), keepdim=True) + 0.02)
    l1 = lambda got, w: ((got - want).abs() * w).mean()
    # The paint by itself, from the first step: behind the blend it would never learn.
    terms = {"out": 15 * l1(s["out"], weight), "paint": 5 * l1(s["paint"], weight) + 5 * l1(s["paint"], hard)}
    terms["opened"] = 3 * within((s["paint"] - want).abs(), opening) - 0.05 * within((1 - s["blend"]).clamp(1e-3, 1).log(), opening)
    # Where nobody is or was, a photo stays as it is, whatever light and camera of the driver do.
    terms["still"] = -0.2 * within(s["blend"].clamp(1e-3, 1).log(), still)
    if net.synthesis.fold > 1:
        terms["grid"] = 10 * pattern(s["paint"] - want, net.synthesis.fold)
    if judges.mesh and not crop:
        importance = torch.ones(len(INDICES), device=want.device)
        importance[EYES + LIPS] += 2
        terms["face"] = 0.5 * landmark_distance(judges.mesh, s["out"], want, batch["label_d"], importance / importance.mean())
    if not crop:
        terms["share"] = 2 * share_of_warp(s["blend"], batch)
    if judges.adversary:
        terms["fool"] = judges.adversary_weight * judges.adversary.fool(s["out"])
        o["judged"] = s["out"].detach(), want
    if judges.perceptual is None:
        return terms
    got = s["paint"] if step % 2 else s["out"]
    part = slice(0, (len(got) + 1) // 2)  # half of the batch: the dearest term
    got, want, weight = got[part], want[part], weight[part]
    use = step // 2 % 3
    if crop:
        terms["detail"] = 4 * judges.perceptual(got, want, weight)
    elif use == 0:
        half = lambda x: F.avg_pool2d(x, 2)
        terms["vgg"] = 4 * judges.perceptual(half(got), half(want), half(weight))
    elif use == 1:
        where = crops(batch["label_d"][part], side, side // 4)
        take = lambda x: sample(torch.cat([x, x]), where)
        terms["detail"] = 4 * judges.perceptual(take(got), take(want))
    else:
        corners = regions(batch["label_d"][part], wrong[part], side, side // 2)
        take = lambda x: cut(x, corners, side // 2)
        terms["texture"] = 4 * judges.perceptual(take(got), take(want))
    return terms


def total(net, judges: Judges, batch: dict[str, Tensor], kind: str, step: int, crop: int = 0, views: bool = False) -> dict[str, Tensor]:
    """Weighted terms of one batch: of the motion alone, of the paint alone (motion held), or of both."""
    weight = attention(batch["label_d"], batch["drv"].shape[-1])
    alone = None if kind == "paint" else torch.rand(len(batch["drv"]), device=batch["drv"].device) < FACIAL_ALONE
    with torch.no_grad():
        taught = judges.teacher.motion(batch, alone) if judges.teacher else None
    if kind == "paint":
        with torch.no_grad():
            # A teacher's motion is as good as the own one will be: paint and motion can then be trained side by side.
            o, terms = taught or net.motion(batch), {}
    else:
        o = net.motion(batch, alone)
        terms = motion_terms(net, o, batch, weight, 15 if kind == "motion" else 5)
        if taught:
            apart = lambda key: (o[key].float() - taught[key].float()).abs().mean()
            # The same mixed keypoints, so that the same transforms are there to choose from.
            terms["taught"] = 20 * (apart("free") + apart("kp_s") + apart("kp_d")) + apart("occlusion")
        if judges.held:
            with torch.no_grad():
                kept = judges.held.dense_motion(batch["src"], batch["smask"], batch["fk_s"], o["kp_s"], o["kp_d"])["occlusion"]
            terms["held"] = 2 * (o["occlusion"] - kept).abs().mean()
    if kind != "motion":
        terms |= paint_terms(net, o, batch, weight, judges, step, crop, views)
        if judges.adversary:
            judges.adversary.learn(*o["judged"])
    return terms
