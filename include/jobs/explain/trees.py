"""SHAP values of tree ensembles: exact, and quick enough for every row of a day.

What a tree says of a row depends only on which way the row goes at each of its splits. A tree is therefore
cut into cells, subtrees with so few splits (those on the way to the subtree counted) that every combination
of ways fits into a table. A table is filled once; a row then costs one look-up a cell, whatever the depth.

    tree ── cell ── table: ways at the cell's splits -> the SHAP value of each feature
         └─ cell ── ...

One leaf with value v, reached through the features P, adds to a row's feature i

    v (o_i - z_i) * integral over t from 0 to 1 of the product over j in P without i of (t o_j + (1 - t) z_j)

o_j is 1 where the row goes towards the leaf at all splits on j, else 0; z_j is the share of training rows
that do, as the splits' covers say ("path-dependent" SHAP: Lundberg, Erion and Lee 2018, arXiv:1802.03888).
The integral is that of the multilinear extension of a game (Owen 1972); it is of a polynomial, and Gauss's
quadrature gives it to the last bits.

The drawback: a tree with a leaf below more than MOST_SPLITS splits has no such table. XGBoost's own
implementation does those, in far more time (see jobs.explain.models).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import sparse

Numbers = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float32]

MOST_SPLITS = 10  # whose combinations make one table: 1024 rows
CHUNK = 4096  # rows at once, so that what is computed of them stays in the processor's cache


class TooDeep(ValueError):
    """A leaf lies below more splits than a table has room for."""


@dataclass(frozen=True)
class Tree:
    """A tree by its nodes, the root first. A row goes left where its feature is below the threshold."""

    left: npt.NDArray[np.int64]  # children by node; -1 at a leaf
    right: npt.NDArray[np.int64]
    feature: npt.NDArray[np.int64]
    threshold: npt.NDArray[np.float32]
    absent_left: npt.NDArray[np.bool_]  # where a row without a value goes
    cover: Numbers  # how many training rows, or the sum of their weights, came to the node
    value: Numbers  # what a leaf adds to the output
    output: int = 0  # to which one, of a model with several


@dataclass(frozen=True)
class Explained:
    """SHAP values: how much of each row's output each feature is, from the expected output on."""

    values: Numbers  # rows x features, or outputs x rows x features
    expected: Numbers  # the output without knowing anything of a row: one number an output


@dataclass(frozen=True)
class _Leaf:
    value: float
    slots: tuple[tuple[tuple[int, bool], ...], ...]  # by distinct feature: the cell's bits that must be so
    features: tuple[int, ...]
    shares: tuple[float, ...]  # z by distinct feature


@dataclass(frozen=True)
class _Cell:
    splits: tuple[int, ...]  # nodes; each is one bit of a row's code, 1 for left
    leaves: tuple[_Leaf, ...]


def explain(trees: Sequence[Tree], rows: Matrix, outputs: int = 1, threads: int = 2) -> Explained:
    """Exact SHAP values of the sum of trees.

    :param rows: rows x features, NaN where there is no value
    :param outputs: how many outputs the trees add to
    :raises TooDeep: of a tree that has no table
    """
    columns = np.ascontiguousarray(rows.T)
    absent = bool(np.isnan(columns).any())

    def share(some: Sequence[Tree]) -> tuple[Numbers, Numbers]:
        values = np.zeros((outputs, len(rows), rows.shape[1]))
        expected = np.zeros(outputs)
        for tree in some:
            _add(tree, columns, absent, values[tree.output])
            expected[tree.output] += _expected(tree)
        return values, expected

    with ThreadPoolExecutor(threads) as pool:  # numpy and scipy let go of the interpreter meanwhile
        parts = list(pool.map(share, [trees[start::threads] for start in range(threads)]))
    return Explained(
        np.sum([values for values, _ in parts], axis=0), np.sum([expected for _, expected in parts], axis=0)
    )


def _add(tree: Tree, columns: Matrix, absent: bool, values: Numbers) -> None:
    """Add what the tree says of each row."""
    if tree.left[0] < 0:
        return  # a tree of one leaf says the same of every row
    cells = list(_cells(tree))
    used = np.unique(tree.feature[tree.left >= 0])
    if 2 * len(used) >= len(columns):  # whole rows are added faster than most of one
        used = np.arange(len(columns))
    splits = sorted({split for cell in cells for split in cell.splits})
    place = {split: number for number, split in enumerate(splits)}
    table = np.vstack([_table(cell, used) for cell in cells])
    starts = np.cumsum([0, *(2 ** len(cell.splits) for cell in cells)])[:-1].astype(np.float32)
    powers = np.zeros((len(cells), len(splits)), dtype=np.float32)  # a cell's code is linear in the ways
    for number, cell in enumerate(cells):
        for bit, split in enumerate(cell.splits):
            powers[number, place[split]] = 2**bit
    weighted = sparse.csr_matrix(powers)  # sparse, and quicker than a BLAS that starts threads of its own
    feature, threshold = tree.feature[splits], tree.threshold[splits][:, None]
    absent_left = tree.absent_left[splits][:, None]
    for start in range(0, columns.shape[1], CHUNK):
        here = columns[:, start : start + CHUNK][feature]
        ways = here < threshold
        if absent:
            ways |= np.isnan(here) & absent_left
        # Exact: 32-bit floats hold every whole number up to 2^24, and a table has fewer rows.
        codes = (weighted @ ways.astype(np.float32) + starts[:, None]).T.astype(np.int32, order="C")
        count = len(codes)
        pointers = np.arange(count + 1, dtype=np.int32) * len(cells)
        chosen = sparse.csr_matrix(
            (np.ones(codes.size), codes.ravel(), pointers), shape=(count, len(table)), copy=False
        )
        if len(used) == len(columns):
            values[start : start + CHUNK] += chosen @ table
        else:
            values[start : start + CHUNK, used] += chosen @ table


