"""Makes copies of Linux libraries smaller, for a bundle: what the loader never maps, and more.

PyTorch's library for graphics cards can't be left out of a bundle: `libtorch_python.so` takes
type information from it. What it needs and what it holds for graphics cards can: the libraries
that it names (2.9 GB), its code for the cards (`.nv_fatbin`), and the names for debuggers.
Functions of a library that was left out are looked up when they are called, and not before, where
Python was told so (`sys.setdlopenflags(os.RTLD_LAZY)`); such a call ends the program with the
name of the function. Nothing is put in the place of what went.

The format: the System V ABI, "Object files" and "Dynamic linking", for 64-bit little-endian files.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

PAGE = 4096
HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
SEGMENT = struct.Struct("<IIQQQQQQ")
SECTION = struct.Struct("<IIQQQQIIQQ")
PAIR = struct.Struct("<QQ")
SYMBOL = struct.Struct("<IBBHQQ")
NEED = struct.Struct("<HHIII")
LOAD, DYNAMIC, WEAK = 1, 2, 2
NEEDED, STRINGS, VERSIONS, VERSION_COUNT = 1, 5, 0x6FFFFFFE, 0x6FFFFFFF
ABOUT_VERSIONS = (VERSIONS, VERSION_COUNT, 0x6FFFFFF0)

Span = tuple[int, int]
"""A range of bytes in a file, the end not included."""


@dataclass
class Segment:
    """A program header, in the file's own order of fields."""

    kind: int
    flags: int
    offset: int
    address: int
    physical: int
    in_file: int
    in_memory: int
    align: int

    @property
    def end(self) -> int:
        return self.offset + self.in_file

    def pack(self) -> bytes:
        return SEGMENT.pack(*vars(self).values())

    def part(self, begin: int, end: int) -> Segment:
        """The part of a segment between two places of the file."""
        by = begin - self.offset
        beyond = self.in_memory - self.in_file if end == self.end else 0
        return Segment(
            self.kind, self.flags, begin, self.address + by, self.physical + by,
            end - begin, end - begin + beyond, self.align,
        )  # fmt: skip


