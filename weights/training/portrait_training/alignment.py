"""What a warped picture misses of the driving one, by optical flow: the exact flow that pairs of a clip do not come with.

Differences of colours say little of where hair and shoulders should have been read, for they are the same a pixel further; optical flow
between the two pictures says it. Dense inverse search (Kroeger et al. 2016, OpenCV) finds it where both are nearly alike, so it teaches a
motion that is nearly there. The target follows the network: composed with the flow as it is.
"""

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from . import tps
from .folded import sample

ALIKE = 0.08  # mean difference of colours, 0..1, up to which a place found again is trusted by 1/e
FURTHEST = 24  # pixels of 256 that a place may have been missed by
SMOOTH = 2.0  # sigma in pixels of 256, over which what was found is averaged


def missed(got: Tensor, want: Tensor) -> Tensor:
    """(B, 3, n, n) twice -> (B, 2, n, n): pixels from each place of `want` to where `got` shows it."""
    grey = lambda x: [cv2.cvtColor(p, cv2.COLOR_RGB2GRAY) for p in (x.detach().clamp(0, 1) * 255).byte().permute(0, 2, 3, 1).cpu().numpy()]
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    found = np.stack([search.calc(w, g, None) for g, w in zip(grey(got), grey(want))])
    return torch.from_numpy(found).permute(0, 3, 1, 2).to(got)


def blur(x: Tensor, sigma: float) -> Tensor:
    reach = int(2 * sigma + 0.5)
    at = torch.arange(-reach, reach + 1, device=x.device)
    kernel = torch.exp(-at.square() / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(x.shape[1], 1, 1, -1)
    x = F.conv2d(F.pad(x, (reach,) * 4, mode="replicate"), kernel, groups=x.shape[1])
    return F.conv2d(x, kernel.transpose(2, 3), groups=x.shape[1])


@torch.no_grad()
def aligned(flow: Tensor, got: Tensor, want: Tensor) -> tuple[Tensor, Tensor]:
    """The flow (B, 2, n, n) that would have shown `want` where its own shows `got`, and how far that is to be trusted, (B, 1, n, n) in 0..1."""
    side = flow.shape[-1]
    step = missed(got, want)
    at = lambda x: sample(x, (tps.grid(side, x.device) + 2 / (side - 1) * step.permute(0, 2, 3, 1)))
    apart = blur((at(got) - want).abs().mean(1, keepdim=True), SMOOTH * side / 256)
    near = step.norm(dim=1, keepdim=True) < FURTHEST * side / 256
    trust = torch.exp(-(apart / ALIKE).square()) * near
    change = at(flow) - flow
    soft = lambda x: blur(x, SMOOTH * side / 256)
    return flow + soft(change * trust) / soft(trust).clamp(min=1e-3), trust


def alignment(o: dict[str, Tensor], batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Distance of the flow of pairs from where optical flow leads it, inside the driver; 0 for samples whose flow is known exactly. And how
    sure the flow is, whichever way: (B, 1, n, n) in 0..1."""
    target, trust = aligned(o["flow"], o["warped"], batch["drv"])
    side = o["free"].shape[-1]
    area = lambda x: F.interpolate(x, (side, side), mode="area")
    known = batch["flow_valid"].amax((1, 2, 3), keepdim=True)
    wrong = ((o["free"] - tps.upsample(target, side)).abs().sum(1, keepdim=True) * area(trust * batch["dmask"]) * (1 - known)).mean()
    return wrong, known * area(batch["flow_valid"]) + (1 - known) * area(trust)


def bent(flow: Tensor, sure: Tensor, person: Tensor) -> Tensor:
    """Mean length of the second differences of a flow (B, 2, n, n) inside a person where nothing says where it should read.

    Colours lead it there to whatever looks alike: a cheek that a turn uncovers had specks of ear and hair in it."""
    middle = flow[..., 1:-1, 1:-1]
    around = flow[..., 1:-1, 2:] + flow[..., 1:-1, :-2] + flow[..., 2:, 1:-1] + flow[..., :-2, 1:-1]
    within = -F.max_pool2d(-person, 3, 1)  # its outline is a seam
    return ((around - 4 * middle).square().sum(1, keepdim=True).add(1e-8).sqrt() * (1 - sure[..., 1:-1, 1:-1]) * within).mean()
