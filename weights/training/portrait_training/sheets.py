"""Progress as pictures: curves of a run's log, and sheets of a fixed batch.

python -m portrait_training.sheets RUN          # writes RUN/curves.png
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

SMOOTH = 20  # rows of the log


def curves(log: Path, out: Path, width: int = 420, height: int = 160):
    """One small plot a term: grey as logged, black smoothed; the step below."""
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    names = sorted({k for r in rows for k in r} - {"step", "kind"})
    plots = []
    for name in names:
        points = [(r["step"], r[name]) for r in rows if name in r]
        steps, values = np.array(points, float).T
        smooth = np.array([values[max(0, i - SMOOTH) : i + 1].mean() for i in range(len(values))])
        low, high = np.percentile(values, [1, 99])
        x = (steps - steps[0]) / max(1, np.ptp(steps)) * (width - 20) + 10
        place = lambda v: np.stack([x, height - 22 - (v - low).clip(0, high - low) / max(1e-9, high - low) * (height - 46)], 1).astype(np.int32)
        plot = np.full((height, width, 3), 255, np.uint8)
        cv2.polylines(plot, [place(values)], False, (200, 200, 200), 1, cv2.LINE_AA)
        cv2.polylines(plot, [place(smooth)], False, (0, 0, 0), 1, cv2.LINE_AA)
        text = lambda s, y: cv2.putText(plot, s, (10, y), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (0, 0, 160), 1, cv2.LINE_AA)
        text(f"{name}: {smooth[0]:.4g} to {smooth[-1]:.4g}", 15)
        text(f"step {int(steps[0])} to {int(steps[-1])}, {low:.4g} to {high:.4g}", height - 6)
        plots.append(plot)
    if not plots:
        return  # nothing has been logged yet
    plots += [np.full_like(plots[0], 255)] * (-len(plots) % 3)
    cv2.imwrite(str(out), np.vstack([np.hstack(plots[i : i + 3]) for i in range(0, len(plots), 3)]))


@torch.no_grad()
def sheet(net, batch: dict[str, Tensor], out: Path):
    """Columns of samples; rows: source, driver, warped, painted, blend mask, result."""
    training = net.training
    net.eval()
    o = net(batch)
    net.train(training)
    rows = [batch["src"], batch["drv"], o["warped"], o["paint"], o["blend"].expand(-1, 3, -1, -1), o["out"]]
    image = torch.cat([torch.cat(list(r.float().cpu()), 2) for r in rows], 1)
    cv2.imwrite(str(out), (image.permute(1, 2, 0).clamp(0, 1) * 255).byte().numpy()[..., ::-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    run = parser.parse_args().run
    curves(run / "log.jsonl", run / "curves.png")


if __name__ == "__main__":
    main()
