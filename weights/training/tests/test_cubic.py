"""Catmull-Rom samples."""

import torch

from portrait_training import tps
from portrait_training.folded import cubic, sample


def moved(by: float, side: int = 64) -> torch.Tensor:
    """Where a picture reads that is to show what lies as many pixels further to the right."""
    return tps.grid(side)[None] + torch.tensor([2 * by / (side - 1), 0.0])


def stripes(side: int = 64) -> torch.Tensor:
    """Of four pixels, 0.5 give or take 0.4."""
    return (0.5 + 0.4 * torch.sin(torch.arange(side) * torch.pi / 2)).expand(1, 1, side, side)


def test_whole_pixels_are_copied_and_edges_repeated():
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(cubic(picture, moved(0)), picture, atol=1e-5)
    shifted = cubic(picture, moved(2))
    assert torch.allclose(shifted[..., :-2], picture[..., 2:], atol=1e-4)
    assert torch.allclose(shifted[..., -1], picture[..., -1], atol=1e-4)


def test_a_ramp_is_exact_between_pixels():
    ramp = torch.linspace(0, 1, 64).expand(1, 1, 64, 64)
    assert torch.allclose(cubic(ramp, moved(0.3))[..., 1:-3], sample(ramp, moved(0.3))[..., 1:-3], atol=1e-5)


def test_detail_outlives_half_a_pixel_and_nothing_overshoots():
    spread = lambda read: (read(stripes(), moved(0.5))[..., 4:-4] - 0.5).abs().max()
    assert spread(sample) < 0.21 and spread(cubic) > 0.24
    edge = (torch.arange(64) >= 32).float().expand(1, 1, 64, 64)
    out = cubic(edge, moved(0.5))
    assert out.min() >= 0 and out.max() <= 1


def test_the_flow_has_a_gradient():
    where = moved(0.3).requires_grad_()
    cubic(stripes(), where).square().mean().backward()
    assert where.grad.abs().sum() > 0
