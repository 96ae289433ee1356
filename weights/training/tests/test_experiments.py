"""Every variant trains, and differs from the others in what it is named after."""

import pytest
import torch
from small import TINY
from test_training import batch

from portrait_training import tps
from portrait_training.experiments import VARIANTS, begin
from portrait_training.losses import Judges, total
from portrait_training.networks import Portrait
from portrait_training.run import Run


def tiny(name: str) -> Run:
    variant = VARIANTS[name]
    config = variant.config() | {k: TINY[k] for k in ("nk", "dense_motion")}
    config["synthesis"] = TINY["synthesis"] | {"views": config["synthesis"]["views"]}
    torch.manual_seed(0)
    return Run(config, "cpu", 1e-3, network=variant.network)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_trains(name):
    variant, run = VARIANTS[name], tiny(name)
    terms = total(run.net, Judges(), batch(0), "full", 0, views=variant.views > 0)
    run.update(terms, 10)
    after = run.net.motion(batch(1))
    if name == "no residual flow":
        assert after["residual"].abs().max() == 0
    if name == "facial only":
        facial = batch(1)["fk_s"]
        assert torch.equal(run.net.merge(facial, after["nk_s"]), run.net.merge(facial, after["nk_d"]))
    if name == "neural only":
        assert torch.equal(after["kp_d"], after["nk_d"])
    if name == "mixed, no pins":
        assert torch.equal(after["flow"], tps.upsample(after["free"], after["flow"].shape[-1]))
    if variant.views:
        assert run.net.synthesis.fusion.weight[:, 8:].abs().max() > 0


@pytest.mark.parametrize("name", ["2 views", "8 views", "no residual flow", "facial only"])
def test_variants_begin_from_shared_weights(name):
    torch.manual_seed(1)
    base, run = Portrait(tiny("mixed").net.config).without_norm().eval(), tiny(name)
    base.dense_motion.residual.bias.data += 0.1
    base.synthesis.fusion.weight.data += 0.01
    begin(run, base)
    given = batch(2)
    with torch.no_grad():
        want, got = base(dict(given)), run.net.eval()(dict(given), VARIANTS[name].views > 0)
    same = torch.equal(run.ema.synthesis.head.weight, base.synthesis.head.weight)
    assert same and run.net.synthesis.fusion.weight[:, 8:].abs().max() == 0
    if name == "no residual flow":
        assert got["residual"].abs().max() == 0
    if VARIANTS[name].views:
        torch.testing.assert_close(got["out"], want["out"])
