"""Train the second look at persons: `second.py DATA OUT.onnx [--steps 1120] [--leave DATE]`.

A tiny network sees each thing that may be a person with the ground around it. It learns from persons that are
marked and from what looks like them to a blob finder and is not: windows, lamps, gaps between trees. A few
minutes on one processor core.
"""

import argparse
import hashlib
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from blobs import blobs
from cuts import FILL, Picture
from network import GROUPS
from pack import pictures

SIDE_PX = 64  # of a cut: a person is 12 x 19 pixels
BATCH, PERSONS = 128, 32
MOST_PERSONS, BLOBS = 25, 20  # of a picture: that are marked, and that look like one and are none
RATE, DECAY = 3e-3, 0.05
LEAST_SPREAD = 4 / 255
OPSET = 17


class Second(nn.Module):
    """Cuts (n, 1, 64, 64) between 0 and 1 in, the logarithm of the odds of a person out."""

    def __init__(self) -> None:
        super().__init__()
        wide = ((2, 16, 2), (16, 32, 1), (32, 32, 2), (32, 48, 1), (48, 64, 2))
        self.body = nn.Sequential(*[_step(*one) for one in wide])
        self.last = nn.Linear(3 * 64, 1)

    def forward(self, x: Tensor) -> Tensor:
        quarter = SIDE_PX // 4
        near = x[:, :, quarter:-quarter, quarter:-quarter]
        y = self.body(torch.cat([_against(x, x), _against(x, near)], 1).clamp(-5, 5))
        middle, around = y[:, :, 3:5, 3:5].mean((2, 3)), F.dropout(y.mean((2, 3)), 0.2, self.training)
        return self.last(torch.cat([middle, around, y[:, :, 2:6, 2:6].amax((2, 3))], 1))[:, 0]


class Whole(nn.Module):
    """The network with what belongs before it: 8-bit cuts (n, 64, 64) in."""

    def __init__(self, second: Second) -> None:
        super().__init__()
        self.second = second

    def forward(self, cuts: Tensor) -> Tensor:
        return self.second(cuts[:, None].float() / 255)


def _step(wide: int, out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(wide, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU())


def _against(x: Tensor, ground: Tensor) -> Tensor:
    """Measure greys from the ground's mean in its spread: dates differ in both."""
    off = ground - ground.mean((2, 3), keepdim=True)
    spread = (off**2).mean((2, 3), keepdim=True).sqrt().clamp(min=LEAST_SPREAD)
    return (x - ground.mean((2, 3), keepdim=True)) / spread


def cuts_of(picture: Picture, dice: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Cut out persons, a little off the middle, and blobs that are none: (n, 64, 64) each."""
    boxes = dice.permutation(picture.boxes[picture.groups == GROUPS.index("person")])[:MOST_PERSONS]
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2 + dice.normal(0, (1.2, 1.5), (len(boxes), 2))
    grey = picture.pixels[..., 0]
    return _cut(grey, middles), _cut(grey, blobs(picture)[:BLOBS])


def _cut(grey: np.ndarray, middles: np.ndarray) -> np.ndarray:
    padded = np.pad(grey, SIDE_PX, constant_values=FILL)
    half, (high, wide) = SIDE_PX // 2, grey.shape
    places = np.round(np.clip(middles, 0, [wide - 1, high - 1])).astype(int) + half
    return np.array([padded[y : y + SIDE_PX, x : x + SIDE_PX] for x, y in places.tolist()], np.uint8).reshape(
        -1, SIDE_PX, SIDE_PX
    )


def spoilt(x: Tensor) -> Tensor:
    """Turn a little, scale, mirror, and change gamma, sharpness and noise."""
    count = len(x)
    scale, turn = torch.empty(count).uniform_(-0.35, 0.35).exp(), 0.12 * torch.randn(count)
    flip = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    move = torch.zeros(count, 2, 3)
    move[:, 0, 0], move[:, 0, 1] = flip * scale * turn.cos(), -scale * turn.sin()
    move[:, 1, 0], move[:, 1, 1] = flip * scale * turn.sin(), scale * turn.cos()
    move[:, :, 2] = 0.03 * torch.randn(count, 2)
    grid = F.affine_grid(move, list(x.shape), align_corners=False)
    x = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
    x = x.clamp(1e-3, 1) ** (0.3 * torch.randn(count, 1, 1, 1)).exp()
    soft = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
    x = torch.where(torch.rand(count, 1, 1, 1) < 0.4, soft, x)
    return x + torch.randn_like(x) * torch.rand(count, 1, 1, 1) * 0.03


def train(learnt: list[Picture], steps: int) -> Second:
    """Train; of dates with many persons each counts for less, and the weights are a running mean."""
    dice = np.random.default_rng(1)
    torch.manual_seed(1)
    parts = [cuts_of(one, dice) for one in learnt]
    person, other = (np.concatenate([part[k] for part in parts]) for k in (0, 1))
    dates = np.repeat([one.date for one in learnt], [len(part[0]) for part in parts])
    _, which, count = np.unique(dates, return_inverse=True, return_counts=True)
    share = count[which] ** -0.5
    net = Second()
    turner = torch.optim.AdamW(net.parameters(), RATE, weight_decay=DECAY)
    slower = torch.optim.lr_scheduler.OneCycleLR(turner, RATE, total_steps=steps)
    mean = {k: v.detach().clone() for k, v in net.state_dict().items()}
    wanted = torch.tensor([0.98] * PERSONS + [0.02] * (BATCH - PERSONS))
    for step in range(steps):
        some = person[dice.choice(len(person), PERSONS, p=share / share.sum())]
        cuts = np.concatenate([some, other[dice.choice(len(other), BATCH - PERSONS)]])
        value = F.binary_cross_entropy_with_logits(
            net(spoilt(torch.from_numpy(cuts)[:, None].float() / 255)), wanted
        )
        turner.zero_grad()
        value.backward()
        turner.step()
        slower.step()
        for k, v in net.state_dict().items():
            mean[k] = torch.lerp(mean[k], v, 0.004) if v.dtype.is_floating_point else v
        if step % 100 == 0:
            print(f"step {step} of {steps}, loss {value.item():.3f}", flush=True)
    net.load_state_dict(mean)
    return net.eval()


def write(net: Second, out: Path) -> None:
    """Write ONNX."""
    torch.onnx.export(
        Whole(net), (torch.zeros((2, SIDE_PX, SIDE_PX), dtype=torch.uint8),),
        str(out), opset_version=OPSET, dynamo=False, input_names=["cuts"], output_names=["odds"],
        dynamic_axes={"cuts": {0: "n"}, "odds": {0: "n"}},
    )  # fmt: skip
    model = onnx.load(str(out))
    del model.metadata_props[:]
    model.producer_name = model.producer_version = model.doc_string = ""
    onnx.save(model, str(out))
    content = out.read_bytes()
    print(f"{len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


def main() -> None:
    """Train, write ONNX, and tell the file's SHA-256."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("data", type=Path)
    words.add_argument("out", type=Path)
    words.add_argument("--steps", type=int, default=1120)
    words.add_argument("--threads", type=int, default=1)
    words.add_argument("--tables", nargs="+", default=["train.json", "val.json"])
    words.add_argument("--leave", nargs="*", default=[], metavar="DATE", help="dates not to learn from")
    asked = words.parse_args()
    torch.set_num_threads(asked.threads)
    learnt = [p for table in asked.tables for p in pictures(asked.data, table) if p.date not in asked.leave]
    write(train(learnt, asked.steps), asked.out)


if __name__ == "__main__":
    main()
