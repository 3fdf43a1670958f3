"""Checked images: a file becomes an image that was read whole and once, or a reason why not."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import threading
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from engine.errors import UnusableImage
from engine.images.effort import check_effort
from engine.images.exif import Taken, taken
from engine.images.formats import BROKEN, FORMATS, HEAD, promise, why_no_image
from engine.images.heic import EXTRA, opens_heic
from engine.images.preprocess import preprocess
from engine.images.rgb import small_rgb
from engine.images.thumbnail import as_jpeg, perceptual_hash, thumbnail

if TYPE_CHECKING:
    from engine.images.preprocess import Preprocessing


PIXEL_CAP = 200_000_000
BYTE_CAP = 2 << 30
LEAST_SIDE = 8
MOST_ASPECT = 20
TOO_LARGE = f"This image has more than {PIXEL_CAP // 1_000_000} megapixels. Save it smaller."
BIG = 32_000_000
"""Images of more pixels than this are decoded one at a time, whatever the number of threads."""

# Pillow raises above twice its own limit, before it takes the memory, and warns above it once.
Image.MAX_IMAGE_PIXELS = PIXEL_CAP // 2

ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

WHOLE = 1 << 30
"""More pixels than any image has: it is decoded at its full size."""

one_big_image = threading.Lock()

Jpeg = bytes
"""By another name: an image has a field `bytes`."""


@dataclass(frozen=True, eq=False)
class CheckedImage:
    """A checked image. `width` and `height` are in pixels, as a person sees it (turned by EXIF).

    `thumb` is a JPEG, `phash` the perceptual hash of it in 16 hexadecimal digits, `pixels` what
    the network's normalisation takes: uint8 (size, size, 3), or None where none were asked for, or
    where another computer gave `features`, float32 (views, width), in their place.
    """

    sha256: str
    width: int
    height: int
    bytes: int
    thumb: Jpeg
    phash: str
    note: str
    pixels: np.ndarray | None
    taken: Taken
    features: np.ndarray | None = None

    @property
    def seen(self) -> np.ndarray:
        """The pixels of an image that was opened for a network."""
        assert self.pixels is not None
        return self.pixels


def open_image(path: Path, preprocessing: Preprocessing | None, thumb: int = 160) -> CheckedImage:
    """Reads, hashes and decodes one file, once.

    The thumbnail's longer side has at most `thumb` pixels. Raises UnusableImage with the reason in
    plain words for whatever is not a whole image within the limits above.
    """
    return open_bytes(read(path), preprocessing, thumb, path)


def open_bytes(
    data: bytes, preprocessing: Preprocessing | None, thumb: int = 160, path: Path = Path()
) -> CheckedImage:
    """The same for bytes that are in memory, such as a pasted image."""
    silence_pillow()
    image = identify(data, path)
    full = checked_size(image.size)
    # Decoding at a fraction is for thumbnails alone. Its rounding moves what a network answers by
    # up to 0.03 (MobileNetV2, measured), and an exported file is given whole images.
    need = WHOLE if preprocessing else 2 * thumb
    with one_big_image if full[0] * full[1] > BIG else nullcontext():
        small, turned = decode(image, need)
    if turned >= 5 and image.format != "TIFF":  # Pillow gives the size of turned TIFFs itself
        full = full[::-1]
    said = taken(image)
    pixels = preprocess(small, preprocessing, full) if preprocessing else None
    little = thumbnail(small, thumb)
    return CheckedImage(
        sha256=hashlib.sha256(data).hexdigest(),
        width=full[0],
        height=full[1],
        bytes=len(data),
        thumb=as_jpeg(little),
        phash=perceptual_hash(little),
        note=", ".join(notes(image, turned)),  # last: it looks at other frames
        pixels=pixels,
        taken=said,
    )


def read(path: Path) -> bytes:
    """All bytes of a regular file. Pipes and devices are not opened: that could hang or act."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise UnusableImage("This is not a file with an image in it.")
        with open(path, "rb", buffering=0, opener=without_waiting) as file:
            size = os.fstat(file.fileno()).st_size
            if size > BYTE_CAP:
                raise UnusableImage("This file is larger than 2 GB. Save it smaller.")
            head = file.read(HEAD)
            if reason := why_no_image(head, path):
                raise UnusableImage(reason)
            return head + file.readall()
    except FileNotFoundError as error:
        raise UnusableImage("There is no file here now.") from error
    except PermissionError as error:
        raise UnusableImage("There is no permission to read this file.") from error
    except OSError as error:
        raise UnusableImage(f"This file can't be read ({error.strerror}).") from error


