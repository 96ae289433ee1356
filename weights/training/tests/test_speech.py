"""Speech to a mouth: what phonemes do, what is heard, where lips go."""

import numpy as np
import torch

from portrait_training import expressions, lips, speech, visemes


def test_m_shuts_and_a_opens():
    said = visemes.curves([(0.0, 0.2, ""), (0.2, 0.3, "m"), (0.3, 0.5, "aː"), (0.5, 0.6, "p"), (0.6, 0.8, "uː"), (0.8, 1.2, "")], 1.2)
    assert said.shape == (61, 3)
    at = {name: said[round(seconds * visemes.RATE)] for name, seconds in dict(rest=0.0, m=0.25, a=0.4, p=0.55, u=0.72, end=1.1).items()}
    assert at["m"][2] > 0.9 and at["p"][2] > 0.9 and at["a"][2] < 0.05
    assert at["a"][0] > 0.15 and at["m"][0] < 0.02 and at["u"][0] < 0.1
    assert at["u"][1] < -0.05 and abs(at["a"][1]) < 0.03
    assert np.abs(at["rest"]).max() < 0.02 and np.abs(at["end"]).max() < 0.02


def test_diphthongs_move_and_unknown_sounds_rest():
    assert len(visemes.shapes("aɪ")) == 2 and visemes.shapes("ǃ") == [(0.0, 0.0, 0.0)]


def test_loudness_does_not_matter_and_time_does():
    t = np.arange(16000) / 16000
    tone = np.sin(2 * np.pi * 500 * t) * (t > 0.5)
    loud, quiet = speech.features(0.5 * tone), speech.features(0.05 * tone)
    assert loud.shape == (50, 80)
    # Once it sounds, a tenth of the amplitude is heard as the same in the band where the tone is.
    assert np.abs(loud[30:] - quiet[30:])[:, loud[30].argmax()].max() < 0.01
    bands = loud[:, :40]
    assert bands[:23].max() < bands[27:].max() - 0.5


def test_the_network_hears_no_further_than_it_says():
    net, generator = speech.Speech(), torch.Generator().manual_seed(1)
    x = torch.randn(1, 60, 80, generator=generator)
    other = x.clone()
    other[:, 40:] = 0
    with torch.no_grad():
        a, b = net(x), net(other)
    assert torch.equal(a[:, :40], b[:, :40]) and not torch.allclose(a[:, 40:], b[:, 40:])


def test_fields_open_and_widen_by_what_they_are_asked():
    generator = np.random.default_rng(0)
    rest = generator.normal(0, 0.3, (expressions.POINTS, 3))
    rest = (rest + rest[expressions.SWAPPED] * (-1, 1, 1)) / 2
    jaw, wide = np.zeros_like(rest), np.zeros_like(rest)
    jaw[lips.LOWER, 1], wide[lips.LEFT, 0], wide[lips.RIGHT, 0] = 1.0, 0.5, -0.5
    amounts = generator.normal(0, 0.05, (200, 2))
    clip = rest + amounts[:, :1, None] * jaw + amounts[:, 1:, None] * wide + generator.normal(0, 1e-3, (200, *rest.shape))
    fields, explained = lips.fit([clip])
    assert explained > 0.95
    opened, widened = (lips.measure((rest + 0.1 * field)[None])[0] - lips.measure(rest[None])[0] for field in fields)
    assert np.allclose(opened, (0.1, 0.0), atol=0.01) and np.allclose(widened, (0.0, 0.1), atol=0.01)
