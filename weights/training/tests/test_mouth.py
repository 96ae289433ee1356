"""The inside of a mouth: in any light, where and when it shows."""

import pytest
import torch

from portrait_training import mouth
from portrait_training.pins import LIPS, face


def pins(opening: float, width: float = 1.0) -> torch.Tensor:
    """Pins (1, 46, 2) of a face with a mouth that is open by `opening` in the middle."""
    out = torch.zeros(1, 46, 2)
    out[0, :4] = torch.tensor([[-0.4, 0], [0.4, 0], [-0.16, 0], [0.16, 0]])
    for rim, thick in zip(LIPS, (-0.05, 0, 0, 0.05)):
        sign = -1 if rim in LIPS[:2] else 1
        for k, i in enumerate(rim):
            arch = max(0, 1 - (k - 3) ** 2 / (9 if thick else 4))
            out[0, i] = torch.tensor([width * 0.1 * (k - 3), 0.5 + arch * (sign * opening / 2 + thick)])
    return out


def lit(*colour: float) -> mouth.Lit:
    picture = torch.tensor(colour)[None, :, None, None].expand(1, 3, 64, 64)
    return mouth.Mouth.load().of(picture, pins(0.1))


def test_a_mouth_has_the_light_of_its_photo():
    usual, inside = mouth.Mouth.load().cheeks, mouth.Mouth.load().inside
    same, colourful = lit(*(mouth.USUAL * usual))
    flesh = same[0, ..., 3] == 0
    assert flesh.any() and colourful == 1
    torch.testing.assert_close(same[0, ..., :3][flesh], (mouth.USUAL * inside).clamp(0, 1)[flesh], atol=1e-5, rtol=0)
    torch.testing.assert_close(mouth.luminance(same[0, ..., :3]), mouth.USUAL * mouth.luminance(inside), atol=0.01, rtol=0)
    grey, colourful = lit(0.5, 0.5, 0.5)
    torch.testing.assert_close(grey[..., 0], grey[..., 2], atol=1e-5, rtol=0)
    assert colourful < 1e-5
    warm, cold = lit(0.7, 0.4, 0.2).layers, lit(0.5, 0.45, 0.4).layers
    assert (warm[..., 0] / warm[..., 2].clamp(min=1e-3)).median() > 1.2 * (cold[..., 0] / cold[..., 2].clamp(min=1e-3)).median()


def test_teeth_that_the_photo_shows_are_what_is_given():
    skin, white = torch.tensor([0.43, 0.29, 0.23]), torch.tensor([0.88, 0.86, 0.8])

    def smile(between: torch.Tensor) -> torch.Tensor:
        picture = skin[None, :, None, None].repeat(1, 1, 128, 128)
        picture[:, :, 90:101, 40:88] = between[None, :, None, None]
        return mouth.Mouth.load().of(picture, pins(0.15)).layers[0, 1, 1, 3:8, 12:20, :3].mean((0, 1))

    usual, own = lit(*skin).layers[0, 1, 1, 3:8, 12:20, :3].mean((0, 1)), smile(white)
    assert mouth.luminance(own) > 1.4 * mouth.luminance(usual)
    assert own[0] / own[2] == pytest.approx(0.88 / 0.8, abs=0.05)
    for no_teeth in ([0.6, 0.24, 0.22], [0.12, 0.06, 0.05]):
        torch.testing.assert_close(smile(torch.tensor(no_teeth)), usual)


def test_a_batch_is_its_photos_one_by_one():
    torch.manual_seed(3)
    pictures, points = torch.rand(3, 3, 64, 64), torch.cat([pins(0.1), pins(0.15, 1.3), pins(0)])
    batch = mouth.Mouth.load().of(pictures, points)
    shown = mouth.show(batch, points, points.flip(0), 64)
    for i in range(3):
        one = mouth.Mouth.load().of(pictures[i : i + 1], points[i : i + 1])
        alone = mouth.show(one, points[i : i + 1], points.flip(0)[i : i + 1], 64)
        for got, want in zip((*batch, *shown), (*one, *alone)):
            torch.testing.assert_close(got[i : i + 1], want, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("source", "driver", "most"),
    [(0.1, 0.1, 0), (0.1, 0.06, 0), (0.1, 0.15, 0), (0.1, 0.02, 0.5), (0.035, 0.02, 0), (0, 0, 0), (0, 0.1, 1), (0.02, 0.1, 1), (0.058, 0.1, 1)],
)
def test_only_what_the_photo_lacks_is_given(source, driver, most):
    _, given, _ = mouth.show(lit(0.6, 0.5, 0.4), pins(source), pins(driver), 257)
    assert given.max() == pytest.approx(most, abs=0.02)


def test_it_is_given_from_the_lower_lip_upwards():
    """Teeth of the photo end in a dark mouth; they do not fade into it."""
    _, given, inside = mouth.show(lit(0.6, 0.5, 0.4), pins(0.058), pins(0.1), 257)
    column = given[0, 0, inside[0, 0, :, 128] > 0.99, 128]
    assert (column[1:] >= column[:-1]).all() and column[: len(column) // 3].max() == 0 and column[-len(column) // 3 :].min() > 0.99


def test_it_lies_between_the_lips():
    plain = lit(0.6, 0.5, 0.4)
    plain.layers[..., 3] = 0  # no teeth
    picture, given, inside = mouth.show(plain, pins(0), pins(0.2), 255)
    assert torch.equal(given, inside)
    shown = (given[0, 0] > 0.5).nonzero().float() / 127 - 1
    assert shown[:, 1].abs().max() < 0.21 and shown[:, 1].max() > 0.18
    assert (shown[:, 0] - 0.5).abs().max() == pytest.approx(0.1, abs=0.01)
    width, opening = (float(x) for x in mouth.shape(pins(0.2), face(pins(0.2))))
    assert (width, opening) == pytest.approx((0.5, 0.5), abs=1e-5)
    # In the middle of the mouth: between the layers on both sides of its opening, nearly those of a narrow mouth.
    layers = plain.layers[0, :, 3:5, 7:9, 15:17, :3].mean((2, 3))
    wide, open_by = (0.5 - 0.45) / 0.17, (0.5 - 0.47) / 0.23
    layer = layers[0] * (1 - wide) + layers[1] * wide
    torch.testing.assert_close(picture[0, :, 190, 127], layer[0] * (1 - open_by) + layer[1] * open_by, atol=0.02, rtol=0)


def test_teeth_are_drawn():
    x, y = torch.meshgrid(torch.linspace(0, 0.3, 301), torch.linspace(0, 0.2, 201), indexing="xy")
    factor = mouth.teeth(x[None], y[None], torch.full_like(x, 0.2)[None], torch.ones(1, 1, 1), torch.full((1, 1, 1), 0.005), torch.ones(1))[0]
    green = factor[1]
    assert green[30, 46] > 1.05 > 1.05 * green[30, 92] and green[30, 92] == green[30, 90:95].min()  # a tooth, and the seam at its side
    assert green[80, 46] > 1 > 3 * green[130, 46]  # a wide mouth shows a tenth of the distance of the eyes, then a hole
    assert factor[0, 130, 46] > 1.5 * factor[2, 130, 46] and green[195, 46] > 1.5 * green[130, 46]  # which is red, and lighter below
    assert (green[:100] > 0.9)[:, 46].sum() > (green[:100] > 0.9)[:, 262].sum()  # teeth further back end higher
