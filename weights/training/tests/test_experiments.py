"""Every variant trains, and differs from the others in what it is named after."""

import pytest
import torch
from small import TINY
from test_training import batch

from portrait_training.experiments import VARIANTS
from portrait_training.losses import Judges, total
from portrait_training.run import Run


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_trains(name):
    variant = VARIANTS[name]
    config = variant.config() | {k: TINY[k] for k in ("nk", "dense_motion")}
    config["synthesis"] = TINY["synthesis"] | {"views": config["synthesis"]["views"]}
    torch.manual_seed(0)
    run = Run(config, "cpu", 1e-3, network=variant.network)
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
        assert torch.equal(after["flow"], after["free"])
    if variant.views:
        assert run.net.synthesis.fusion.weight[:, 8:].abs().max() > 0
