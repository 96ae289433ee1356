"""Thin-plate-spline motion in [-1, 1] coordinates, align-corners grids. Directions are driver -> source: where to read."""

import torch
import torch.nn.functional as F
from torch import Tensor


def grid(size: int, device=None) -> Tensor:
    """(size, size, 2) of (x, y); the first and last pixel centres are at -1 and 1."""
    axis = torch.linspace(-1, 1, size, device=device)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    return torch.stack([x, y], -1)


def radial(squared: Tensor) -> Tensor:
    """r² ln(r² + 1e-9), of the squared distance."""
    return squared * torch.log(squared + 1e-9)


def solve(driver: Tensor, source: Tensor, groups: int, regulariser: float) -> Tensor:
    """Keypoints (B, groups * N, 2) -> parameters (B, groups, N + 3, 2): N radial weights, then x, y, 1.

    The regulariser is on the whole diagonal, the affine rows included, as in TPSMM.
    """
    d, s = (k.float().unflatten(1, (groups, -1)) for k in (driver, source))
    n = d.shape[2]
    affine = torch.cat([d, torch.ones_like(d[..., :1])], -1)
    left = d.new_zeros(*d.shape[:2], n + 3, n + 3)
    left[..., :n, :n] = radial((d[..., :, None, :] - d[..., None, :, :]).square().sum(-1))
    left[..., :n, n:] = affine
    left[..., n:, :n] = affine.transpose(-1, -2)
    left = left + regulariser * torch.eye(n + 3, device=d.device)
    right = torch.cat([s, s.new_zeros(*s.shape[:2], 3, 2)], 2)
    return torch.linalg.solve(left, right)


def evaluate(parameters: Tensor, driver: Tensor, at: Tensor) -> Tensor:
    """Transforms of all groups at points (H, W, 2) -> (B, groups, H, W, 2)."""
    b, groups = parameters.shape[:2]
    d = driver.float().unflatten(1, (groups, -1))
    q = at.reshape(-1, 2)
    kernel = radial((q[:, None] - d[:, :, None]).square().sum(-1))  # B, groups, HW, N
    basis = torch.cat([kernel, q.expand(b, groups, -1, 2), torch.ones_like(kernel[..., :1])], -1)
    return (basis @ parameters).unflatten(2, at.shape[:2])


def heatmap(points: Tensor, at: Tensor, variance: float) -> Tensor:
    """Gaussians of height 1 at points (B, P, 2) on a grid -> (B, P, H, W)."""
    x, y = at[0, :, 0], at[:, 0, 1]
    p = points.float()
    across = torch.exp(-(x - p[..., :1]).square() / (2 * variance))
    down = torch.exp(-(y - p[..., 1:]).square() / (2 * variance))
    return down[..., :, None] * across[..., None, :]


# Places of opposite points among the pins (presets.PINS): lids of the right and the left eye in turn, then inner lips.
UPPER, LOWER = [*range(4, 14), 36, 40, 41], [*range(14, 24), 37, 42, 43]
OPEN = 2.5  # opening of an eye, in sigma, from which its iris counts in full
IRIS = 0.04  # half of the line on which an iris is moved as it is, of the distance between the outer corners of the eyes


def sides(driver: Tensor, at: Tensor, sigma: float) -> Tensor:
    """How much each pin (B, 44 or 46, 2) counts on a grid -> (B, P, H, W).

    Opposite points of lids and inner lips act on their own side of the middle between them only: where they meet, the flow shows
    skin on both sides, not the average of both, which is the open eye. Irises fade as their eye closes.
    """
    along = driver[:, 1] - driver[:, 0]  # from the right to the left outer corner
    across = torch.stack([-along[:, 1], along[:, 0]], -1) / along.norm(dim=1, keepdim=True).clamp(min=1e-6)
    points = (driver * across[:, None]).sum(-1)  # heights
    middle = (points[:, UPPER] + points[:, LOWER]) / 2
    height = torch.einsum("hwc,bc->bhw", at, across)
    ramp = (0.5 + (len(at) - 1) * (height[:, None] - middle[..., None, None])).clamp(0, 1)
    out = torch.ones(*points.shape, *at.shape[:2], dtype=ramp.dtype, device=ramp.device)
    out[:, UPPER], out[:, LOWER] = 1 - ramp, ramp
    opening = (points[:, LOWER[:10]] - points[:, UPPER[:10]]).unflatten(1, (5, 2)).mean(1)
    irises = points.shape[1] - 44
    out[:, 44:] = (opening / (OPEN * sigma)).clamp(0, 1)[:, :irises, None, None]
    return out


def near(driver: Tensor, at: Tensor, sigma: float) -> Tensor:
    """How near each pin (B, 44 or 46, 2) is to the points of a grid -> (B, P, H, W), 0..1.

    An iris is as near everywhere on a line along the eye: it is moved, not stretched.
    """
    along = driver[:, 1] - driver[:, 0]
    length = along.norm(dim=1).clamp(min=1e-6)[:, None, None, None]
    u, v = (along[:, k, None, None, None] / length for k in range(2))
    x, y = (at[..., k] - driver[:, 44:, k, None, None] for k in range(2))
    away = ((x * u + y * v).abs() - IRIS * length).clamp(min=0).square() + (y * u - x * v).square()
    return torch.cat([heatmap(driver[:, :44], at, sigma**2), torch.exp(-away / (2 * sigma**2))], 1)


def upsample(maps: Tensor, side: int) -> Tensor:
    return F.interpolate(maps, (side, side), mode="bilinear", align_corners=True)


def pin(flow: Tensor, side: int, source: Tensor, driver: Tensor, sigma: float, softness: float) -> Tensor:
    """A backward flow (B, 2, h, w) brought to (B, 2, side, side) and led from the driver's pins (B, 44 or 46, 2) to the source's.

    What the flow misses at the pins is spread by normalised Gaussians; far from all pins nothing changes.
    """
    at = grid(side, flow.device)
    there = F.grid_sample(flow, driver[:, None].to(flow.dtype), padding_mode="border", align_corners=True)[:, :, 0].mT
    weight = near(driver, at, sigma) * sides(driver, at, sigma)  # B, P, H, W
    total = weight.sum(1, keepdim=True) + softness
    return upsample(flow, side) + torch.einsum("bphw,bpc->bchw", weight, source.to(flow.dtype) - there) / total
