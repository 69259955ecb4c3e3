"""How good and how fast the drone's eyes are, each figure beside a peer in the same run.

usage: python benchmarks/drone_vision.py [--quick]
Tracks: identities kept (IDF1) on made-up traffic, and processor time, against pairing boxes by overlap alone
and against a two-stage overlap tracker in the manner of ByteTrack (Zhang et al. 2022), both written here.
Pictures and video: processor time per picture and per analysed frame against decoding alone.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
from scipy.optimize import linear_sum_assignment
from truceline.codec.klv import TELEMETRY
from truceline.detect.boxes.tracking import track_video
from truceline.detect.movers import look
from truceline.detect.pictures.frames import Clip
from truceline.detect.pictures.looks import look_thermal, look_visible
from truceline.detect.pictures.pixels import Poses
from truceline.detect.pictures.spotter import Spotter
from truceline.sim.boxes import SIDES, Traffic, draw
from truceline.sim.clip import write_clip

Rows = np.ndarray  # frame, track, left, top, width, height


def overlaps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Give the overlap (IoU) of every box of one set with every box of another."""
    least = np.maximum(a[:, None, :2], b[None, :, :2])
    most = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    shared = np.prod(np.clip(most - least, 0, None), axis=2)
    return shared / (np.prod(a[:, 2:], 1)[:, None] + np.prod(b[:, 2:], 1) - shared)