class Library:
    """A shared library as bytes that can be changed; `write` gives the smaller file."""

    def __init__(self, path: Path) -> None:
        self.data = bytearray(path.read_bytes())
        facts = HEADER.unpack_from(self.data)
        if facts[0][:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{path} is no 64-bit library of Linux")
        self.table, self.sections_at = facts[5], facts[6]
        self.section_count, self.names_at = facts[12], facts[13]
        self.segments = [
            Segment(*SEGMENT.unpack_from(self.data, self.table + SEGMENT.size * i))
            for i in range(facts[10])
        ]

    # Reading.

    def sections(self) -> dict[str, Span]:
        """Each section that takes room in the file, by its name."""
        rows = [
            SECTION.unpack_from(self.data, self.sections_at + SECTION.size * i)
            for i in range(self.section_count)
        ]
        names = rows[self.names_at][4]
        return {self.text(names + r[0]): (r[4], r[4] + r[5]) for r in rows if r[1] not in (0, 8)}

    def text(self, at: int) -> str:
        return self.data[at : self.data.index(0, at)].decode()

    def place(self, address: int) -> int:
        """Where in the file lies what is at an address in memory."""
        for one in self.segments:
            if one.kind == LOAD and 0 <= address - one.address < one.in_file:
                return one.offset + address - one.address
        raise ValueError(f"no part of the file is at address {address:#x}")

    def dynamic(self) -> list[Span]:
        """The dynamic section: pairs of a tag and a value, up to the first of tag 0."""
        one = next(s for s in self.segments if s.kind == DYNAMIC)
        pairs = list(PAIR.iter_unpack(self.data[one.offset : one.end]))
        return pairs[: next(i for i, pair in enumerate(pairs) if not pair[0])]

    def needed(self) -> list[str]:
        """The libraries that this one is linked with."""
        strings = self.place(dict(self.dynamic())[STRINGS])
        return [self.text(strings + value) for tag, value in self.dynamic() if tag == NEEDED]

    # Changing.

    def forget(self, libraries: Collection[str]) -> None:
        """Is linked no longer with libraries, by their names, nor with their versions."""
        pairs = self.dynamic()
        strings = self.place(dict(pairs)[STRINGS])
        self.forget_versions(pairs, strings, libraries)
        kept = [
            (tag, value)
            for tag, value in pairs
            if tag != NEEDED or self.text(strings + value) not in libraries
        ]
        one = next(s for s in self.segments if s.kind == DYNAMIC)
        packed = b"".join(PAIR.pack(*pair) for pair in kept)
        self.data[one.offset : one.end] = packed.ljust(one.in_file, b"\0")

    def forget_versions(self, pairs: list[Span], strings: int, libraries: Collection[str]) -> None:
        """Leaves libraries out of the list of versions, which the loader compares with the other.

        Changes `pairs`, where the list begins later or is shorter than before.
        """
        values = dict(pairs)
        if VERSIONS not in values:
            return
        begin = self.place(values[VERSIONS])
        kept = [
            (at, need)
            for at, need in self.version_needs(begin)
            if self.text(strings + need[2]) not in libraries
        ]
        ends = [at for at, _ in kept[1:]]
        for number, (at, need) in enumerate(kept):
            step = ends[number] - at if number < len(ends) else 0
            NEED.pack_into(self.data, at, *need[:4], step)
        if kept:
            changed = {VERSIONS: values[VERSIONS] + kept[0][0] - begin, VERSION_COUNT: len(kept)}
            pairs[:] = [(tag, changed.get(tag, value)) for tag, value in pairs]
        else:
            pairs[:] = [pair for pair in pairs if pair[0] not in ABOUT_VERSIONS]

    def version_needs(self, at: int) -> Iterator[tuple[int, tuple[int, ...]]]:
        """Where each entry of the list of versions lies, and its fields."""
        while True:
            need = NEED.unpack_from(self.data, at)
            yield at, need
            if not need[4]:
                return
            at += need[4]

    def may_lack(self, word: str) -> list[str]:
        """Lets symbols with a word in their names be missing: then they are 0 instead of an error.

        Only those that the library takes from others. Returns their names.
        """
        strings = self.place(dict(self.dynamic())[STRINGS])
        begin, end = self.sections()[".dynsym"]
        found = []
        for at in range(begin, end, SYMBOL.size):
            name, info, other, section, value, size = SYMBOL.unpack_from(self.data, at)
            if not section and word in self.text(strings + name):
                SYMBOL.pack_into(
                    self.data, at, name, WEAK << 4 | info & 15, other, section, value, size
                )
                found.append(self.text(strings + name))
        return found

    # Writing.

    def write(self, path: Path, without: Collection[str] = ()) -> None:
        """Writes the file without the sections named, and without all that is never mapped.

        The list of sections, which only debuggers read, goes too. Where a section went there is no
        memory behind its addresses: to read it ends the program.
        """
        spans = self.sections()
        gone = sorted([*self.unmapped(), *(whole_pages(spans[n]) for n in without if n in spans)])
        segments = [part for one in self.segments for part in self.cut(one, gone)]
        self.make_room(len(segments), min(begin for begin, end in spans.values() if end > begin))
        for number, one in enumerate(segments):
            one.offset -= sum(end - begin for begin, end in gone if begin <= one.offset)
            begin = self.table + SEGMENT.size * number
            self.data[begin : begin + SEGMENT.size] = one.pack()
        facts = list(HEADER.unpack_from(self.data))
        facts[6], facts[10], facts[12], facts[13] = 0, len(segments), 0, 0
        HEADER.pack_into(self.data, 0, *facts)
        with path.open("wb") as file:
            at = 0
            for begin, end in gone:
                file.write(self.data[at:begin])
                at = end
            file.write(self.data[at:])

    def unmapped(self) -> list[Span]:
        """Whole pages of the file that belong to no segment that is loaded."""
        loaded = sorted((s.offset, s.end) for s in self.segments if s.kind == LOAD and s.in_file)
        gaps, at = [], 0
        for begin, end in [*loaded, (len(self.data), len(self.data))]:
            if begin > at:
                gaps.append(whole_pages((at, begin)))
            at = max(at, end)
        return [(begin, end) for begin, end in gaps if end > begin]

    def cut(self, one: Segment, gone: list[Span]) -> list[Segment]:
        """A segment in the parts that are left of it."""
        parts = [one]
        for begin, end in gone if one.kind == LOAD else []:
            last = parts[-1]
            if begin < last.end and end > last.offset:
                ends = [(last.offset, begin), (end, last.end)]
                parts[-1:] = [last.part(*span) for span in ends if span[0] < span[1]]
        return parts

    def make_room(self, count: int, first: int) -> None:
        """Raises ValueError where so many program headers don't fit before the first section."""
        if count > len(self.segments) and self.table + SEGMENT.size * count > first:
            raise ValueError("there is no room in the file for one more segment")


def whole_pages(span: Span) -> Span:
    """The whole pages inside a range: what is left keeps its place within its page."""
    return -(-span[0] // PAGE) * PAGE, span[1] // PAGE * PAGE
