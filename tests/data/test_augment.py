import keras
import librosa
import numpy as np
import pytest
from contracts import check_layer

from emohrnet_tf.config import Audio, Augmentation
from emohrnet_tf.data.augment import EQUALIZER_KNOTS, Augment, paper_mask_limits, pitch_hz, spectral_gains
from emohrnet_tf.errors import InputError

FRAMES, MELS = 64, 32


def log_mels(batch=64, seed=0):
    return np.random.default_rng(seed).standard_normal((batch, FRAMES, MELS, 1)).astype("float32") + 5.0


def augmented(layer, x, numbers=None):
    return keras.ops.convert_to_numpy(layer(x, numbers, training=True))


def test_contract_and_identity_outside_training():
    layer = check_layer(Augment(seed=3), log_mels(2), (2, FRAMES, MELS, 1))
    x = log_mels(4)
    np.testing.assert_array_equal(layer(x), x)
    np.testing.assert_array_equal(layer(x, training=False), x)


def test_masks_are_as_wide_and_as_many_as_said_and_take_the_windows_mean():
    x = log_mels(400)
    layer = Augment(time_shift_share=0, freq_masks=1, freq_mask_bins=7, time_masks=0, seed=1)
    y = augmented(layer, x)
    changed = (y != x)[..., 0]
    bins = changed.all(axis=1)
    assert np.array_equal(bins, changed.any(axis=1)), "a frequency mask covers all frames"
    widths = bins.sum(axis=1)
    assert set(widths) == set(range(8)), "f ~ U{0..F}, both ends included"
    runs = np.abs(np.diff(np.pad(bins, ((0, 0), (1, 1))).astype(int), axis=1)).sum(axis=1)
    assert runs.max() <= 2, "one mask is one run of bins"
    means = x.mean(axis=(1, 2, 3))
    for row in np.flatnonzero(widths):
        np.testing.assert_allclose(y[row][changed[row]], means[row], atol=1e-4)
    assert bins[:, 0].any(), "the lowest bin can be masked"
    assert bins[:, -1].any(), "the highest bin can be masked"


def test_time_masks_span_all_mels_and_at_most_their_share():
    x = log_mels(300)
    changed = (augmented(Augment(0, 0, 0, 2, 0.25, seed=1), x) != x)[..., 0]
    frames = changed.any(axis=2)
    assert np.array_equal(frames, changed.all(axis=2))
    assert frames.sum(axis=1).max() <= 2 * 16
    assert frames.sum(axis=1).max() > 16, "two masks hide more than one could"


def test_a_shift_is_circular_and_within_its_share():
    x = log_mels(100)
    y = augmented(Augment(0.25, 0, 0, 0, 0.0, seed=1), x)
    shifts = set()
    for before, after in zip(x[..., 0], y[..., 0]):
        fitting = [s for s in range(-16, 17) if np.allclose(np.roll(before, s, axis=0), after, atol=1e-4)]
        assert fitting, "not a circular shift of at most a quarter of the frames"
        shifts.add(fitting[0])
    assert min(shifts) < -8
    assert max(shifts) > 8


def test_examples_differ_and_their_numbers_decide():
    x = np.repeat(log_mels(1), 8, axis=0)
    layer = Augment(seed=1)
    y = augmented(layer, x)
    assert len({row.tobytes() for row in y}) == 8
    numbers = np.random.default_rng(0).uniform(size=(8, layer.numbers)).astype("float32")
    np.testing.assert_array_equal(augmented(layer, x, numbers), augmented(Augment(seed=9), x, numbers))
    # An example's change does not hang on its neighbours.
    np.testing.assert_allclose(augmented(layer, x[:1], numbers[:1]), augmented(layer, x, numbers)[:1], atol=1e-5)


