"""Convex quadratic programs with many penalised rows, to the last digits: a primal-dual interior-point method.

A general solver keeps an unknown and a row for the excess of every draw over the threshold. Here excesses are
eliminated in closed form, so that a step costs a factorisation in the number of assets, however many draws there are.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from scipy.linalg import LinAlgError
from scipy.linalg.lapack import dpotrf, dpotrs

Matrix = Any  # a numpy array, or a sparse one, which scipy has no types for

_MOST_STEPS = 100  # ten to thirty are usual
_TO_THE_EDGE = (0.95, 0.8)  # of the way to where a slack or a price would be zero; the shorter if rounding ends the way
_NEGLIGIBLE = 1e-12  # of the stiffest row: such a row bends nothing that could be seen
_REFINED = 4  # solutions of one set of equations, each of what the ones before left
_ENOUGH = 1e-7  # a gap at which the point reached is taken where rounding ends the way
_HOPELESS = 1e14  # products of slacks and prices grow so large only where rows contradict each other


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows ``matrix @ x <= most``; a row with a finite price may be exceeded, at that price a unit.

    Attributes:
        matrix: (M, N), a numpy array or a sparse one of scipy.
        most: (M,).
        price: (M,) positive, infinite for a row that must hold.
    """

    matrix: Matrix
    most: np.ndarray
    price: np.ndarray


@dataclass(frozen=True, eq=False)
class QuadraticProgram:
    r"""Least of :math:`\tfrac12 x^\top P x + q^\top x + \sum_i c_i (g_i^\top x - h_i)_+`, equalities :math:`Ex = f`.

    Attributes:
        curvature: (N, N) positive semidefinite, or None where the objective is linear.
        slope: (N,).
        rows: Blocks of rows; each unknown must appear in one of them or in the curvature.
        equalities: (K, N), linearly independent.
        equal_to: (K,).
    """

    curvature: np.ndarray | None
    slope: np.ndarray
    rows: tuple[Rows, ...]
    equalities: np.ndarray
    equal_to: np.ndarray


def solve(program: QuadraticProgram, start: np.ndarray, gap: float = 1e-10) -> np.ndarray | None:
    """Return the (N,) optimum, or None where no step leads nearer: then the rows contradict each other, as a rule.

    Mehrotra's predictor and corrector. The threshold and the weights of a shortfall should be of order one, as should
    the objective: whoever calls it scales.

    Args:
        program: What is to be solved.
        start: (N,) any point; a feasible one is not needed.
        gap: At which the search ends: difference between the objective and its bound by duality, and what is missed of
            any row or derivative, as a part of one plus the objective.

    References:
        | On the implementation of a primal-dual interior point method (Mehrotra, 1992), https://doi.org/10.1137/0802028
        | Primal-Dual Interior-Point Methods (Wright, 1997)
    """
    for edge in _TO_THE_EDGE:
        found, least = _followed(_Iterate.first(program, start), gap, edge)
        if least < _ENOUGH:
            return found.x
    return None


def _followed(state: "_Iterate", gap: float, edge: float) -> "tuple[_Iterate, float]":
    """Return the best iterate on the way, and its distance."""
    best, least = state, state.distance
    for _ in range(_MOST_STEPS):
        factor = _Factor.of(state)
        if factor is None:
            break
        state = _stepped(state, factor, edge)
        distance = state.distance
        if not distance < _HOPELESS:
            break
        if distance < least:
            best, least = state, distance
        if least < gap or (least < _ENOUGH and distance > 10.0 * least):
            break
    return best, least


def _stepped(state: "_Iterate", factor: "_Factor", edge: float) -> "_Iterate":
    """Predict how far the way to the optimum leads, then go there, bent towards the middle of what is allowed."""
    to_zero = [-b.slack * b.dual for b in state.blocks], [-b.over * b.rest for b in state.blocks]
    predicted = factor.step(state, *to_zero)
    left = state.moved(predicted, state.reach(predicted)).complementarity / state.complementarity
    target = min(left, 1.0) ** 3 * state.complementarity / state.n_pairs
    step = factor.step(state, *_corrected(state, predicted, target))
    return state.moved(step, min(1.0, edge * state.reach(step)))


