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


def upsample(maps: Tensor, side: int) -> Tensor:
    return F.interpolate(maps, (side, side), mode="bilinear", align_corners=True)
