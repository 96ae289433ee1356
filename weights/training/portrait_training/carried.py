"""How much of what a backward flow leads to moves with the head. Twin of what the engine's `pin_flow` writes beside the flow.

That is the hole which the person left in the background; elsewhere a head would drag the background with it, and draw its outline where it
was. What lies beyond the picture is not carried, for only its edge would be repeated; but below the picture, and beside it from
the mouth to the chin more and more, it is: clothes go on there.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .pins import dot, face
from .tps import grid

DILATION, SOFTNESS, PERSON = 6, 2, 40 / 255  # as prepare.fill_background, in pixels of 256; to either side of the hole's edge
EDGE = 3  # pixels over which what lies beyond the picture fades
CHIN = 0.2, 0.6  # from where to where clothes begin, below the mouth, in heights from the eyes to it
EYES, LIPS = (0, 1), (36, 37)  # pins: outer corners, middle of the inner rims


def soft_hole(person: Tensor) -> Tensor:
    """The person mask (B, 1, n, n) dilated, its edge blurred."""
    side = person.shape[-1]
    reach, soft = DILATION * side // 256, SOFTNESS * side // 256
    hole = F.max_pool2d((person > PERSON).float(), 2 * reach + 1, 1, reach)
    return F.avg_pool2d(F.pad(hole, (soft,) * 4, mode="replicate"), 2 * soft + 1, 1)


def clothes(driver: Tensor, side: int) -> Tensor:
    """How much of what is shown at each pixel would be clothes, (B, 1, side, side)."""
    f = face(driver)
    eyes, mouth = (dot(driver[:, which], f.across).mean(1)[:, None, None] for which in (EYES, LIPS))
    height = dot(grid(side, driver.device).expand(len(driver), -1, -1, -1), f.across)
    return (((height - mouth) / (mouth - eyes).clamp(min=1e-3) - CHIN[0]) / (CHIN[1] - CHIN[0])).clamp(0, 1)[:, None]


def carried(flow: Tensor, person: Tensor, driver: Tensor | None) -> Tensor:
    """(B, 1, n, n) in 0..1 for a flow (B, 2, n, n), the source's person mask and the driver's pins; without pins there are no clothes."""
    side = flow.shape[-1]
    there = F.grid_sample(soft_hole(person), flow.permute(0, 2, 3, 1), padding_mode="border", align_corners=True)
    x, y = flow.split(1, 1)
    beyond = ((torch.maximum(x.abs(), -y) - 1) * (side - 1) / 2 / EDGE).clamp(0, 1)
    return there * (1 - beyond * (1 - (0 if driver is None else clothes(driver, side))))