@dataclass(frozen=True, eq=False)
class _Block:
    """Rows at an iterate: slack below the bound plus what exceeds it, that excess, and their prices.

    ``slack`` and ``dual`` belong to the bound; ``over`` and ``rest``, the price not used, to the excess. Rows that must
    hold have no excess: there ``over`` is zero and ``rest`` one, so that their products vanish.
    """

    rows: Rows
    soft: np.ndarray
    slack: np.ndarray
    dual: np.ndarray
    over: np.ndarray
    rest: np.ndarray

    def residual(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.rows.matrix @ x - self.rows.most - self.over + self.slack)

    @property
    def stiffness(self) -> np.ndarray:
        return np.asarray(self.dual * self.rest / (self.slack * self.rest + self.over * self.dual))


@dataclass(frozen=True, eq=False)
class _Step:
    x: np.ndarray
    y: np.ndarray
    slack: list[np.ndarray]
    dual: list[np.ndarray]
    over: list[np.ndarray]


@dataclass(frozen=True, eq=False)
class _Iterate:
    program: QuadraticProgram
    x: np.ndarray
    y: np.ndarray
    blocks: tuple[_Block, ...]

    @staticmethod
    def first(program: QuadraticProgram, start: np.ndarray) -> "_Iterate":
        blocks = []
        for rows in program.rows:
            soft = np.isfinite(rows.price)
            beyond = np.asarray(rows.matrix @ start - rows.most)
            over = np.where(soft, np.maximum(beyond, 0.0) + 1.0, 0.0)
            slack = np.where(soft, over - beyond, np.maximum(-beyond, 0.1))
            dual = np.where(soft, 0.5 * np.where(soft, rows.price, 0.0), 1.0)
            blocks.append(_Block(rows, soft, slack, dual, over, np.where(soft, dual, 1.0)))
        return _Iterate(program, start, np.zeros(len(program.equal_to)), tuple(blocks))

    @property
    def n_pairs(self) -> int:
        return sum(len(b.slack) + int(b.soft.sum()) for b in self.blocks)

    @property
    def complementarity(self) -> float:
        return sum(float(b.slack @ b.dual + b.over @ b.rest) for b in self.blocks)

    @property
    def gradient(self) -> np.ndarray:
        """(N,) of the Lagrangian."""
        program = self.program
        found = program.slope + program.equalities.T @ self.y
        if program.curvature is not None:
            found = found + program.curvature @ self.x
        for block in self.blocks:
            found = found + block.rows.matrix.T @ block.dual
        return np.asarray(found)

    @property
    def distance(self) -> float:
        """How far from the optimum, as a part of one plus the objective: the gap, or the condition missed most."""
        program = self.program
        size = 1.0 + abs(float(program.slope @ self.x))
        if program.curvature is not None:
            size += 0.5 * float(self.x @ program.curvature @ self.x)
        missed = [np.abs(self.gradient).max(), np.abs(program.equalities @ self.x - program.equal_to).max(initial=0.0)]
        missed += [np.abs(block.residual(self.x)).max(initial=0.0) for block in self.blocks]
        return float(max(self.complementarity, *missed)) / size

    def reach(self, step: _Step) -> float:
        """Return the part of the step, at most one, at which the first slack or price is zero."""
        part = 1.0
        for block, slack, dual, over in zip(self.blocks, step.slack, step.dual, step.over, strict=True):
            part = min(part, _until_zero(block.slack, slack), _until_zero(block.dual, dual))
            soft = block.soft
            part = min(part, _until_zero(block.over[soft], over[soft]), _until_zero(block.rest[soft], -dual[soft]))
        return part

    def moved(self, step: _Step, part: float) -> "_Iterate":
        blocks = tuple(
            _Block(
                block.rows,
                block.soft,
                block.slack + part * slack,
                block.dual + part * dual,
                block.over + part * over,
                np.where(block.soft, block.rest - part * dual, 1.0),
            )
            for block, slack, dual, over in zip(self.blocks, step.slack, step.dual, step.over, strict=True)
        )
        return _Iterate(self.program, self.x + part * step.x, self.y + part * step.y, blocks)


def _until_zero(values: np.ndarray, changes: np.ndarray) -> float:
    falling = changes < 0
    return float((-values[falling] / changes[falling]).min(initial=1.0))


