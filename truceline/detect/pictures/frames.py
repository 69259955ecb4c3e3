"""Pictures out of a clip: decoded one after the other, broken ones left out and counted."""

import io
from collections import deque
from collections.abc import Callable, Iterator, Set
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from truceline.model.errors import BadInput

Grey = npt.NDArray[np.uint8]
FRAME_PIXELS = 1 << 26  # larger ones are refused before they are decoded
BEHIND = 3  # frames that may wait for the onlooker
# Others are not tried: a picture is no video, and a play list would fetch what it names from elsewhere.
CONTAINERS = "mpegts,mpeg,mov,matroska,avi,h264,hevc,mpegvideo"


class Frame(NamedTuple):
    """One analysed frame: number in the clip (from 0), time, small grey picture, and full size."""

    number: int
    pts_s: float
    grey: Grey
    width_px: int
    height_px: int


Onlooker = Callable[[int, float, Any], None]


class Clip:
    """A clip to be decoded.

    Attributes
    ----------
    decoded, broken
        How many frames were decoded, and how many could not be (after reading).
    """

    def __init__(self, path: Path, where: str) -> None:
        self.path = path
        self.where = where
        self.decoded = 0
        self.broken = 0

    def rate_hz(self) -> float:
        """Tell the frames per second that the stream states, 25 if it does not."""
        with self._open() as container:
            rate = container.streams.video[0].average_rate
            return float(rate) if rate and 1 <= rate <= 240 else 25.0

    def analysed(self, every: int, width_px: int, onlooker: Onlooker | None = None) -> Iterator[Frame]:
        """Hand over each ``every``-th frame, grey, at most ``width_px`` wide.

        An onlooker is called, in a thread of its own and in order, with its number, its time and the
        decoder's frame (`to_colour`); it has seen all of them when the last one was handed over.
        """
        self.decoded = self.broken = 0
        with _aside(onlooker) as show:
            yield from self._analysed(every, width_px, show)

    def _analysed(self, every: int, width_px: int, show: Onlooker) -> Iterator[Frame]:
        for index, frame in self._frames():
            if index % every:
                continue
            shrink = max(1.0, frame.width / width_px)
            size = {
                "width": max(16, round(frame.width / shrink)),
                "height": max(16, round(frame.height / shrink)),
            }
            grey = frame.reformat(format="gray", **size).to_ndarray()
            show(index, _time_s(frame), frame)
            yield Frame(index, _time_s(frame), grey, frame.width, frame.height)

    def pictures(self, wanted: Set[int]) -> Iterator[tuple[int, float, Image.Image]]:
        """Hand over the frames of these indices, with their time, in full colour and size."""
        last = max(wanted, default=-1)
        for index, frame in self._frames():
            if index in wanted:
                yield index, _time_s(frame), frame.to_image()
            if index >= last:
                return

    def _open(self) -> Any:
        kind = "mpegts" if self._first_byte() == b"\x47" else None
        try:
            container = av.open(str(self.path), format=kind, options={"format_whitelist": CONTAINERS})
        except av.FFmpegError as error:
            wanted = "an MPEG stream, MP4, Matroska or AVI is wanted"
            raise BadInput(self.where, f"no video that can be read; {wanted}") from error
        if not container.streams.video:
            container.close()
            raise BadInput(self.where, "no video stream")
        return container

    def _first_byte(self) -> bytes:
        if self.path.exists() and not self.path.is_file():
            raise BadInput(self.where, "is not a regular file")
        try:
            with self.path.open("rb") as file:
                first = file.read(1)
        except OSError as error:
            raise BadInput(self.where, f"cannot be read: {error.strerror}") from error
        if not first:
            raise BadInput(self.where, "the file is empty")
        return first

    def _frames(self) -> Iterator[tuple[int, Any]]:
        self.decoded = self.broken = 0
        index = 0
        with self._open() as container:
            stream = container.streams.video[0]
            if (stream.width or 0) * (stream.height or 0) > FRAME_PIXELS:
                raise BadInput(self.where, f"frames of {stream.width} x {stream.height} pixels are too large")
            stream.thread_type = "SLICE"  # frame threads would hand broken frames over late
            for packet in self._packets(container, stream):
                try:
                    frames = packet.decode()
                except av.FFmpegError:
                    self.broken += 1
                    continue
                for frame in frames:
                    if frame.is_corrupt:
                        self.broken += 1
                    elif frame.pts is not None:
                        self.decoded += 1
                        yield index, frame
                    index += 1

    def _packets(self, container: Any, stream: Any) -> Iterator[Any]:
        packets = container.demux(stream)
        while True:
            try:
                yield next(packets)
            except StopIteration:
                return
            except av.FFmpegError:
                self.broken += 1
                return


@contextmanager
def _aside(onlooker: Onlooker | None) -> Iterator[Onlooker]:
    """Let an onlooker look beside, a few frames behind at most; what it raises is raised here."""
    waiting: deque[Future[None]] = deque()

    def show(index: int, pts_s: float, frame: Any) -> None:
        if onlooker is not None:
            waiting.append(pool.submit(onlooker, index, pts_s, frame))
        if len(waiting) > BEHIND:
            waiting.popleft().result()

    with ThreadPoolExecutor(1) as pool:
        try:
            yield show
            while waiting:
                waiting.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)


def _time_s(frame: Any) -> float:
    return float(frame.pts * frame.time_base)


def to_colour(frame: Any) -> Grey:
    """Give a decoder's frame in colour (h, w, 3); of an interlaced one the first field, lines doubled."""
    pixels = np.asarray(frame.to_ndarray(format="rgb24"))
    if frame.interlaced_frame:
        pixels = np.repeat(pixels[::2], 2, axis=0)[: frame.height]
    return np.ascontiguousarray(pixels)


def to_jpeg(picture: Image.Image) -> bytes:
    """Encode a picture; same pixels, same bytes."""
    sink = io.BytesIO()
    picture.save(sink, "JPEG", quality=85)
    return sink.getvalue()
