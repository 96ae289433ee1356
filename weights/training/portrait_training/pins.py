"""Where the flow is led by hand: from the driver's eyelids, lips and irises to the source's. Twin of the engine's `pin_flow`.

Pins (B, 46, 2) in [-1, 1], or 44 without irises, are `presets.PINS`. Eyes and mouth are openings between two edges, lids with their
lashes or lips: four rims each, curves that are met along their whole length. From rim to rim the flow is stretched, beyond the outer
ones the skin is, over a distance that grows with how far they have moved on it. Irises are lines that are moved as they are, within the lids.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .tps import grid, upsample

# Each eye's upper and lower lid as places among the pins, from corner to corner, and the sense in which it runs along the face.
LIDS = (((0, *range(4, 14, 2), 2), (0, *range(14, 24, 2), 2), 1.0), ((1, *range(5, 14, 2), 3), (1, *range(15, 24, 2), 3), -1.0))
UPPER_LIDS, LOWER_LIDS = list(range(4, 14)), list(range(14, 24))
# The same of the lips: outer and inner rim of the upper, inner and outer rim of the lower one.
LIPS = ((26, 28, 30, 24, 31, 29, 27), (26, 38, 40, 36, 41, 39, 27), (26, 38, 42, 37, 43, 39, 27), (26, 32, 34, 25, 35, 33, 27))
IRISES_AT = 44

OPEN = 2.5  # opening of an eye, in sigma, from which its iris counts in full
CLOSING = 0.5  # of the source's opening: below it lids are closed further than they are seen to be ...
SHUT = 0.2  # ... the driver's by up to this part of the source's opening,
WIDER = 0.06, 0.2  # the source's upper and lower lines moved outwards by up to these parts of it: what is left of a shut eye is seen first
STRETCH = 2.2  # skin beyond an outer rim is stretched over this many times what the rim moves on it
EASE = 0.8  # most of it near the rim: at the other end the motion ends without a kink at 1
# Of the distance between the outer corners of the eyes:
REACH = 0.1, 0.25  # but over no less and no more than this: brows are not to be pulled down
LASHES = 0.04  # from a lid to its outer rim
TAPER = 0.07  # beyond the corners the correction fades over this distance
IRIS = 0.04  # half of the line on which an iris is moved as it is


class Face(NamedTuple):
    """Axes of a face: (B, 2) unit vectors from the right to the left eye and across it downwards, (B, 1) distance of the outer corners."""

    along: Tensor
    across: Tensor
    size: Tensor


def face(pins: Tensor) -> Face:
    along = pins[:, 1] - pins[:, 0]
    size = along.norm(dim=1, keepdim=True).clamp(min=1e-6)
    along = along / size
    return Face(along, torch.stack([-along[:, 1], along[:, 0]], -1), size)


def dot(points: Tensor, axis: Tensor) -> Tensor:
    """(B, ..., 2) and (B, 2) -> (B, ...)."""
    return torch.einsum("b...c,bc->b...", points, axis)


def closed_further(source: Tensor, driver: Tensor) -> tuple[Tensor, Tensor]:
    """Both pins, the lids of closing eyes nearer to each other in the driver and further apart in the source.

    There the upper one stays near its lashes, which are the line that a shut eye is."""
    s, d, source, driver = face(source), face(driver), source.clone(), driver.clone()
    gap = source[:, LOWER_LIDS] - source[:, UPPER_LIDS]
    rest = dot(gap, s.across).clamp(min=1e-4) * d.size / s.size
    opening = dot(driver[:, LOWER_LIDS] - driver[:, UPPER_LIDS], d.across)
    closing = (1 - opening / rest / CLOSING).clamp(0, 1)
    push = torch.minimum(SHUT * rest * closing, opening.clamp(min=0))[..., None] / 2 * d.across[:, None]
    higher, lower = (part * closing[..., None] * gap for part in WIDER)
    for points, lid, by in ((driver, UPPER_LIDS, push), (driver, LOWER_LIDS, -push), (source, UPPER_LIDS, -higher), (source, LOWER_LIDS, lower)):
        points[:, lid] += by
    return source, driver


def curve(nodes: Tensor, values: Tensor, at: Tensor) -> Tensor:
    """Values (B, N, C) at nodes (B, N) on an axis, at (B, ...) in between: linear, constant beyond the ends -> (B, ..., C)."""
    step = lambda x: x[:, 1:] - x[:, :-1]
    low, width = (x.view(len(nodes), *[1] * (at.ndim - 1), -1) for x in (nodes[:, :-1], step(nodes).clamp(min=1e-4)))
    share = ((at[..., None] - low) / width).clamp(0, 1)
    first = values[:, 0].view(len(values), *[1] * (at.ndim - 1), -1)
    return first + torch.einsum("b...n,bnc->b...c", share, step(values))


class Rims(NamedTuple):
    """The four rims of an opening, from top to bottom: (B, 4, N) places along it and across the face, (B, 4, N, 2) what the flow misses."""

    along: Tensor
    across: Tensor
    miss: Tensor


def rims(which: tuple[tuple[int, ...], ...], driver: Tensor, miss: Tensor, f: Face, sense: float) -> Rims:
    points = driver[:, which]
    return Rims(dot(points, f.along) * sense, dot(points, f.across), miss[:, which])


def lids(eye: int, driver: Tensor, miss: Tensor, f: Face) -> Rims:
    upper, lower, sense = LIDS[eye]
    out = rims((upper, upper, lower, lower), driver, miss, f, sense)
    return out._replace(across=out.across + LASHES * f.size[..., None] * torch.tensor([-1.0, 0, 0, 1], device=driver.device)[:, None])


def covered(at: Tensor, top: Tensor, bottom: Tensor, pixel: float) -> Tensor:
    """How much of a pixel lies between two heights, 0..1."""
    return ((torch.minimum(bottom, at + pixel / 2) - torch.maximum(top, at - pixel / 2)) / pixel).clamp(0, 1)


def opening(r: Rims, f: Face, at: Tensor, sense: float, pixel: float, loose: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Correction of a loose flow by an opening's rims at points (B, ..., 2), and how much of each lies inside, 0..1."""
    place = torch.stack([dot(at, f.along) * sense, dot(at, f.across)], -1)
    spread = lambda x: x.view(len(x), *[1] * (place.ndim - 2))
    (u, v), size = place.unbind(-1), spread(f.size[:, 0])
    found = [curve(r.along[:, k].cummax(1).values, torch.cat([r.across[:, k, :, None], r.miss[:, k]], -1), u) for k in range(4)]
    (outer_upper, upper, lower, outer_lower), miss = [x[..., 0] for x in found], [x[..., 1:] for x in found]
    # What is open by no more than a pixel is shut: of the eye or the mouth, single pixels would be left.
    middle, gap = (upper + lower) / 2, lower - upper
    gap = torch.minimum(2 * (gap - pixel), gap).clamp(min=0)
    upper, lower = middle - gap / 2, middle + gap / 2
    outer_upper, outer_lower = torch.minimum(outer_upper, upper), torch.maximum(outer_lower, lower)
    # Where the inner rims meet, the flow shows what lies on either side, not the average of both, which is what lies between.
    down = ((v - middle) / gap.clamp(min=0.01 * pixel) + 0.5).clamp(0, 1)
    within = lambda top, bottom: ((v - top) / (bottom - top).clamp(min=1e-4)).clamp(0, 1)
    parts = within(outer_upper, upper), down, within(lower, outer_lower)
    correction = miss[0] + sum(part[..., None] * (b - a) for part, a, b in zip(parts, miss, miss[1:]))

    # Inside it runs straight from one rim to the other: what the loose flow does on the way is of lids and lips, not of what they show.
    f_across = f.across.view(len(at), *[1] * (at.ndim - 2), 2)
    shifted = lambda height: at + (height - v)[..., None] * f_across
    straight = torch.lerp(loose(shifted(upper)), loose(shifted(lower)), down[..., None]) - loose(at)
    correction = correction + torch.where(((v > upper) & (v < lower))[..., None], straight, 0.0)

    # Beyond an outer rim its motion goes over into the loose flow's further off. The loose flow on the way stretches the skin as
    # well, and both together would draw a line of it over all of the lid.
    def skin(rim: Tensor, miss: Tensor, sense: float) -> Tensor:
        moved = lambda height: loose(shifted(height)) - shifted(height)
        least, most = (reach * size for reach in REACH)
        edge, away = moved(rim) + miss, sense * (v - rim)
        rise = dot(edge - moved(rim + sense * most), f.across).abs()
        reach = torch.minimum(torch.maximum(STRETCH * rise, least), most)
        # As much as folds nothing.
        ease = (reach / rise.clamp(min=1e-4) - 1).clamp(0, EASE)
        share = (away / reach).clamp(0, 1)
        share = (share * (1 + ease * (1 - share)))[..., None]
        return torch.where((away < reach)[..., None], torch.lerp(edge, moved(rim + sense * reach), share) - moved(v), 0.0)

    correction = torch.where((v < outer_upper)[..., None], skin(outer_upper, miss[0], -1.0), correction)
    correction = torch.where((v > outer_lower)[..., None], skin(outer_lower, miss[3], 1.0), correction)
    beyond = torch.maximum(spread(r.along[:, 0, 0]) - u, u - spread(r.along[:, 0, -1])).clamp(min=0)
    fade = (1 - beyond / (TAPER * size)).clamp(0, 1)
    return fade[..., None] * correction, covered(v, upper, lower, pixel)


