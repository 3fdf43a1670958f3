"""Live heads of learners that solve with a sum of products: a low-rank update for each act.

Such a head is W = B^-1 T, with B = u I + w (sum of r r') for rows r that images bring, and a column
of T for each class. By the Woodbury identity, with G = B0^-1 R and Z = B0^-1 T for an earlier B0,

    B^-1 T = Z - G (D / w + R'G)^-1 R'Z,    D = diag(+1 for a row that came, -1 for one that went)

so an act costs a solve for its rows and its class, O(d^2), and one product of each with the images
that wait. While rows are few B0 is u I, which is no solve at all; later it is decomposed anew after
MOST rows, or when there are twice as many images as then.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor
from torch.linalg import cholesky

from engine.learners.live import Live
from engine.learners.sums import FLOAT, ClassSums

FEW = 256
"""So many rows are kept as they are, without a decomposition."""
MOST = 128
GROWTH = 2.0


class LiveLinear(Live):
    """`x` (images, width) float32 are the images that wait, as the solve sees them."""

    def __init__(self, known: ClassSums, products: Tensor, x: Tensor) -> None:
        self.known, self.x = known, x
        self.rows = torch.zeros(0, x.shape[1], dtype=FLOAT)
        self.signs = torch.zeros(0, dtype=FLOAT)
        self.owners = torch.zeros(0, dtype=torch.int64)
        self.products = products if products.numel() and bool(products.trace()) else None
        """The sum of r r' of all rows but `rows`; None while these are all there are."""
        self.lower: Tensor | None = None
        self.g = self.xg = self.inner = x[:0]
        """G and its product with the images that wait, as rows, and R'G."""
        self.z: dict[int, Tensor] = {}
        self.xz: dict[int, Tensor] = {}
        """Z of each class, and Z and G times the images that wait."""
        self._solved: tuple[Tensor, Tensor, float, Tensor] | None = None
        self.rebase()

    # What a learner says of itself.

    @property
    @abstractmethod
    def weight(self) -> float:
        """w, by which the products count."""

    @abstractmethod
    def ridge(self, trace: float) -> float:
        """u, from the trace of all products; 1 where there are none."""

    @abstractmethod
    def target(self, number: int) -> Tensor:
        """A class's column of T."""

    @abstractmethod
    def scale(self) -> float:
        """What the logits are multiplied by."""

    has_bias = False
    """Whether half of t'B^-1 t is taken off, as for means."""
    sums_rows = False
    """Whether a class's column is the sum of its rows, Y'R. Then B^-1 T = R'(u D + R R')^-1 Y while
    B0 is u I, and nothing large is taken from what is as large."""

    # Rows in and out.

    @property
    def classes(self) -> tuple[int, ...]:
        return self.known.numbers

    @property
    def trace(self) -> float:
        held = float(self.products.trace()) if self.products is not None else 0.0
        return held + float((self.signs * self.rows.square().sum(dim=1)).sum())

    def take(self, rows: Tensor, sign: float, number: int) -> None:
        """Rows came with sign 1 or went with -1, and the class has another column."""
        self._solved = None
        self.rows = torch.cat([self.rows, rows])
        self.signs = torch.cat([self.signs, torch.full((len(rows),), sign, dtype=FLOAT)])
        self.owners = torch.cat([self.owners, torch.full((len(rows),), number)])
        images = int(self.known.n.sum()) if self.known.counts else 0
        grown = max(images, self.images) > GROWTH * min(images, self.images)
        if len(self.rows) > FEW or (self.products is not None and (len(self.rows) > MOST or grown)):
            self.rebase()
            return
        fresh = [self.solve(rows.T)] if len(rows) else []
        if number in self.known.counts:
            fresh.append(self.solve(self.target(number)[:, None]))
        if not fresh:
            return
        columns = torch.cat(fresh, dim=1)
        # One after the other: a product with few columns is slower than as many with one.
        asked = torch.stack([self.x @ column for column in columns.T.float().contiguous()])
        self.g = torch.cat([self.g, columns[:, : len(rows)].T])
        more = self.rows @ self.g[len(self.g) - len(rows) :].T
        left = more[: len(self.rows) - len(rows)].T  # R'G is symmetric
        self.inner = torch.cat([torch.cat([self.inner, left]), more], dim=1)
        self.xg = torch.cat([self.xg, asked[: len(rows)]])
        if number in self.known.counts:
            self.z[number], self.xz[number] = columns[:, -1], asked[-1]

    def forget_class(self, number: int) -> None:
        self._solved = None
        self.z.pop(number, None)
        self.xz.pop(number, None)

    def rebase(self) -> None:
        """Solves anew: what was kept of rows and classes is computed from where it is now."""
        self._solved = None
        if len(self.rows) > FEW or (self.products is not None and len(self.rows)):
            held = self.products if self.products is not None else 0.0
            self.products = held + self.rows.T @ (self.signs[:, None] * self.rows)
            self.rows, self.signs, self.owners = self.rows[:0], self.signs[:0], self.owners[:0]
        self.images = int(self.known.n.sum()) if self.known.counts else 0
        self.lower = None
        if self.products is not None:
            base = self.weight * self.products
            base.diagonal().add_(self.ridge(self.trace))
            self.lower = cholesky(base)
        self.g = self.solve(self.rows.T).T
        self.inner = self.rows @ self.g.T
        self.xg = (self.x @ self.g.T.float()).T.contiguous()
        self.z, self.xz = {}, {}
        if self.known.numbers:
            columns = self.solve(torch.stack([self.target(n) for n in self.known.numbers]).T)
            self.z = dict(zip(self.known.numbers, columns.T, strict=True))
            self.xz = dict(zip(self.known.numbers, (self.x @ columns.float()).T, strict=True))

    def solve(self, columns: Tensor) -> Tensor:
        """B0^-1 times columns; times u where B0 is u I."""
        return torch.cholesky_solve(columns, self.lower) if self.lower is not None else columns

    # Answers.

    def solved(self) -> tuple[Tensor, Tensor, float, Tensor]:
        """As `solve_now`, once for all that is asked between two acts."""
        if self._solved is None:
            self._solved = self.solve_now()
        return self._solved

    def solve_now(self) -> tuple[Tensor, Tensor, float, Tensor]:
        """Z and the coefficients of G for each class, as rows; what both are divided by; t'B^-1 t.

        B^-1 T is (Z - G times the coefficients) / the divisor.
        """
        z = torch.stack([self.z[n] for n in self.known.numbers])
        trace = self.trace
        u = self.ridge(trace) if self.lower is None else 1.0
        t = torch.stack([self.target(n) for n in self.known.numbers])
        if not len(self.rows) or not self.weight or trace <= 0:
            return z, torch.zeros(len(z), 0, dtype=FLOAT), u, (t * z).sum(dim=1) / u
        inner = self.inner.clone()
        inner.diagonal().add_(self.signs * (u / self.weight))
        if self.sums_rows and self.lower is None:
            y = (self.owners[:, None] == torch.tensor(self.known.numbers)).to(FLOAT)
            return torch.zeros_like(z), -u * torch.linalg.solve(inner, y).T, u, t[:, 0]
        rz = self.rows @ z.T
        k = torch.linalg.solve(inner, rz)
        own = (t * z).sum(dim=1) - (t @ self.g.T * k.T).sum(dim=1)
        return z, k.T, u, own / u

    def flat(self, trace: float) -> bool:
        """Whether no row has any length, beyond rounding."""
        size = (self.known.means.square().sum(dim=1) * self.known.n).sum()
        return trace <= 1e-13 * float(size)

    def logits(self) -> Tensor:
        """Of all rows that wait, float32 (rows, classes), as the learner's own head gives them."""
        if not self.known.counts:
            return torch.zeros(len(self.x), 0)
        _, k, u, own = self.solved()
        found = torch.stack([self.xz[n] for n in self.known.numbers])
        if self.sums_rows and self.lower is None and k.shape[1]:
            found.zero_()
        if k.shape[1]:
            found.addmm_(k.float(), self.xg, alpha=-1)
        found *= self.scale() / u
        if self.has_bias:
            found -= (self.scale() * own / 2).float()[:, None]
        return found.T

    def asked(self, features: Tensor) -> Tensor:
        x = self.seen(features)
        if not self.known.counts:
            return torch.zeros(len(x), 0)
        z, k, u, own = self.solved()
        weights = (z - k @ self.g) if k.shape[1] else z
        found = x @ weights.T * (self.scale() / u)
        return found - self.scale() * own / 2 if self.has_bias else found

    @abstractmethod
    def seen(self, features: Tensor) -> Tensor:
        """Features (images, views, width) as the solve sees them: float64 (images, width)."""
