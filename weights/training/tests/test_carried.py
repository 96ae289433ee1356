"""What moves with the head, and what stays."""

import numpy as np
import pytest
import torch

from portrait_training import tps
from portrait_training.carried import carried, soft_hole
from portrait_training.prepare import fill_background


def person() -> torch.Tensor:
    """In the left half of a picture of 256 pixels."""
    return (torch.arange(256) < 128).float().expand(1, 1, 256, 256)


def pins() -> torch.Tensor:
    """Eyes at half height, the middle of the lips half of the picture's half below; nothing else counts."""
    out = torch.zeros(1, 46, 2)
    out[0, :2] = torch.tensor([[-0.4, 0.0], [0.4, 0.0]])
    out[0, 36:38] = torch.tensor([0.0, 0.5])
    return out


def along(shift: tuple[float, float], driver: torch.Tensor | None) -> torch.Tensor:
    """Of a flow that reads as many pixels further to the right and below, (256, 256)."""
    flow = tps.grid(256).permute(2, 0, 1)[None] + torch.tensor(shift)[None, :, None, None] * 2 / 255
    return carried(flow, person(), driver)[0, 0]


def test_the_hole_is_what_was_filled():
    rng = np.random.default_rng(1)
    photo, mask = rng.integers(0, 255, (256, 256, 3), np.uint8), np.zeros((256, 256), np.uint8)
    mask[100:140, 90:150] = 255
    kept = (fill_background(photo, mask) == photo).all(2)
    hole = soft_hole(torch.from_numpy(mask / 255.0).float()[None, None])[0, 0].numpy()
    assert hole[kept].max() < 0.5 <= hole[~kept].max() == 1


def test_background_stays_where_it_is():
    moved = along((20, 0), pins())
    assert moved[128, [0, 111]].tolist() == [1, 1] and moved[128, [118, 255]].tolist() == [0, 0]


@pytest.mark.parametrize("driver", [None, pins()], ids=["no pins", "pins"])
def test_no_edge_is_repeated_beside_the_head(driver):
    moved = along((-20, 0), driver)
    assert moved[80, [20, 16]].tolist() == [1, 0] and moved[80, 18] == pytest.approx(1 / 3, abs=1e-4)


def test_clothes_go_on_beyond_the_picture():
    assert along((-20, 0), pins())[215, 5] == pytest.approx((((215 * 2 / 255 - 1) - 0.5) / 0.5 - 0.2) / 0.4, abs=1e-4)
    assert along((0, 20), pins())[255, 5] == 1 and along((0, -20), pins())[0, 5] == 0