def test_warps_move_a_line_as_far_as_they_say():
    x = np.zeros((1, FRAMES, MELS, 1), "float32")
    x[:, :, 20] = 1.0
    numbers = np.full((1, 3), 0.5, "float32")
    numbers[0, 2] = 1.0  # the vocal tract's largest stretch: bin b reads bin 1.25 b
    layer = Augment(0, 0, 0, 0, 0.0, vocal_tract_spread=0.25)
    assert augmented(layer, x, numbers)[0, 0, :, 0].argmax() == 16
    x = np.zeros((1, FRAMES, MELS, 1), "float32")
    x[:, 48] = 1.0
    numbers[0, 1:] = 1.0, 0.5  # a quarter faster: 16 frames past the middle become 12.8
    moved = augmented(Augment(0, 0, 0, 0, 0.0, tempo_spread=0.25), x, numbers)[0, :, 0, 0]
    assert np.flatnonzero(moved).tolist() == [44, 45] or abs(moved.argmax() - 44.8) < 1


@pytest.mark.parametrize("settings", [{"time_shift_share": 1.5}, {"freq_masks": -1}, {"time_mask_share": -0.1}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(InputError, match="Received"):
        Augment(**settings)


def test_pitch_is_librosas_yin():
    t = np.arange(32000) / 16000
    track = 150 + 50 * t
    waveform = sum(np.sin(2 * np.pi * np.cumsum(track) * k / 16000) / k for k in range(1, 10)).astype("float32")
    ours = pitch_hz(waveform, 16000)
    theirs = librosa.yin(waveform, fmin=60, fmax=500, sr=16000, frame_length=2048)
    assert np.median(ours) == pytest.approx(np.median(theirs), rel=0.03)
    assert np.percentile(ours, [5, 95]) == pytest.approx(np.percentile(theirs, [5, 95]), rel=0.05)


def test_noise_and_silence_have_no_pitch():
    noise = np.random.default_rng(0).standard_normal(16000).astype("float32")
    assert len(pitch_hz(noise, 16000)) == 0
    assert len(pitch_hz(np.zeros(16000, "float32"), 16000)) == 0
    assert len(pitch_hz(np.zeros(10, "float32"), 16000)) == 0


def test_the_papers_masks_follow_pitch_spread_and_duration():
    def voice(low, high, seconds):
        t = np.arange(int(16000 * seconds)) / 16000
        track = np.linspace(low, high, len(t))
        return sum(np.sin(2 * np.pi * np.cumsum(track) * k / 16000) / k for k in range(1, 8)).astype("float32")

    narrow = paper_mask_limits([voice(150, 160, 2)], Audio())
    wide = paper_mask_limits([voice(100, 300, 2), voice(100, 300, 4)], Audio())
    assert narrow[0] < wide[0]
    assert narrow[1] == pytest.approx(0.15 * 2 / 4.096, abs=1e-3)
    assert wide[1] == pytest.approx(0.15 * 3 / 4.096, abs=1e-3)
    with pytest.raises(InputError, match="no voiced frame"):
        paper_mask_limits([np.zeros(16000, "float32")], Audio())


# --- Gains ---


def gains(batch=500, **settings):
    numbers = np.random.default_rng(0).uniform(size=(batch, EQUALIZER_KNOTS + 2)).astype("float32")
    return keras.ops.convert_to_numpy(spectral_gains(numbers, Augmentation(**settings), Audio()))


def test_the_equaliser_is_smooth_and_within_its_limit():
    decibels = 10 * np.log10(gains(equalizer_db=6.0))
    assert decibels.min() < -5.5
    assert decibels.max() > 5.5
    assert np.abs(decibels).max() <= 6.0001
    assert np.abs(np.diff(decibels, axis=1)).max() < 12 * (EQUALIZER_KNOTS - 1) / 62, "a line from knot to knot"


def test_the_high_cut_takes_what_lies_above_3_khz_or_more_from_its_share_of_the_windows():
    cut = gains(high_cut_share=0.3) < 1e-3
    assert cut.any(axis=1).mean() == pytest.approx(0.3, abs=0.06)
    assert (np.diff(cut.astype(int), axis=1) >= 0).all(), "everything above the cut"
    centers = librosa.mel_frequencies(66, fmin=50, fmax=8000, htk=True)[1:-1]
    lowest = centers[np.flatnonzero(cut.any(axis=0))[0]]
    assert 2900 < lowest < 3400


def test_without_equaliser_and_cut_there_are_no_gains():
    numbers = np.zeros((2, EQUALIZER_KNOTS + 2), "float32")
    assert spectral_gains(numbers, Augmentation(), Audio()) is None
