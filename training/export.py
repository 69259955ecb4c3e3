"""Write a trained finder as ONNX: `export.py OUT/state.pt thermal.onnx LIST`.

Pictures go in as they are (8 bit, height x width x channels), maps come out (contract of
`truceline/detect/pictures/finder.py`). The convolutions but the first and the last count in 8 bits (Jacob
et al. 2018), calibrated on some pictures of a list: twice as fast on a processor, a quarter of the file.
"""

import argparse
import hashlib
import importlib
import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from torch import Tensor, nn

from network import HEAT, KIND, SIDE_PX, SIDES, Finder

OPSET = 17
CALIBRATED_ON = 28  # pictures, evenly out of the list
LOOKED_AT_PX = (832, 672)


class Whole(nn.Module):
    """The finder with what belongs before and behind it."""

    def __init__(self, finder: Finder) -> None:
        super().__init__()
        self.finder = finder

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give heat (h, w, groups), sides in pixels (h, w, 4) and shares of kinds (h, w, kinds)."""
        out = self.finder(picture.permute(0, 3, 1, 2).float() / 255).permute(0, 2, 3, 1)
        sides = SIDE_PX * out[..., SIDES].clamp(-4, 5).exp()
        return out[..., HEAT].sigmoid(), sides, out[..., KIND].softmax(-1)


class Sample(CalibrationDataReader):
    """Pictures of a list (COCO; the files in `images` beside it), as the finder looks at them."""

    def __init__(self, listed: Path, channels: int) -> None:
        told = json.loads(listed.read_text())["images"]
        files = [listed.parent / "images" / one["file_name"] for one in told]
        self.files = iter(files[:: max(1, len(files) // CALIBRATED_ON)][:CALIBRATED_ON])
        self.how = cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR_RGB

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Give what goes in, or None at the end."""
        file = next(self.files, None)
        if file is None:
            return None
        pixels = cv2.resize(cv2.imread(str(file), self.how), LOOKED_AT_PX)
        return {"picture": pixels.reshape(1, *pixels.shape[:2], -1)}


def eighths(whole: Path, out: Path, sample: Sample) -> None:
    """Count in 8 bits, weights in 7: sums of a processor without VNNI then do not overflow."""
    convolutions = [node.name for node in onnx.load(str(whole)).graph.node if node.op_type == "Conv"]
    quantize_static(
        str(whole), str(out), sample, quant_format=QuantFormat.QDQ, per_channel=True, reduce_range=True,
        activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8, op_types_to_quantize=["Conv", "Add"],
        nodes_to_exclude=[convolutions[0], convolutions[-1]],
    )  # fmt: skip


def main() -> None:
    """Export, check against the original, and tell the file's SHA-256."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("state", type=Path)
    words.add_argument("out", type=Path)
    words.add_argument(
        "listed", type=Path, metavar="LIST", help="pictures to calibrate on: train.json of a pack"
    )
    asked = words.parse_args()
    state = torch.load(asked.state, map_location="cpu", weights_only=True)
    channels = importlib.import_module(state["task"]).CHANNELS
    net = Finder(channels, state["size"])
    net.load_state_dict(state["average"])
    whole = Whole(net.eval())
    sample = torch.randint(0, 255, (1, 96, 128, channels), dtype=torch.uint8)
    torch.onnx.export(
        whole, (sample,), str(asked.out), opset_version=OPSET, dynamo=False,
        input_names=["picture"], output_names=["heat", "sides", "kinds"],
        dynamic_axes={name: {1: "h", 2: "w"} for name in ("picture", "heat", "sides", "kinds")},
    )  # fmt: skip
    eighths(asked.out, asked.out, Sample(asked.listed, channels))
    model = onnx.load(str(asked.out))
    del model.metadata_props[:]
    model.producer_name = model.producer_version = model.doc_string = ""
    onnx.save(model, str(asked.out))
    content = asked.out.read_bytes()
    print(f"step {state['step']}, {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
