"""EmoSphere: valence, arousal and dominance on a sphere, and its regions (arXiv 2505.19693).

Every array of three dimensions here is in the order of `DIMENSIONS`. The sphere's axes are x = arousal, y = valence,
z = dominance, as the paper's octants are numbered; they are named wherever they matter.
"""

from dataclasses import dataclass

import numpy as np

from emohrnet_tf.errors import InputError

DIMENSIONS = ("valence", "arousal", "dominance")
OCTANTS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII")
# Signs of (arousal, valence, dominance) of each octant, 0 counting as positive
OCTANT_SIGNS = ("+++", "-++", "--+", "+-+", "++-", "-+-", "---", "+--")


@dataclass(frozen=True)
class Sphere:
    """How labels of a stated scale lie on the sphere, and how the sphere is divided.

    Args:
        low, high: ends of the labels' scale, e.g. 1 and 5 (IEMOCAP) or 1 and 7 (MSP-Podcast).
        center: the sphere's origin `(valence, arousal, dominance)` in -1..1; the scale's midpoint unless the mean of
            neutral speech is given.
        step: None for the paper's eight octants, or the side in degrees of the cells of an angular grid, which
            divides 180.
        neutral: radius of a region of its own around the origin; 0 for none. Only with a grid.

    Raises:
        InputError: a scale that does not rise, a centre outside the cube, a step that does not divide 180.

    Example:
        >>> Sphere(1, 5).to_cube([[5, 3, 1]]).tolist()
        [[1.0, 0.0, -1.0]]
    """

    low: float
    high: float
    center: tuple[float, float, float] = (0.0, 0.0, 0.0)
    step: int | None = None
    neutral: float = 0.0

    def __post_init__(self):
        if not (np.isfinite(self.low) and np.isfinite(self.high) and self.low < self.high):
            raise InputError(f"A scale rises from low to high. Received: {(self.low, self.high)!r}")
        if len(self.center) != 3 or not np.all(np.abs(self.center) < 1):
            raise InputError(f"The centre has three values between -1 and 1. Received: {self.center!r}")
        if self.step is not None and (self.step < 1 or 180 % self.step):
            raise InputError(f"The step of a grid divides 180 degrees. Received: {self.step!r}")
        if self.neutral < 0 or (self.neutral and self.step is None):
            raise InputError(f"A neutral region has a radius above 0, and needs a grid. Received: {self.neutral!r}")

    @property
    def regions(self):
        """Number of regions."""
        return region_count(self.step, self.neutral)

    def region_names(self):
        """Names of the regions: octants as the paper numbers them, cells of a grid by number."""
        return list(OCTANTS) if self.step is None else [str(number) for number in range(self.regions)]

    def to_cube(self, labels):
        """Labels `(n, 3)` on their scale -> -1..1, the scale's midpoint at 0.

        Raises:
            InputError: a label outside the scale, NaN included, named by its row and dimension.
        """
        labels = np.asarray(labels, "float64")
        wrong = ~((labels >= self.low) & (labels <= self.high))
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise InputError(
                f"{DIMENSIONS[column]} in row {row} lies outside the scale {self.low:g} to {self.high:g}: state the "
                f"right scale, or leave the row out. Received: {labels[row, column]!r}"
            )
        return 2 * (labels - self.low) / (self.high - self.low) - 1

    def from_cube(self, cube):
        """The inverse of `to_cube`."""
        return (np.asarray(cube, "float64") + 1) / 2 * (self.high - self.low) + self.low

    def named(self, cube):
        """Tensor `(batch, 3)` in -1..1 -> dict of `valence`, `arousal`, `dominance` `(batch, 1)` on their scale."""
        values = (cube + 1.0) * ((self.high - self.low) / 2.0) + self.low
        return {name: values[:, number : number + 1] for number, name in enumerate(DIMENSIONS)}

    def spherical(self, cube):
        """Points `(n, 3)` in -1..1 -> `(radius, theta, phi)`, each `(n,)`, angles in radians.

        theta is the angle from the axis of dominance (0 to pi), phi the one from arousal towards valence (-pi to pi);
        both are 0 where they are not defined: at the origin, and phi on the poles.
        """
        x, y, z = self._axes(cube)
        return np.sqrt(x**2 + y**2 + z**2), np.arctan2(np.hypot(x, y), z), np.arctan2(y, x)

    def cartesian(self, radius, theta, phi):
        """The inverse of `spherical`: `(n, 3)` in the order of `DIMENSIONS`."""
        arousal, valence = radius * np.sin(theta) * np.cos(phi), radius * np.sin(theta) * np.sin(phi)
        return np.stack([valence, arousal, radius * np.cos(theta)], axis=-1) + self.center

    def region(self, cube):
        """Number of the region of each point, `(n,)` ints from 0.

        Octants in the paper's order, I to VIII (a coordinate of 0 counts as positive); or cells of the grid,
        theta by theta, with the neutral region as number 0.
        """
        x, y, z = self._axes(cube)
        if self.step is None:
            quadrant = np.where(y >= 0, np.where(x >= 0, 0, 1), np.where(x >= 0, 3, 2))
            return quadrant + np.where(z >= 0, 0, 4)
        radius, theta, phi = self.spherical(cube)
        rows, columns = 180 // self.step, 360 // self.step
        row = np.minimum((np.degrees(theta) / self.step).astype(int), rows - 1)
        column = np.minimum((np.degrees(phi) % 360 / self.step).astype(int), columns - 1)
        cell = row * columns + column
        return np.where(radius < self.neutral, 0, cell + 1) if self.neutral else cell

    def _axes(self, cube):
        """`(x, y, z)`: arousal, valence, dominance from the centre."""
        valence, arousal, dominance = np.moveaxis(np.asarray(cube, "float64") - np.asarray(self.center), -1, 0)
        return arousal, valence, dominance


