import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emohrnet_tf.errors import InputError
from emohrnet_tf.model.sphere import (
    DIMENSIONS,
    OCTANT_SIGNS,
    OCTANTS,
    Sphere,
    auxiliary_weight,
    concordance,
    region_weights,
)
from emohrnet_tf.training.losses import concordance_loss

coordinate = st.floats(-1, 1, allow_subnormal=False)
points = st.lists(st.tuples(coordinate, coordinate, coordinate), min_size=1, max_size=20).map(np.array)


@given(points, st.sampled_from([(1, 5), (1, 7), (0, 1), (-1, 1)]))
def test_labels_come_back_from_the_cube(cube, scale):
    sphere = Sphere(*scale)
    np.testing.assert_allclose(sphere.to_cube(np.clip(sphere.from_cube(cube), *scale)), cube, atol=1e-12)


@given(points, st.tuples(*[st.floats(-0.5, 0.5)] * 3))
def test_points_come_back_from_the_sphere(cube, center):
    sphere = Sphere(-1, 1, center)
    np.testing.assert_allclose(sphere.cartesian(*sphere.spherical(cube)), cube, atol=1e-12)


def test_angles_are_the_papers_formulas_on_named_axes():
    valence, arousal, dominance = 0.3, -0.6, 0.2
    radius, theta, phi = Sphere(-1, 1).spherical([[valence, arousal, dominance]])
    assert DIMENSIONS == ("valence", "arousal", "dominance")
    assert radius[0] == pytest.approx(np.sqrt(valence**2 + arousal**2 + dominance**2))
    assert theta[0] == pytest.approx(np.arccos(dominance / radius[0]))
    assert phi[0] == pytest.approx(np.arctan2(valence, arousal))


def test_the_origin_and_the_poles_are_guarded():
    radius, theta, phi = Sphere(-1, 1).spherical([[0, 0, 0], [0, 0, 1], [0, 0, -1]])
    assert radius.tolist() == [0, 1, 1]
    assert theta.tolist() == [0, 0, np.pi]
    assert phi.tolist() == [0, 0, 0]


def test_octants_are_numbered_as_the_paper_lists_them():
    assert len(OCTANTS) == Sphere(1, 7).regions == 8
    for number, signs in enumerate(OCTANT_SIGNS):
        arousal, valence, dominance = (0.5 if sign == "+" else -0.5 for sign in signs)
        assert Sphere(1, 7).region([[valence, arousal, dominance]]).tolist() == [number]
    assert Sphere(1, 7).region([[0, 0, 0]]).tolist() == [0], "0 counts as positive"


@pytest.mark.parametrize("step", [30, 45, 90])
@pytest.mark.parametrize("neutral", [0.0, 0.3])
def test_a_grid_has_as_many_regions_as_it_says_and_each_holds_its_own_directions(step, neutral):
    sphere = Sphere(-1, 1, step=step, neutral=neutral)
    seen = set()
    for theta, phi in itertools.product(range(step // 2, 180, step), range(step // 2, 360, step)):
        middle = sphere.cartesian(0.8, np.radians(theta), np.radians(phi))
        corner = sphere.cartesian(0.8, np.radians(theta - step / 2 + 1), np.radians(phi - step / 2 + 1))
        (number, beside) = sphere.region([middle, corner])
        assert number == beside
        seen.add(int(number))
    seen |= {0} if neutral else set()
    assert seen == set(range(sphere.regions))
    if neutral:
        assert sphere.region([[0.1, 0.1, 0.0]]).tolist() == [0]


def test_the_centre_moves_the_origin():
    sphere = Sphere(1, 5, center=(0.2, -0.1, 0.0))
    assert sphere.spherical([[0.2, -0.1, 0.0]])[0].tolist() == [0]
    assert sphere.region([[0.1, 0.0, 0.1]]).tolist() == [3], "valence below, arousal above the centre"


def test_bad_scales_and_labels_are_named():
    with pytest.raises(InputError, match=r"arousal in row 1 lies outside the scale 1 to 5"):
        Sphere(1, 5).to_cube([[1, 2, 3], [1, 6, 3]])
    with pytest.raises(InputError, match=r"dominance in row 0"):
        Sphere(1, 5).to_cube([[1, 2, np.nan]])
    for arguments, message in (
        ({"low": 5, "high": 1}, "rises from low to high"),
        ({"low": 1, "high": 5, "center": (0, 2, 0)}, "between -1 and 1"),
        ({"low": 1, "high": 5, "step": 50}, "divides 180"),
        ({"low": 1, "high": 5, "neutral": 0.1}, "needs a grid"),
    ):
        with pytest.raises(InputError, match=message):
            Sphere(**arguments)


# --- Agreement and losses ---


def plain_ccc(x, y):
    """Lin's formula, one column, population moments."""
    n = len(x)
    mx, my = sum(x) / n, sum(y) / n
    vx, vy = sum((a - mx) ** 2 for a in x) / n, sum((b - my) ** 2 for b in y) / n
    return 2 * sum((a - mx) * (b - my) for a, b in zip(x, y)) / n / (vx + vy + (mx - my) ** 2)


def vad(n=50, seed=0):
    random = np.random.default_rng(seed)
    true = random.uniform(-1, 1, (n, 3))
    return true, 0.7 * true + 0.2 * random.standard_normal((n, 3)) + 0.1


def test_concordance_and_its_loss_are_lins_formula():
    true, predicted = vad()
    plain = [plain_ccc(true[:, i], predicted[:, i]) for i in range(3)]
    np.testing.assert_allclose(concordance(true, predicted), plain, atol=1e-12)
    loss = float(concordance_loss(true.astype("float32"), predicted.astype("float32")))
    assert loss == pytest.approx(sum(1 - value for value in plain), abs=1e-4)


def test_rows_without_labels_have_no_say():
    true, predicted = (x.astype("float32") for x in vad())
    known = (np.arange(50) % 3 > 0).astype("float32")
    expected = float(concordance_loss(true[known > 0], predicted[known > 0]))
    spoilt = np.where(known[:, None] > 0, true, 9.0).astype("float32")
    assert float(concordance_loss(spoilt, predicted, known)) == pytest.approx(expected, abs=1e-5)
    assert float(concordance_loss(spoilt, predicted, 0 * known)) == 0.0


@pytest.mark.parametrize("constant", [0.0, 0.5])
def test_constant_batches_give_finite_losses(constant):
    true, predicted = np.full((8, 3), constant, "float32"), np.full((8, 3), 0.5, "float32")
    assert np.isfinite(float(concordance_loss(true, predicted)))
    assert concordance(true, predicted).tolist() == [float(constant == 0.5)] * 3


def test_region_weights_and_the_schedule_are_the_papers():
    regions = np.array([0] * 6 + [1] * 3 + [3])
    assert region_weights(regions, 4).tolist() == pytest.approx([10 / 24, 10 / 12, 0, 10 / 4])
    assert [auxiliary_weight(e) for e in range(5)] == pytest.approx([1, 0.802, 0.604, 0.406, 0.208])
    assert {auxiliary_weight(e) for e in range(5, 100)} == {0.0}
