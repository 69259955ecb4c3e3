"""Judge a thermal state on dates that it has not learnt from: `judge.py STATE DATA --dates 2021-01-16`.

Average precision at an overlap of one half, at one look only and in single precision: to tell recipes apart
in a minute. What the package reaches is told by `truceline detect images` and the scorer.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cuts import Picture
from network import GROUPS, HEAT, SIDE_PX, SIDES, STRIDE, Finder
from pack import pictures
from thermal import CHANNELS

ENLARGED = 1.5
MOST = 300  # boxes of a picture and group
ALIKE, RIGHT = 0.45, 0.5  # overlap of two boxes of one thing; of a box that is right
BATCH = 16


def found(net: Finder, pixels: Tensor) -> list[tuple[np.ndarray, np.ndarray]]:
    """Give boxes (n, 4) and scores (n,) of a batch of pictures, 8 bit, per picture and group in turn."""
    high, wide = (32 * round(ENLARGED * side / 32) for side in pixels.shape[2:])
    back = pixels.new_tensor([pixels.shape[3] / wide, pixels.shape[2] / high], dtype=torch.float32).repeat(2)
    out = net(F.interpolate(pixels.float() / 255, (high, wide), mode="bilinear")).float()
    heat = out[:, HEAT].sigmoid()
    heat = heat * (heat == F.max_pool2d(heat, 3, 1, 1))
    sides = (SIDE_PX * out[:, SIDES].clamp(-4, 5).exp()).flatten(2)
    score, cell = heat.flatten(2).topk(MOST, 2)
    rows, columns = cell // heat.shape[3], cell % heat.shape[3]
    x, y = (columns + 0.5) * STRIDE, (rows + 0.5) * STRIDE
    every = sides[:, :, None].expand(-1, -1, len(GROUPS), -1)
    left, top, right, bottom = every.gather(3, cell[:, None].expand(-1, 4, -1, -1)).unbind(1)
    boxes = torch.stack([x - left, y - top, x + right, y + bottom], 3) * back
    return [
        _apart(boxes[i, g].cpu().numpy(), score[i, g].cpu().numpy())
        for i in range(len(pixels))
        for g in range(len(GROUPS))
    ]


def _apart(boxes: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leave the best of boxes that are one thing."""
    kept: list[int] = []
    for i in np.flatnonzero(scores > 0.01):
        if not kept or overlap(boxes[i], boxes[kept]).max() < ALIKE:
            kept.append(int(i))
    return boxes[kept], scores[kept]


def overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Give the share of (4,) and each of (n, 4) that both cover."""
    sides = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
    shared = np.clip(sides, 0, None).prod(1)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (box[2:] - box[:2]).prod()
    return shared / np.maximum(area - shared, 1e-9)


def precision(
    judged: list[Picture], boxes: list[np.ndarray], scores: list[np.ndarray], group: int
) -> tuple[float, int]:
    """Give average precision (101 points, as COCO takes it) and how many there are."""
    wanted = [p.boxes[p.groups == group] for p in judged]
    vague = [p.boxes[p.groups < 0] for p in judged]
    taken = [np.zeros(len(one), bool) for one in wanted]
    which = np.repeat(np.arange(len(judged)), [len(s) for s in scores])
    every, score = np.concatenate(boxes), np.concatenate(scores)
    right: list[bool] = []
    for i in np.argsort(-score, kind="stable"):
        one = which[i]
        shared = np.where(taken[one], 0.0, overlap(every[i], wanted[one]))
        best = int(shared.argmax()) if len(shared) else -1
        if best >= 0 and shared[best] >= RIGHT:
            taken[one][best] = True
            right.append(True)
        elif not len(vague[one]) or overlap(every[i], vague[one]).max() < RIGHT:
            right.append(False)
    count = sum(len(one) for one in wanted)
    hits = np.cumsum(right)
    recall, exact = hits / max(count, 1), hits / np.arange(1, len(hits) + 1)
    exact = np.maximum.accumulate(exact[::-1])[::-1]
    at = np.searchsorted(recall, np.linspace(0, 1, 101))
    return float(np.append(exact, 0.0)[np.minimum(at, len(exact))].mean()), count


def main() -> None:
    """Print a row per date and group."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("state", type=Path)
    words.add_argument("data", type=Path)
    words.add_argument("--dates", nargs="+", required=True)
    words.add_argument("--tables", nargs="+", default=["train.json", "val.json"])
    asked = words.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    state = torch.load(asked.state, map_location=device, weights_only=True)
    net = Finder(CHANNELS, state["size"]).to(device).eval()
    net.load_state_dict(state["average"])
    every = [p for table in asked.tables for p in pictures(asked.data, table)]
    for date in asked.dates:
        some = [p for p in every if p.date == date]
        rows = []
        with torch.inference_mode():
            for i in range(0, len(some), BATCH):
                pixels = torch.from_numpy(np.stack([p.pixels[..., 0] for p in some[i : i + BATCH]]))
                rows += found(net, pixels[:, None].to(device))
        for g, name in enumerate(GROUPS):
            value, count = precision(some, *map(list, zip(*rows[g :: len(GROUPS)], strict=True)), g)
            print(f"step {state['step']}, {date}, {name}: {value:.3f} of {count}", flush=True)


if __name__ == "__main__":
    main()
