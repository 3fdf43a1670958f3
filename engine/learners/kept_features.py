"""Features that are read when they are asked for, so that those of all images need no memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from typing import Generic, TypeVar

from torch import Tensor

Of = TypeVar("Of", bound=Sized)
Read = Callable[[Sequence[str]], Tensor]
"""The features (images, views, width) of images, by their hashes."""


class KeptFeatures(Mapping[int, Tensor], Generic[Of]):
    """Features (images, views, width) of each class's images, made by `read` from what there is of
    the class each time that they are asked for: one class at a time is in memory. `of` has hashes,
    or features to be seen in another way."""

    def __init__(self, of: Mapping[int, Of], read: Callable[[Of], Tensor]) -> None:
        self.of, self.read = of, read

    def __getitem__(self, number: int) -> Tensor:
        return self.read(self.of[number])

    def __iter__(self) -> Iterator[int]:
        return iter(self.of)

    def __len__(self) -> int:
        return len(self.of)


class InParts:
    """Features (images, views, width) of images in one order, read part by part."""

    def __init__(self, images: Sequence[str], read: Read) -> None:
        self.images, self.read = images, read

    def __len__(self) -> int:
        return len(self.images)

    def split(self, size: int) -> Iterator[Tensor]:
        """As Tensor.split, one part in memory at a time."""
        return (self.read(self.images[at : at + size]) for at in range(0, len(self), size))

    def some(self, places: Tensor) -> Tensor:
        """The features of images at these places."""
        return self.read([self.images[place] for place in places.tolist()])


def images_in(features: Mapping[int, Sized]) -> int:
    """How many images there are in all classes; nothing is read for it."""
    while isinstance(features, KeptFeatures):
        features = features.of
    return sum(map(len, features.values()))