def _cells(tree: Tree) -> Iterator[_Cell]:
    """The tree in as few cells as have room."""

    def inner(node: int) -> list[int]:
        if tree.left[node] < 0:
            return []
        return [node, *inner(int(tree.left[node])), *inner(int(tree.right[node]))]

    def below(node: int, path: list[tuple[int, bool]]) -> Iterator[_Cell]:
        splits = [split for split, _ in path] + inner(node)
        if len(splits) <= MOST_SPLITS:
            bit = {split: number for number, split in enumerate(splits)}
            yield _Cell(tuple(splits), tuple(_leaves(tree, node, path, bit)))
        elif tree.left[node] < 0:
            raise TooDeep(f"a leaf lies below {len(path)} splits; tables have room for {MOST_SPLITS}")
        else:
            yield from below(int(tree.left[node]), [*path, (node, True)])
            yield from below(int(tree.right[node]), [*path, (node, False)])

    return below(0, [])


def _leaves(tree: Tree, node: int, path: list[tuple[int, bool]], bit: dict[int, int]) -> Iterator[_Leaf]:
    if tree.left[node] >= 0:
        yield from _leaves(tree, int(tree.left[node]), [*path, (node, True)], bit)
        yield from _leaves(tree, int(tree.right[node]), [*path, (node, False)], bit)
        return
    slots: dict[int, list[tuple[int, bool]]] = {}
    shares: dict[int, float] = {}
    for split, goes_left in path:
        feature = int(tree.feature[split])
        slots.setdefault(feature, []).append((bit[split], goes_left))
        shares[feature] = shares.get(feature, 1.0) * _share(tree, split, goes_left)
    yield _Leaf(
        float(tree.value[node]), tuple(map(tuple, slots.values())), tuple(slots), tuple(shares.values())
    )


def _share(tree: Tree, split: int, goes_left: bool) -> float:
    """The share of a split's training rows that go this way."""
    left, right = float(tree.cover[tree.left[split]]), float(tree.cover[tree.right[split]])
    return (left if goes_left else right) / (left + right)


def _expected(tree: Tree, node: int = 0) -> float:
    """The mean of the leaves' values, as the training rows came to them."""
    if tree.left[node] < 0:
        return float(tree.value[node])
    left = _share(tree, node, True)
    return left * _expected(tree, int(tree.left[node])) + (1 - left) * _expected(tree, int(tree.right[node]))


def _table(cell: _Cell, used: npt.NDArray[np.int64]) -> Numbers:
    """The SHAP values of the features `used`, by code."""
    width = max(len(leaf.features) for leaf in cell.leaves)
    size = 2**width
    value = np.array([leaf.value for leaf in cell.leaves])
    shares = np.ones((len(cell.leaves), 1, width))
    towards = np.ones((len(cell.leaves), size, width))  # o; 1 beyond a leaf's own features changes nothing
    dense = np.zeros((len(cell.leaves), size, len(used)))
    ways = _bits(width).T.astype(np.float64)
    for number, leaf in enumerate(cell.leaves):
        many = len(leaf.features)
        shares[number, 0, :many] = leaf.shares
        towards[number, :, :many] = ways[:, :many]
    product = _integral(towards, shares) * (towards - shares) * value[:, None, None]
    for number, leaf in enumerate(cell.leaves):
        places = np.searchsorted(used, leaf.features)
        dense[number][:, places] = product[number, :, : len(leaf.features)]
    codes = np.stack(
        [_codes(len(cell.splits), leaf.slots) + number * size for number, leaf in enumerate(cell.leaves)],
        axis=1,
    )
    pointers = np.arange(len(codes) + 1) * len(cell.leaves)
    chosen = sparse.csr_matrix(
        (np.ones(codes.size), codes.ravel(), pointers), shape=(len(codes), size * len(cell.leaves))
    )
    return np.asarray(chosen @ dense.reshape(-1, len(used)))


def _integral(towards: Numbers, shares: Numbers) -> Numbers:
    """Of the product of all features' factors but the one in place, over t."""
    width = towards.shape[2]
    points, weights = np.polynomial.legendre.leggauss(width // 2 + 1)
    total = np.zeros_like(towards)
    for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
        factors = point * towards + (1 - point) * shares
        before, after = np.full(towards.shape[:2], weight), np.ones(towards.shape[:2])
        others = np.empty_like(towards)
        for place in range(width):
            others[:, :, place] = before
            before = before * factors[:, :, place]
        for place in reversed(range(width)):
            others[:, :, place] *= after
            after = after * factors[:, :, place]
        total += others
    return total


@lru_cache(maxsize=32)
def _bits(count: int) -> npt.NDArray[np.bool_]:
    """Of every number below 2^count its bits, the lowest first: count x 2^count."""
    return ((np.arange(2**count) >> np.arange(count)[:, None]) & 1).astype(np.bool_)


@lru_cache(maxsize=4096)
def _codes(splits: int, slots: tuple[tuple[tuple[int, bool], ...], ...]) -> npt.NDArray[np.int32]:
    """Of every code of a cell the code of a leaf: bit i says that the row fits the leaf's i-th feature."""
    bits = _bits(splits)
    found = np.zeros(2**splits, dtype=np.int32)
    for place, conditions in enumerate(slots):
        fits = np.ones(2**splits, dtype=np.bool_)
        for bit, wanted in conditions:
            fits &= bits[bit] == wanted
        found |= fits.astype(np.int32) << place
    return found