def without_waiting(path: str, flags: int) -> int:
    """An opener that does not wait for a writer, should the file have become a pipe by now."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def identify(data: bytes, path: Path) -> Image.Image:
    """The image with its header read, not yet decoded."""
    if reason := why_no_image(data[:HEAD], path):
        raise UnusableImage(reason)
    try:
        more = (EXTRA,) if opens_heic() else ()
        image = Image.open(io.BytesIO(data), formats=(*FORMATS, *more))
    except Image.DecompressionBombError as error:
        raise UnusableImage(TOO_LARGE) from error
    except BROKEN as error:
        promised = promise(path)
        what = (
            f"file is damaged or isn't {promised}" if promised else "is no image that can be read"
        )
        raise UnusableImage(f"This {what}. Save it anew as JPEG or PNG.") from error
    check_effort(image, data)
    return image


def checked_size(size: tuple[int, int]) -> tuple[int, int]:
    """The size, where images of it are taken."""
    width, height = size
    if width * height > PIXEL_CAP:
        raise UnusableImage(TOO_LARGE)
    if max(size) > MOST_ASPECT * min(size):
        raise UnusableImage(
            f"This image is {width} x {height} pixels, more than {MOST_ASPECT} times as long as "
            "wide. Crop it."
        )
    if min(size) < LEAST_SIDE:
        raise UnusableImage(
            f"This image is {width} x {height} pixels. Both sides must have at least {LEAST_SIDE}."
        )
    return size


def decode(image: Image.Image, need: int) -> tuple[Image.Image, int]:
    """The whole image decoded, RGB and turned, its shorter side at least `need` or as it was.

    JPEGs are decoded at 1/2, 1/4 or 1/8 where that is enough. Also gives the EXIF orientation
    that was undone, or 0. Frees what `image` held.
    """
    try:
        turned = orientation(image) if image.format == "TIFF" else 0
        image.draft(None, (need, need))
        image.load()
        small = small_rgb(image, max(min(image.size) // need, 1))
    except MemoryError as error:
        raise UnusableImage("There is not enough memory to open this image.") from error
    except BROKEN as error:
        raise UnusableImage(
            "This image is broken: a part of it is missing or damaged. Get it again."
        ) from error
    if image.format != "TIFF":  # Pillow turns TIFFs itself
        turned = orientation(image)
        small = small.transpose(TURNS[turned]) if turned else small
    return small, turned


def orientation(image: Image.Image) -> int:
    """The EXIF orientation, 2 to 8; 0 where the image stands upright or its EXIF is broken."""
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except BROKEN:
        return 0
    return value if isinstance(value, int) and value in TURNS else 0


def notes(image: Image.Image, turned: int) -> Iterator[str]:
    """What a person should know of how the image was read."""
    frames = frame_count(image)
    if frames > 1:
        yield f"first of {frames} {'pages' if image.format == 'TIFF' else 'frames'}"
    if turned:
        yield "turned by EXIF"


def frame_count(image: Image.Image) -> int:
    """How many frames the file has. Damage after the first one does not matter here.

    The second image that phones put behind a JPEG (a depth or brightness map) is no frame.
    """
    if image.format in ("JPEG", "MPO"):
        return 1
    try:
        return getattr(image, "n_frames", 1)
    except BROKEN:
        return 1


PILLOW = r"PIL\."


def silence_pillow() -> None:
    """Ignores Pillow's warnings (on odd EXIF, palettes, TIFF tags): the image is kept or refused.

    The filter is put first and stays: taking it out again, as warnings.catch_warnings does, would
    be seen by the other threads.
    """
    first = warnings.filters[0] if warnings.filters else None
    if not first or first[0] != "ignore" or getattr(first[3], "pattern", "") != PILLOW:
        warnings.filterwarnings("ignore", module=PILLOW)


Opened = tuple[Path, CheckedImage | UnusableImage]
Opener = Callable[[Iterable[Path]], Generator[Opened | None, None, None]]
"""Whoever opens images, in order; None now and then while none is ready."""


def open_many(
    paths: Iterable[Path], preprocessing: Preprocessing | None, threads: int = 2, thumb: int = 160
) -> Generator[Opened, None, None]:
    """Opens images in threads, ahead of the consumer, and gives them in the order of `paths`.

    At most 16 images a thread are held. Closing the generator stops the threads, after the
    image that each one is at, and waits for them.
    """
    stopped = threading.Event()

    def some(chunk: list[Path]) -> list[Opened]:
        return [
            (path, opened_or_reason(path, preprocessing, thumb))
            for path in chunk
            if not stopped.is_set()
        ]

    waiting = iter(paths)
    ahead: deque[Future[list[Opened]]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="pictures")
    try:
        while True:
            while len(ahead) < 8 * threads and (chunk := list(islice(waiting, 4))):
                ahead.append(pool.submit(some, chunk))
            if not ahead:
                return
            yield from ahead.popleft().result()
    finally:
        stopped.set()
        pool.shutdown(wait=True, cancel_futures=True)


def opened_or_reason(
    path: Path, preprocessing: Preprocessing | None, thumb: int
) -> CheckedImage | UnusableImage:
    try:
        return open_image(path, preprocessing, thumb)
    except UnusableImage as reason:
        return reason