def bare(frame: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Pair the boxes of consecutive frames by overlap."""
    labels, count = np.full(len(frame), -1), 0
    before = np.zeros(0, np.int64)
    for number in np.unique(frame):
        rows = np.flatnonzero(frame == number)
        if len(before):
            share = overlaps(boxes[before], boxes[rows])
            left, right = linear_sum_assignment(-share)
            good = share[left, right] >= 0.3
            labels[rows[right[good]]] = labels[before[left[good]]]
        fresh = rows[labels[rows] < 0]
        labels[fresh] = np.arange(count, count + len(fresh))
        count += len(fresh)
        before = rows
    return labels


def two_stage(frame: np.ndarray, boxes: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Pair sure boxes first, then unsure ones; tracks go on at constant velocity, for a second unseen."""
    labels, count = np.full(len(frame), -1), 0
    tracks: list[list] = []  # box, velocity, label, last frame
    for number in np.unique(frame):
        rows = np.flatnonzero(frame == number)
        for track in tracks:
            track[0] = track[0] + np.r_[track[1], 0, 0]
        left_over = list(range(len(tracks)))
        for stage in (rows[score[rows] >= 0.5], rows[score[rows] < 0.5]):
            if not len(stage) or not left_over:
                continue
            share = overlaps(np.array([tracks[i][0] for i in left_over]), boxes[stage])
            taken = []
            for a, b in zip(*linear_sum_assignment(-share), strict=True):
                if share[a, b] >= 0.2:
                    track = tracks[left_over[a]]
                    moved = boxes[stage[b]][:2] - track[0][:2]
                    track[1] = track[1] + 0.3 * moved
                    track[0], track[3] = boxes[stage[b]].copy(), number
                    labels[stage[b]] = track[2]
                    taken.append(left_over[a])
            left_over = [i for i in left_over if i not in taken]
        for row in rows[(labels[rows] < 0) & (score[rows] >= 0.5)]:
            tracks.append([boxes[row].copy(), np.zeros(2), count, number])
            labels[row] = count
            count += 1
        tracks = [track for track in tracks if number - track[3] <= 25]
    return labels


def idf1(found: Rows, truth: Rows) -> float:
    """Give the share of boxes with the right identity (Ristani et al. 2016)."""
    true_ids, true_at = np.unique(truth[:, 1], return_inverse=True)
    ids, at = np.unique(found[:, 1], return_inverse=True)
    together = np.zeros((len(true_ids), len(ids)))
    for number in np.unique(truth[:, 0]):
        a, b = np.flatnonzero(truth[:, 0] == number), np.flatnonzero(found[:, 0] == number)
        if len(b):
            i, j = np.nonzero(overlaps(truth[a, 2:], found[b, 2:]) >= 0.5)
            np.add.at(together, (true_at[a[i]], at[b[j]]), 1)
    left, right = linear_sum_assignment(-together)
    return float(2 * together[left, right].sum() / (len(truth) + len(found)))


def seconds(act: Callable[[], object], times: int) -> float:
    """Give the median processor time of an act."""
    spent = []
    for _ in range(times):
        begin = time.process_time()
        act()
        spent.append(time.process_time() - begin)
    return float(np.median(spent))


def columns(table: pa.Table, *words: str) -> np.ndarray:
    """Give columns side by side."""
    return np.column_stack([table[word].to_numpy().astype(float) for word in words])


def tracks(quick: bool) -> None:
    """Compare trackers on traffic of several densities."""
    head = ("IDF1 ours", "two-stage", "bare", "time / bare", "two-stage")
    print(f"{'tracks in video':<26}" + "".join(f"{word:>12}" for word in head))
    for things in (31, 60, 96):
        traffic = Traffic(things=things, frames=100 if quick else 250)
        found, truth = draw(traffic, seed=things)
        frame, boxes = columns(found, "frame_index")[:, 0], columns(found, *SIDES)
        score, true = columns(found, "score")[:, 0], columns(truth, "frame_index", "track_id", *SIDES)
        ours = columns(track_video(found, "made up"), "frame_index", "track_id", *SIDES)
        good = [idf1(ours, true)]
        peers = (lambda: two_stage(frame, boxes, score), lambda: bare(frame, boxes))  # noqa: B023
        for peer in peers:
            labels = peer()
            keep = labels >= 0
            good.append(idf1(np.column_stack([frame, labels, boxes])[keep], true))
        times = 3 if quick else 5
        mine = seconds(lambda: track_video(found, "made up"), times)  # noqa: B023
        staged, plain = (seconds(peer, times) for peer in peers)
        name = f"{things} objects"
        print(
            f"{name:<26}"
            + "".join(f"{share:>12.3f}" for share in good)
            + f"{mine / plain:>11.1f}x{staged / plain:>11.1f}x"
        )


def pictures(quick: bool) -> None:
    """Tell processor time per picture."""
    dice = np.random.default_rng(1)
    for name, shape, act in (
        ("thermal 640 x 512", (512, 640, 1), look_thermal),
        ("daylight 1920 x 1080", (1080, 1920, 3), look_visible),
    ):
        picture = dice.integers(0, 255, shape, np.uint8)
        act(picture)
        print(f"{name:<26}{seconds(lambda: act(picture), 2 if quick else 5):>10.2f} s of one core")  # noqa: B023


def video(quick: bool) -> None:
    """Tell analysed frames per second of the whole look at a clip, against decoding it."""
    dice = np.random.default_rng(2)
    ground = np.kron(dice.integers(60, 180, (110, 200, 3), np.uint8), np.ones((10, 10, 1), np.uint8))
    count = 30 if quick else 90
    frames = [np.ascontiguousarray(ground[i : i + 720, 2 * i : 2 * i + 1280]) for i in range(count)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.ts"
        path.write_bytes(write_clip(frames, [], 30.0))

        def whole() -> None:
            look(Clip(path, "clip"), 5.0, 640, 1, Spotter(Poses(TELEMETRY.empty_table())))

        def decode() -> None:
            for _ in Clip(path, "clip").analysed(1, 640):
                pass

        whole()
        begin = time.perf_counter()
        whole()
        wall = time.perf_counter() - begin
        ours, plain = seconds(whole, 1), seconds(decode, 1)
    print(
        f"{'video 1280 x 720':<26}{count / wall:>10.1f} analysed frames/s, {2 * count / ours:.1f} by time of "
        f"two processors, {ours / plain:.1f}x the time of decoding"
    )


def main() -> None:
    """Print the table."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--quick", action="store_true", help="smaller inputs, fewer repeats")
    quick = words.parse_args().quick
    tracks(quick)
    pictures(quick)
    video(quick)


if __name__ == "__main__":
    main()
