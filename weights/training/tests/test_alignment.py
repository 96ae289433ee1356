"""Flow that is measured between what is shown and what should be."""

import numpy as np
import torch
import torch.nn.functional as F

from portrait_training import tps
from portrait_training.alignment import aligned, alignment, bent
from portrait_training.folded import sample

SIDE = 128


def picture(seed: int = 0) -> torch.Tensor:
    """Smooth patches of colour, (1, 3, SIDE, SIDE)."""
    coarse = torch.from_numpy(np.random.default_rng(seed).uniform(0, 1, (1, 3, SIDE // 8, SIDE // 8))).float()
    return F.interpolate(coarse, (SIDE, SIDE), mode="bicubic", align_corners=True).clamp(0, 1)


def flow_by(pixels: torch.Tensor) -> torch.Tensor:
    """(1, 2, SIDE, SIDE): read as many pixels further to the right and below, (2,) or (2, SIDE, SIDE)."""
    return (tps.grid(SIDE).permute(2, 0, 1) + (pixels.view(2, 1, 1) if pixels.ndim == 1 else pixels) * 2 / (SIDE - 1))[None]


def bend() -> torch.Tensor:
    """True displacements of up to 4 pixels, (2, SIDE, SIDE)."""
    x, y = tps.grid(SIDE).unbind(-1)
    return torch.stack([4 * torch.cos(2 * y), 3 * torch.sin(2 * x)])


def shown(flow: torch.Tensor) -> torch.Tensor:
    return sample(picture(), flow.permute(0, 2, 3, 1))


def test_a_flow_that_is_off_is_led_to_the_true_one():
    true, off = flow_by(bend()), flow_by(torch.tensor([1.0, -1.0]))
    target, trust = aligned(off, shown(off), shown(true))
    inner = (slice(None), slice(None), slice(12, -12), slice(12, -12))
    apart = lambda flow: ((flow - true)[inner] * (SIDE - 1) / 2).norm(dim=1).mean().item()
    assert apart(off) > 2 and apart(target) < 0.3, (apart(off), apart(target))
    assert trust[inner].mean() > 0.9


def test_what_is_not_in_both_pictures_is_not_trusted():
    flow, want = flow_by(torch.zeros(2)), shown(flow_by(torch.zeros(2)))
    want[:, :, 40:80, 40:80] = 1 - picture(1)[:, :, 40:80, 40:80]
    _, trust = aligned(flow, shown(flow), want)
    assert trust[0, 0, 50:70, 50:70].mean() < 0.4 < 0.95 < trust[0, 0, 90:120, 90:120].mean()


def test_only_pairs_are_led_and_only_inside_the_driver():
    true, off = flow_by(bend()), flow_by(torch.tensor([1.0, -1.0]))
    free = tps.upsample(off, 64).requires_grad_()
    mask = (torch.arange(SIDE) < SIDE // 2).float().expand(1, 1, SIDE, SIDE)
    o, batch = dict(free=free, flow=off, warped=shown(off)), dict(drv=shown(true), dmask=mask, flow_valid=torch.zeros(1, 1, 64, 64))
    alignment(o, batch)[0].backward()
    assert free.grad[..., :30].abs().amin(1).mean() > 0 and not free.grad[..., 34:].any()
    shown_above = torch.zeros(1, 1, 64, 64)
    shown_above[:, :, :32] = 1
    wrong, sure = alignment(o, batch | {"flow_valid": shown_above})
    assert wrong == 0 and (sure == shown_above).all()


def test_a_flow_is_smooth_where_nothing_says_where_to_read():
    straight = tps.upsample(flow_by(torch.tensor([3.0, 2.0])), 64)
    island = straight.clone()
    island[:, :, 30:34, 30:34] += 0.2
    nowhere, everywhere = torch.zeros(1, 1, 64, 64), torch.ones(1, 1, 64, 64)
    assert bent(straight, nowhere, everywhere) < 2e-4 < bent(island, nowhere, everywhere)
    assert bent(island, everywhere, everywhere) == 0
    # A seam with what is behind a person is none of the person's.
    half = everywhere.clone()
    half[..., 32:] = 0
    seam = straight.clone()
    seam[..., 32:] += 0.2
    assert bent(seam, nowhere, half) < 2e-4 < bent(seam, nowhere, everywhere)
