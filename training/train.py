"""Train a finder: `train.py {thermal,plain,visible} DATA OUT --minutes 80 [--step-minutes 9]`.

The schedule runs over ``--minutes`` of training time in all; a run stops after ``--step-minutes`` and the
next one goes on from ``OUT/state.pt``. Runs on a GPU if there is one.
"""

import argparse
import importlib
import math
import time
from pathlib import Path

import torch

from loss import loss
from network import SIZES, Finder

RATE, DECAY, WARM = 2e-3, 0.05, 0.02
SAVE_S = 60.0


class Average:
    """Running mean of the weights: steadier than the last ones (Polyak and Juditsky 1992)."""

    def __init__(self, net: Finder) -> None:
        self.values = {k: v.detach().clone().float() for k, v in net.state_dict().items()}

    def take(self, net: Finder, step: int) -> None:
        keep = min(0.9985, (1 + step) / (20 + step))
        now = net.state_dict()
        rows = [k for k, v in now.items() if v.is_floating_point()]
        torch._foreach_lerp_([self.values[k] for k in rows], [now[k] for k in rows], 1 - keep)


def rate(progress: float) -> float:
    """Rise over the first fiftieth, then fall as a cosine to a hundredth."""
    if progress < WARM:
        return max(progress / WARM, 0.02)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - WARM) / (1 - WARM))))


def main() -> None:
    """Train until the time is up, saving as it goes."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("task", choices=("thermal", "plain", "visible"))
    words.add_argument("data", type=Path)
    words.add_argument("out", type=Path)
    words.add_argument("--minutes", type=float, default=20.0)
    words.add_argument("--step-minutes", type=float, default=9.0)
    words.add_argument("--batch", type=int, default=8)
    words.add_argument("--threads", type=int, default=1)
    words.add_argument("--workers", type=int, default=1, help="processes that cut daylight pictures")
    words.add_argument("--size", choices=tuple(SIZES), default="small")
    words.add_argument("--tables", nargs="+", default=["train.json"], help="of the pack, to learn from")
    words.add_argument("--leave", nargs="*", default=[], metavar="DATE", help="dates not to learn from")
    asked = words.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(asked.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(1)

    # A processor that must emulate bfloat16 takes eight times as long with it as without.
    half = device == "cuda" or torch.cpu._is_avx512_bf16_supported()
    task = importlib.import_module(asked.task)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    net = Finder(task.CHANNELS, asked.size).to(device, memory_format=torch.channels_last)
    turner = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY, fused=device == "cuda")
    average, step, used_s, runs = Average(net), 0, 0.0, 0
    place = asked.out / "state.pt"
    if place.exists():
        state = torch.load(place, map_location=device, weights_only=True)
        net.load_state_dict(state["net"])
        turner.load_state_dict(state["turner"])
        average.values, step, used_s, runs = state["average"], state["step"], state["used_s"], state["runs"]

    pictures = [
        p for table in asked.tables for p in task.pictures(asked.data, table) if p.date not in asked.leave
    ]
    batches = task.batches(pictures, asked.data, device, runs + 1, asked.batch, asked.workers)
    begun, saved, shown = time.monotonic(), time.monotonic(), torch.zeros((), device=device)
    for pixels, *target in batches:
        spent = time.monotonic() - begun
        progress = (used_s + spent) / (60 * asked.minutes)
        for group in turner.param_groups:
            group["lr"] = RATE * rate(progress)
        x = pixels.contiguous(memory_format=torch.channels_last)
        with torch.autocast(device, torch.bfloat16, enabled=half):
            out = net(x)
        value = loss(out, *target)
        turner.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 10.0)
        turner.step()
        step += 1
        average.take(net, step)
        shown = shown.lerp(value.detach(), 0.02)
        if step % 50 == 0:
            speed = step / (used_s + spent)
            print(f"step {step} progress {progress:.3f} loss {float(shown):.3f} {speed:.2f}/s", flush=True)
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
                "size": asked.size,
            }
            torch.save(state, place.with_suffix(".part"))
            place.with_suffix(".part").replace(place)
        if over:
            break


if __name__ == "__main__":
    main()
