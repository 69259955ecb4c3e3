"""Write a video clip with telemetry as a drone would send it: MPEG-TS with H.264 and KLV."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from truceline.codec.mpegts import Unit, mux
from truceline.model.errors import BadInput

CODECS = {"h264": "libx264", "mpeg2video": "mpeg2video"}
FIRST_S = 1.0  # decoders want some time before the first picture
KEY_FRAME_S = 2.0  # a clip can be cut there


def write_clip(
    frames: Iterable[npt.NDArray[np.uint8]],
    klv_packets: Iterable[tuple[float, bytes]],
    fps: float,
    codec: str = "h264",
) -> bytes:
    """Encode frames and interleave them with telemetry.

    Parameters
    ----------
    frames
        Pictures of the same even size, each (height, width, 3) RGB or (height, width) grey.
    klv_packets
        (seconds since the first frame, packet) in order of time; see :func:`truceline.codec.klv.encode`.
    fps
        Frames per second.
    codec
        ``h264`` or ``mpeg2video``.

    Returns
    -------
    bytes
        A transport stream that any player opens; same input, same bytes.

    Raises
    ------
    BadInput
        If there is no frame, or one has another shape.
    """
    telemetry = [(FIRST_S + time_s, packet) for time_s, packet in klv_packets]
    return mux(_units(frames, fps, codec), telemetry, codec)


def _units(frames: Iterable[npt.NDArray[np.uint8]], fps: float, codec: str) -> Iterator[Unit]:
    rate = Fraction(fps).limit_denominator(1001)
    encoder = None
    shape: tuple[int, ...] = ()
    for index, frame in enumerate(frames):
        if encoder is None:
            shape = frame.shape
            encoder = _encoder(shape, rate, codec)
        if frame.shape != shape:
            raise BadInput(f"frame {index}", f"has shape {frame.shape}, the first one {shape}")
        picture = av.VideoFrame.from_ndarray(frame, format="rgb24" if frame.ndim == 3 else "gray")
        picture = picture.reformat(format="yuv420p")
        picture.pts = index
        picture.time_base = 1 / rate
        yield from (_unit(packet) for packet in encoder.encode(picture))
    if encoder is None:
        raise BadInput("frames", "a clip needs at least one")
    yield from (_unit(packet) for packet in encoder.encode(None))


def _encoder(shape: tuple[int, ...], rate: Fraction, codec: str) -> Any:
    encoder: Any = av.VideoCodecContext.create(CODECS[codec], "w")
    encoder.height, encoder.width = shape[:2]
    encoder.pix_fmt = "yuv420p"
    encoder.framerate = rate
    encoder.time_base = 1 / rate
    encoder.gop_size = max(1, round(KEY_FRAME_S * rate))
    encoder.max_b_frames = 0
    # One thread: more of them make other bytes on other machines.
    encoder.thread_count = 1
    if codec == "h264":
        encoder.options = {"preset": "ultrafast", "crf": "23", "x264-params": "repeat-headers=1:aud=1"}
    return encoder


def _unit(packet: Any) -> Unit:
    base = float(packet.time_base)
    pts = packet.pts if packet.pts is not None else 0
    dts = packet.dts if packet.dts is not None else pts
    return Unit(FIRST_S + pts * base, FIRST_S + dts * base, packet.is_keyframe, bytes(packet))
