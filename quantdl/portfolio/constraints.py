"""What a book must keep, as rows of a program, and which of these contradict each other where no book keeps all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from quantdl.portfolio.interior_point import Rows
from quantdl.portfolio.limits import Limits

_DENSE = 40_000  # entries up to which a dense matrix is faster than a sparse one


class InfeasibleError(ValueError):
    """No book keeps all constraints.

    Attributes:
        colliding: Constraints of which any one less would leave room; the message holds them too.
    """

    def __init__(self, colliding: Sequence[str]) -> None:
        self.colliding = tuple(colliding)
        super().__init__(f"no book keeps all of these at once: {'; '.join(self.colliding)}. Loosen one of them.")


@dataclass(frozen=True, eq=False)
class TradingTerms:
    """What changing the book costs an optimiser, and how much of it may change.

    Attributes:
        current: (A,) weights held now, drifted with prices since they were chosen.
        cost_fraction: Cost of trading one unit of weight, each way.
        turnover_penalty: Extra price per unit of weight traded, beyond its cost, that damps churning.
        max_turnover: Largest sum of absolute changes of weights, sales and purchases together; None for no cap.
    """

    current: np.ndarray
    cost_fraction: float
    turnover_penalty: float
    max_turnover: float | None = None

    @property
    def price(self) -> float:
        """What a unit of weight traded costs the objective."""
        return self.cost_fraction + self.turnover_penalty


@dataclass(frozen=True, eq=False)
class Constraints:
    """Rows ``matrix @ x <= most`` and the budget ``total @ x == invested``; x begins with the weights.

    Attributes:
        n_assets: Number of weights, which come first in x.
        matrix: (M, N) sparse.
        most: (M,).
        label: (M,) which of ``names`` each row belongs to.
        names: In words, the budget last; empty for rows that only define an unknown.
        invested: Sum of the weights.
    """

    n_assets: int
    matrix: sparse.csr_array
    most: np.ndarray
    label: np.ndarray
    names: tuple[str, ...]
    invested: float

    @property
    def total(self) -> np.ndarray:
        """(N,) row of the budget."""
        return np.where(np.arange(self.matrix.shape[1]) < self.n_assets, 1.0, 0.0)

    def rows(self) -> Rows:
        """Return the rows for the solver."""
        small = self.matrix.shape[0] * self.matrix.shape[1] <= _DENSE
        return Rows(self.matrix.toarray() if small else self.matrix, self.most, np.full(len(self.most), np.inf))

    def with_row(self, row: np.ndarray, most: float, name: str) -> "Constraints":
        """Return these and one more row (A,) on the weights."""
        wide = sparse.csr_array(np.concatenate([row, np.zeros(self.matrix.shape[1] - self.n_assets)])[None])
        return replace(
            self,
            matrix=sparse.csr_array(sparse.vstack([self.matrix, wide])),
            most=np.append(self.most, most),
            label=np.append(self.label, len(self.names) - 1),
            names=(*self.names[:-1], name, self.names[-1]),
        )

    def colliding(self) -> tuple[str, ...]:
        """Return constraints that no book keeps at once, and of which none can be left out; none where a book does.

        References:
            | Minimal infeasible subsystems and Benders cuts: the deletion filter of Chinneck and Dravnieks (1991),
            | https://doi.org/10.1287/ijoc.3.2.157
        """
        kept = set(range(len(self.names)))
        if self._is_kept(kept):
            return ()
        for number, name in enumerate(self.names):
            if name and not self._is_kept(kept - {number}):
                kept.remove(number)
        return tuple(self.names[number] for number in sorted(kept) if self.names[number])

    def _is_kept(self, names: set[int]) -> bool:
        counted = np.isin(self.label, list(names))
        with_budget = len(self.names) - 1 in names
        found = linprog(
            np.zeros(self.matrix.shape[1]),
            A_ub=self.matrix[counted] if counted.any() else None,
            b_ub=self.most[counted] if counted.any() else None,
            A_eq=self.total[None] if with_budget else None,
            b_eq=[self.invested] if with_budget else None,
            bounds=(None, None),
            method="highs",
        )
        return int(found.status) != 2


def book_constraints(limits: Limits, present: np.ndarray, invested: float, terms: TradingTerms | None) -> Constraints:
    """Return what a book of the present assets must keep.

    Args:
        limits: The caps on weights; those on predicted shortfall are for `within_risk_budget`.
        present: (A,) bool, assets that may be held. The others are sold, which is part of the turnover.
        invested: Sum of the weights.
        terms: With a cap on turnover, where there is one.

    Raises:
        ValueError: If shapes do not match or the turnover cap is negative.
        InfeasibleError: If ``invested`` exceeds a cap by itself, or what must be sold exceeds that on turnover.
    """
    _check_reach(limits, invested)
    count = int(present.sum())
    build = _Builder(count)
    asset = sparse.eye_array(count, format="csr")
    if limits.long_only:
        build.add(-asset, np.zeros(count), "no weight is negative")
        size = build.weights
    else:
        build.add(-asset, np.full(count, limits.max_weight), f"no weight below -{limits.max_weight:g} (max_weight)")
        size = build.sizes(np.zeros(count))
        build.add(size.sum(axis=0)[None], np.array([limits.max_gross]), f"max_gross {limits.max_gross:g}")
    build.add(asset, np.full(count, limits.max_weight), f"no weight above {limits.max_weight:g} (max_weight)")
    for group in np.unique(limits.group_of[present]):
        inside = np.flatnonzero(limits.group_of[present] == group)
        gross, net = limits.max_group_gross, limits.max_group_net
        name = limits.group_names[group]
        if gross < limits.max_gross:
            build.add(size[inside].sum(axis=0)[None], np.array([gross]), f"max_group_gross {gross:g} of {name}")
        if net < min(gross, limits.max_gross):
            both = np.vstack([asset[inside].sum(axis=0), -asset[inside].sum(axis=0)])
            build.add(both, np.full(2, net), f"max_group_net {net:g} of {name}")
    if terms is not None and terms.max_turnover is not None:
        _add_turnover(build, terms, terms.max_turnover, present)
    return build.constraints(invested)


def _check_reach(limits: Limits, invested: float) -> None:
    budget = f"the weights add to {invested:g} (invested)"
    if abs(invested) > limits.max_gross:
        raise InfeasibleError([f"max_gross {limits.max_gross:g}", budget])
    if abs(invested) > limits.max_net:
        raise InfeasibleError([f"max_net {limits.max_net:g}", budget])


def _add_turnover(build: "_Builder", terms: TradingTerms, cap: float, present: np.ndarray) -> None:
    if not cap >= 0:
        raise ValueError(f"max_turnover must not be negative, got {cap}.")
    sold = float(np.abs(terms.current[~present]).sum())
    if sold > cap:
        raise InfeasibleError([f"max_turnover {cap:g}", f"holdings of {sold:.4g} without a forecast must be sold"])
    changed = build.sizes(terms.current[present])
    build.add(changed.sum(axis=0)[None], np.array([cap - sold]), f"max_turnover {cap:g}")


class _Builder:
    """Collects rows on the weights and on sizes: unknowns that are at least the distance of a weight from a value."""

    def __init__(self, count: int) -> None:
        self.count, self.width = count, count
        self.matrices: list[sparse.csr_array] = []
        self.most: list[np.ndarray] = []
        self.names: list[str] = []
        self.label: list[np.ndarray] = []

    @property
    def weights(self) -> sparse.csr_array:
        return sparse.csr_array(sparse.eye_array(self.count, self.width))

    def sizes(self, values: np.ndarray) -> sparse.csr_array:
        """Return (A, N) rows that read off new unknowns, at least |weight - value| each."""
        begin, self.width = self.width, self.width + self.count
        size = sparse.csr_array(sparse.eye_array(self.count, self.width, k=begin))
        rows = sparse.vstack([self.weights - size, -self.weights - size])
        self.add(rows, np.concatenate([values, -values]), "")  # a definition, never left out
        return size

    def add(self, rows: sparse.csr_array | np.ndarray, most: np.ndarray, name: str) -> None:
        self.matrices.append(sparse.csr_array(rows))
        self.most.append(most)
        self.label.append(np.full(len(most), len(self.names)))
        self.names.append(name)

    def constraints(self, invested: float) -> Constraints:
        wide = [sparse.csr_array((m.data, m.indices, m.indptr), shape=(m.shape[0], self.width)) for m in self.matrices]
        names = (*self.names, f"the weights add to {invested:g} (invested)")
        matrix = sparse.csr_array(sparse.vstack(wide))
        return Constraints(self.count, matrix, np.concatenate(self.most), np.concatenate(self.label), names, invested)