def iris(driver: Tensor, f: Face, at: Tensor, sigma: float) -> Tensor:
    """How near points (B, H, W, 2) are to an iris at (B, 2), 0..1: to a line along the eye, so that it is moved and not stretched."""
    d = at - driver[:, None, None]
    away = (dot(d, f.along).abs() - IRIS * f.size[..., None]).clamp(min=0).square() + dot(d, f.across).square()
    return torch.exp(-away / (2 * sigma**2))


def pin(flow: Tensor, side: int, source: Tensor, driver: Tensor, sigma: float, softness: float) -> Tensor:
    """A backward flow (B, 2, h, w) brought to (B, 2, side, side) and led from the driver's pins (B, 44 or 46, 2) to the source's.

    Far from eyes and mouth nothing changes. `sigma` and `softness` are those of the irises.
    """
    flow, pixel, f = flow.float(), 2 / (side - 1), face(driver)
    at = grid(side, flow.device).expand(len(flow), -1, -1, -1)

    def loose(points: Tensor) -> Tensor:
        where = points.flatten(1, -2)[:, None].float()
        return F.grid_sample(flow, where, padding_mode="border", align_corners=True)[:, :, 0].mT.reshape(points.shape)

    shut_source, shut_driver = closed_further(source, driver)
    miss = shut_source - loose(shut_driver)
    moved = opening(rims(LIPS, driver, miss, f, 1.0), f, at, 1.0, pixel, loose)[0]
    open_by = dot(driver[:, LOWER_LIDS] - driver[:, UPPER_LIDS], f.across).unflatten(1, (5, 2)).mean(1)
    for eye in range(2):
        r, sense = lids(eye, shut_driver, miss, f), LIDS[eye][-1]
        by_lids, inside = opening(r, f, at, sense, pixel, loose)
        moved = moved + by_lids
        centre = driver[:, IRISES_AT + eye : IRISES_AT + eye + 1]
        if centre.shape[1]:
            left = source[:, IRISES_AT + eye] - loose(centre)[:, 0] - opening(r, f, centre, sense, pixel, loose)[0][:, 0]
            near = iris(centre[:, 0], f, at, sigma)
            shown = (open_by[:, eye] / (OPEN * sigma)).clamp(0, 1)[:, None, None] * inside * near / (near + softness)
            moved = moved + shown[..., None] * left[:, None, None]
    return upsample(flow, side) + moved.permute(0, 3, 1, 2)
