"""Features that are read when they are asked for, so that those of all images need no memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from torch import Tensor

Read = Callable[[Sequence[str]], Tensor]
"""The features (images, views, width) of images, by their hashes."""


class KeptFeatures(Mapping[int, Tensor]):
    """Features (images, views, width) of each class's images, read anew each time that they are
    asked for: one class at a time is in memory."""

    def __init__(self, images: Mapping[int, Sequence[str]], read: Read) -> None:
        self.images, self.read = images, read

    def __getitem__(self, number: int) -> Tensor:
        return self.read(self.images[number])

    def __iter__(self) -> Iterator[int]:
        return iter(self.images)

    def __len__(self) -> int:
        return len(self.images)


class Seen(Mapping[int, Tensor]):
    """As a mapping of features, each as `see` makes them, made when it is asked for."""

    def __init__(self, features: Mapping[int, Tensor], see: Callable[[Tensor], Tensor]) -> None:
        self.features, self.see = features, see

    def __getitem__(self, number: int) -> Tensor:
        return self.see(self.features[number])

    def __iter__(self) -> Iterator[int]:
        return iter(self.features)

    def __len__(self) -> int:
        return len(self.features)


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


def images_in(features: Mapping[int, Tensor]) -> int:
    """How many images there are in all classes; nothing is read for it."""
    if isinstance(features, KeptFeatures):
        return sum(map(len, features.images.values()))
    return sum(map(len, features.values()))