def region_count(step=None, neutral=0.0):
    """Number of regions: eight octants, or the cells of a grid of `step` degrees and one near the origin."""
    if step is None:
        return len(OCTANTS)
    return (180 // step) * (360 // step) + bool(neutral)


# --- Agreement and weights ---


def concordance(true, predicted):
    """Concordance correlation coefficient (CCC) of each column, with population variances.

    Args:
        true, predicted: `(n, dimensions)`.

    Returns:
        float64 `(dimensions,)`; 1 where both columns are one and the same constant, 0 where just one is constant.
    """
    true, predicted = np.asarray(true, "float64"), np.asarray(predicted, "float64")
    covariance = np.mean((true - true.mean(0)) * (predicted - predicted.mean(0)), axis=0)
    spread = true.var(0) + predicted.var(0) + (true.mean(0) - predicted.mean(0)) ** 2
    return np.where(spread > 0, 2 * covariance / np.where(spread > 0, spread, 1), 1.0)


def region_weights(regions, count):
    """Weight of each region's cross-entropy: N / (regions * clips of it), 0 for a region without clips.

    Args:
        regions: `(n,)` ints of the training clips.
        count: number of regions.

    Returns:
        float32 `(count,)`.
    """
    clips = np.bincount(regions, minlength=count)
    return np.where(clips, len(regions) / (count * np.maximum(clips, 1)), 0.0).astype("float32")


def auxiliary_weight(epoch, epochs=5):
    """Weight of the region loss in an epoch, from 0 on: 1, falling by 0.99 / 5 an epoch, and 0 from epoch 5 on.

    Example:
        >>> [round(auxiliary_weight(epoch), 3) for epoch in range(7)]
        [1.0, 0.802, 0.604, 0.406, 0.208, 0.0, 0.0]
    """
    return 1.0 - 0.99 / epochs * epoch if epoch < epochs else 0.0
