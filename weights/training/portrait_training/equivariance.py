"""Equivariance of the neural keypoints: a picture moved by a known random spline must have its keypoints moved by the same spline."""

import torch
from torch import Tensor

from . import tps
from .folded import sample

SPREAD_AFFINE, SPREAD_BEND, CONTROL = 0.05, 0.005, 5  # as in TPSMM


class RandomSpline:
    """One random affine map plus thin-plate bending per sample: maps points (B, N, 2)."""

    def __init__(self, batch: int, device=None):
        self.linear = torch.eye(2, device=device) + SPREAD_AFFINE * torch.randn(batch, 2, 2, device=device)
        self.shift = SPREAD_AFFINE * torch.randn(batch, 1, 2, device=device)
        self.bend = SPREAD_BEND * torch.randn(batch, CONTROL**2, 1, device=device)
        self.control = tps.grid(CONTROL, device).reshape(-1, 2)

    def __call__(self, points: Tensor) -> Tensor:
        near = tps.radial((points[:, :, None] - self.control).square().sum(-1))
        return points @ self.linear.mT + self.shift + near @ self.bend


def equivariance(nk, picture: Tensor, keypoints: Tensor) -> Tensor:
    """Mean distance of keypoints (B, 50, 2) of `picture` and those of the moved picture, moved back."""
    spline = RandomSpline(len(picture), picture.device)
    where = spline(tps.grid(picture.shape[-1], picture.device).reshape(1, -1, 2).expand(len(picture), -1, -1))
    moved = sample(picture, where.unflatten(1, picture.shape[-2:]))
    return (keypoints - spline(nk(moved))).abs().mean()
