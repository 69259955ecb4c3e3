"""Train a finder: `train.py {thermal,visible} DATA OUT --minutes 80 [--step-minutes 9]`.

The schedule runs over ``--minutes`` of training time in all; a run stops after ``--step-minutes`` and the
next one goes on from ``OUT/state.pt``. Runs on a GPU if there is one.
"""

import argparse
import importlib
import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from loss import loss
from network import Finder

RATE, DECAY, WARM = 2e-3, 0.02, 0.02
SAVE_S = 60.0


class Cuts(IterableDataset):
    """Endless cuts; each worker throws its own dice."""

    def __init__(self, task: str, data: Path, seed: int) -> None:
        self.task, self.seed = task, seed
        self.loaded = importlib.import_module(task).material(data)

    def __iter__(self) -> Iterator[tuple[np.ndarray, ...]]:
        worker = get_worker_info()
        seed = self.seed * 1000 + (worker.id if worker else 0)
        torch.set_num_threads(1)
        for pixels, target in importlib.import_module(self.task).cuts(seed, *self.loaded):
            yield (np.ascontiguousarray(pixels.transpose(2, 0, 1)), *target)


class Average:
    """Running mean of the weights: steadier than the last ones (Polyak and Juditsky 1992)."""

    def __init__(self, net: Finder) -> None:
        self.values = {k: v.detach().clone().float() for k, v in net.state_dict().items()}

    def take(self, net: Finder, step: int) -> None:
        keep = min(0.9985, (1 + step) / (20 + step))
        for k, v in net.state_dict().items():
            self.values[k].lerp_(v.float(), 1 - keep)


def rate(progress: float) -> float:
    """Rise over the first fiftieth, then fall as a cosine to a hundredth."""
    if progress < WARM:
        return max(progress / WARM, 0.02)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - WARM) / (1 - WARM))))


def main() -> None:
    """Train until the time is up, saving as it goes."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("task", choices=("thermal", "visible"))
    words.add_argument("data", type=Path)
    words.add_argument("out", type=Path)
    words.add_argument("--minutes", type=float, default=20.0)
    words.add_argument("--step-minutes", type=float, default=9.0)
    words.add_argument("--batch", type=int, default=8)
    words.add_argument("--threads", type=int, default=1)
    words.add_argument("--workers", type=int, default=1)
    asked = words.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(asked.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(1)

    task = importlib.import_module(asked.task)
    net = Finder(task.CHANNELS).to(device, memory_format=torch.channels_last)
    turner = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY)
    average, step, used_s, runs = Average(net), 0, 0.0, 0
    place = asked.out / "state.pt"
    if place.exists():
        state = torch.load(place, map_location=device, weights_only=True)
        net.load_state_dict(state["net"])
        turner.load_state_dict(state["turner"])
        average.values, step, used_s, runs = state["average"], state["step"], state["used_s"], state["runs"]

    batches = DataLoader(
        Cuts(asked.task, asked.data, runs + 1),
        batch_size=asked.batch,
        num_workers=asked.workers,
        prefetch_factor=4 if asked.workers else None,
    )
    begun, saved, shown = time.monotonic(), time.monotonic(), 0.0
    for pixels, *target in batches:
        spent = time.monotonic() - begun
        progress = (used_s + spent) / (60 * asked.minutes)
        for group in turner.param_groups:
            group["lr"] = RATE * rate(progress)
        x = pixels.to(device).float().div(255).contiguous(memory_format=torch.channels_last)
        with torch.autocast(device, torch.bfloat16):
            out = net(x)
        value = loss(out, *[t.to(device) for t in target])
        turner.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 10.0)
        turner.step()
        step += 1
        average.take(net, step)
        shown = shown * 0.98 + float(value.detach()) * 0.02 if step > 1 else float(value.detach())
        if step % 50 == 0:
            print(
                f"step {step} progress {progress:.3f} loss {shown:.3f} {step / (used_s + spent):.2f}/s",
                flush=True,
            )
        over = progress >= 1 or spent >= 60 * asked.step_minutes
        if over or time.monotonic() - saved > SAVE_S:
            saved = time.monotonic()
            state = {
                "net": net.state_dict(),
                "turner": turner.state_dict(),
                "average": average.values,
                "step": step,
                "used_s": used_s + spent,
                "runs": runs + 1,
                "task": asked.task,
            }
            torch.save(state, place.with_suffix(".part"))
            place.with_suffix(".part").replace(place)
        if over:
            break


if __name__ == "__main__":
    main()