def _corrected(state: _Iterate, predicted: _Step, target: float) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return what the products of slacks and prices are to change by: to the target, less their second order."""
    first, second = [], []
    for block, slack, dual, over in zip(state.blocks, predicted.slack, predicted.dual, predicted.over, strict=True):
        first.append(target - block.slack * block.dual - slack * dual)
        second.append(np.where(block.soft, target - block.over * block.rest + over * dual, 0.0))
    return first, second


@dataclass(frozen=True, eq=False)
class _Factor:
    """The equations of a step, factorised: of the curvature with all rows, and of the equalities."""

    whole: np.ndarray
    scale: np.ndarray
    curvature: np.ndarray
    equalities: np.ndarray
    solved: np.ndarray
    of_equalities: np.ndarray
    stiffness: list[np.ndarray]

    @staticmethod
    def of(state: _Iterate) -> "_Factor | None":
        program, stiffness = state.program, [block.stiffness for block in state.blocks]
        whole = np.zeros((len(state.x),) * 2) if program.curvature is None else program.curvature.copy()
        for block, stiff in zip(state.blocks, stiffness, strict=True):
            whole += _weighted_square(block.rows.matrix, stiff, ~block.soft)
        scale = 1.0 / np.sqrt(np.maximum(np.diag(whole), 1e-300))
        scaled, diagonal = whole * scale * scale[:, None], np.arange(len(whole))
        for ridge in (1e-14, 1e-12, 1e-10, 1e-8, 1e-6):
            scaled[diagonal, diagonal] = 1.0 + ridge
            try:
                curvature = _root(scaled)
                solved = scale[:, None] * _of_root(curvature, scale[:, None] * program.equalities.T)
                across = _root(program.equalities @ solved)
            except (LinAlgError, ValueError):
                continue
            return _Factor(whole, scale, curvature, program.equalities, solved, across, stiffness)
        return None

    def step(self, state: _Iterate, first: list[np.ndarray], second: list[np.ndarray]) -> _Step:
        """Solve for the step that changes the products of slacks and prices by ``first`` and ``second``."""
        program, push, wanted = state.program, [], -state.gradient
        for block, stiff, one, two in zip(state.blocks, self.stiffness, first, second, strict=True):
            push.append(block.residual(state.x) + one / block.dual - two / block.rest)
            wanted = wanted - block.rows.matrix.T @ (stiff * push[-1])
        x, y = self._solved(wanted, program.equal_to - self.equalities @ state.x)
        dual = [
            stiff * (block.rows.matrix @ x + pushed)
            for block, stiff, pushed in zip(state.blocks, self.stiffness, push, strict=True)
        ]
        parts = list(zip(state.blocks, dual, first, second, strict=True))
        slack = [(one - block.slack * change) / block.dual for block, change, one, _ in parts]
        over = [np.where(block.soft, (two + block.over * change) / block.rest, 0.0) for block, change, _, two in parts]
        return _Step(x, y, slack, dual, over)

    def _solved(self, wanted: np.ndarray, missing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Solve for the unknowns and the prices of equalities, refined until rounding is all that is left."""
        x, y = np.zeros(len(wanted)), np.zeros(len(missing))
        left, open_ = wanted, missing
        error = np.inf
        for _ in range(_REFINED):
            free = self.scale * _of_root(self.curvature, self.scale * left)
            more = _of_root(self.of_equalities, self.equalities @ free - open_)
            nearer, prices = x + free - self.solved @ more, y + more
            left = wanted - self.whole @ nearer - self.equalities.T @ prices
            open_ = missing - self.equalities @ nearer
            now = float(np.abs(self.scale * left).max() + np.abs(open_).max(initial=0.0))
            if not now < error:
                break
            x, y, error = nearer, prices, now
        return x, y


def _root(matrix: np.ndarray) -> np.ndarray:
    """Return the lower Cholesky factor, without the checks of `scipy.linalg.cho_factor`: matrices are small and many.

    Raises:
        LinAlgError: If the matrix is not positive definite, or holds NaN.
    """
    root, failed = dpotrf(matrix, lower=True)
    if failed:
        raise LinAlgError("the matrix is not positive definite")
    return np.asarray(root)


def _of_root(root: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return the solution of equations whose matrix has this Cholesky factor."""
    return np.asarray(dpotrs(root, values, lower=True)[0]) if len(root) else values


def _weighted_square(matrix: Matrix, weights: np.ndarray, always: np.ndarray) -> np.ndarray:
    """Return G'DG, without penalised rows that bend nothing; others may be all that bends an unknown."""
    if sparse.issparse(matrix):
        scaled = matrix.multiply(np.sqrt(weights)[:, None]).tocsr()
        return np.asarray((scaled.T @ scaled).toarray())
    counted = always | (weights > _NEGLIGIBLE * weights.max(initial=0.0))
    scaled = matrix[counted] * np.sqrt(weights[counted])[:, None]
    return np.asarray(scaled.T @ scaled)
