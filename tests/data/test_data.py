import dataclasses

import numpy as np
import pytest
import soundfile
import tensorflow as tf
from conftest import write_voice

from emohrnet_tf.audio.files import count_samples, load_audio
from emohrnet_tf.audio.identity import marks
from emohrnet_tf.audio.windows import windows
from emohrnet_tf.config import Augmentation
from emohrnet_tf.data.balance import draw_voices, units
from emohrnet_tf.data.pipeline import Clips, add_noise, place, training_batches, window_batches
from emohrnet_tf.errors import InputError
from emohrnet_tf.model.features import log_mel


def batches(clips, config, epochs, first_epoch=0, seed=0):
    rows = np.arange(len(clips.index))
    dataset, steps = training_batches(clips, rows, np.eye(len(rows)), config, seed, first_epoch)
    return [(x.numpy(), y.numpy().argmax(axis=1)) for x, y in dataset.take(steps * epochs)], steps


def test_a_clip_that_comes_again_in_an_epoch_is_changed_anew(index, config):
    clips = Clips(index)
    few = np.flatnonzero((index.speaker == "01") & (index.statement == 1))[:4]
    rows = np.concatenate([few, np.flatnonzero(index.speaker == "02")])
    balanced = units(index.iloc[rows].assign(corpus=["one"] * 4 + ["two"] * 12))
    epochs = []
    for first in (0, 1):
        dataset, steps = training_batches(clips, rows, np.eye(len(rows)), config, 3, first, units=balanced)
        taken = [(x.numpy(), y.numpy().argmax(axis=1)) for x, y in dataset.take(steps * (2 - first))]
        epochs.append([np.concatenate(part) for part in zip(*taken)])
    log_mels, shown = epochs[0]
    assert (len(rows), steps) == (16, 2)
    assert np.bincount(shown)[:4].tolist() == [4] * 4  # half of each of two epochs is of the four clips
    first_clip = log_mels[shown == 0]
    assert all(not np.array_equal(first_clip[0], other) for other in first_clip[1:])
    np.testing.assert_array_equal(epochs[1][0], log_mels[len(shown) // 2 :])  # resumed at the second epoch


def test_memory_and_files_give_the_same_batches(index, config):
    cached, _ = batches(Clips(index), config, 1)
    streamed, _ = batches(Clips(index, cache_bytes=0), config, 1)
    for (x, y), (u, v) in zip(cached, streamed):
        np.testing.assert_allclose(x, u, atol=1e-5)
        np.testing.assert_array_equal(y, v)


def test_a_seed_repeats_and_a_resumed_run_sees_what_it_would_have_seen(index, config):
    clips = Clips(index)
    whole, steps = batches(clips, config, 3)
    resumed, _ = batches(clips, config, 1, first_epoch=2)
    for (x, y), (u, v) in zip(whole[2 * steps :], resumed):
        np.testing.assert_array_equal(x, u)
        np.testing.assert_array_equal(y, v)
    other, _ = batches(clips, config, 1, seed=1)
    assert not np.array_equal(whole[0][1], other[0][1])


def test_an_epoch_shows_every_clip_at_most_once_and_differs_from_the_next(index, config):
    clips = Clips(index)
    seen, steps = batches(clips, config, 2)
    first, second = (np.concatenate([y for _, y in part]) for part in (seen[:steps], seen[steps:]))
    assert len(set(first)) == len(first) == steps * config.training.batch_size
    assert steps == len(index) // config.training.batch_size
    assert not np.array_equal(first, second)
    at_first = {label: x[i] for x, y in seen[:steps] for i, label in enumerate(y)}
    again = {label: x[i] for x, y in seen[steps:] for i, label in enumerate(y)}
    assert all(not np.array_equal(at_first[k], again[k]) for k in set(at_first) & set(again)), "augmented anew"


def test_without_augmentation_the_pipeline_is_load_window_log_mel(index, config):
    off = Augmentation(False, 0.0, 0.0, 0, 0, 0, 0.0)
    config = dataclasses.replace(config, augmentation=off)
    clips = Clips(index)
    (x, y), *_ = batches(clips, config, 1)[0]
    for picture, row in zip(x, y):
        waveform = windows(load_audio(index.file[row])[: config.audio.samples], config.audio.samples)
        expected = log_mel(waveform, **config.audio.front_end())[0]
        np.testing.assert_allclose(picture[..., 0], expected, atol=1e-4)


@pytest.mark.parametrize("where", [0.0, 0.5, 0.999999])
@pytest.mark.parametrize("length", [1, 99, 100, 101, 250])
def test_a_clip_is_placed_whole_or_cut_without_gaps(length, where):
    clip = np.arange(1, length + 1, dtype="float32")
    window = place(tf.constant(clip), 100, tf.constant(where), tf.constant(0.9), Augmentation(filled_share=0.3)).numpy()
    assert window.shape == (100,)
    inside = window[window > 0]
    assert len(inside) == min(length, 100)
    assert np.array_equal(np.diff(inside), np.ones(len(inside) - 1))


def test_filled_windows_have_no_padding():
    clip = tf.range(1.0, 31.0)
    window = place(clip, 100, tf.constant(0.4), tf.constant(0.1), Augmentation(filled_share=0.3)).numpy()
    assert (window > 0).all()
    assert set(np.diff(window)) == {1.0, -29.0}


def test_held_out_windows_are_those_of_the_one_rule(index, config):
    clips, rows = Clips(index), [0, 3, 7]
    dataset, owners = window_batches(clips, rows, config.audio)
    got = np.concatenate([x.numpy() for x in dataset])
    per_clip = [windows(load_audio(index.file[row]), config.audio.samples) for row in rows]
    assert owners.tolist() == [i for i, cut in enumerate(per_clip) for _ in cut]
    expected = log_mel(np.concatenate(per_clip), **config.audio.front_end())
    np.testing.assert_allclose(got[..., 0], expected, atol=1e-5)


def test_noise_lies_as_far_below_the_window_as_it_says():
    tone = np.sin(np.arange(16000) * 0.3).astype("float32")
    settings, levels = Augmentation(noise_share=1.0, noise_snr_db=10.0), []
    for seed in range(40):
        noise = add_noise(tf.constant(tone), tf.constant([seed, 7], tf.int64), settings).numpy() - tone
        levels.append(10 * np.log10(np.mean(tone**2) / np.mean(noise**2)))
    assert 9.8 < min(levels) < 15
    assert 35 < max(levels) < 40.2
    none = add_noise(tf.constant(tone), tf.constant([1, 7], tf.int64), Augmentation())
    np.testing.assert_array_equal(none, tone)


def test_mixup_blends_pictures_and_targets_by_the_same_share(index, config):
    clips, rows = Clips(index), np.arange(len(index))
    off = dataclasses.asdict(Augmentation(False, 0.0, 0.0, 0, 0, 0, 0.0))
    plain, mixed = (
        next(iter(training_batches(clips, rows, np.eye(len(rows)), config.replace({"augmentation": a}))[0]))
        for a in (off, off | {"mixup": 0.4})
    )
    (x, target), (mixed_x, mixed_target) = (tuple(part.numpy() for part in batch) for batch in (plain, mixed))
    share = (mixed_target * target).sum(axis=1)
    assert (share >= 0.5).all()
    assert share.min() < 0.95
    np.testing.assert_allclose(mixed_target.sum(axis=1), 1, atol=1e-5)
    expected = share[:, None, None, None] * x + (1 - share[:, None, None, None]) * np.roll(x, 1, axis=0)
    np.testing.assert_allclose(mixed_x, expected, atol=1e-4)


def test_targets_by_name_go_through_as_one_target_does(index, config):
    clips, rows = Clips(index), np.arange(len(index))
    config = config.replace({"augmentation": {"mixup": 0.4}})
    one = np.eye(len(rows), dtype="float32")
    several = {"logits": one, "dimensions": 3 * one[:, :4]}
    (x, target), (same, named) = (
        next(iter(training_batches(clips, rows, targets, config)[0])) for targets in (one, several)
    )
    np.testing.assert_array_equal(x, same)
    np.testing.assert_array_equal(named["logits"], target)
    np.testing.assert_allclose(named["dimensions"], 3 * target[:, :4], rtol=1e-6)


def test_what_is_drawn_for_a_clip_does_not_depend_on_what_is_off(index, config, monkeypatch):
    monkeypatch.setattr(tf.random, "stateless_gamma", None)  # without mixup nothing is drawn for it
    clips = Clips(index)
    (x, y), *_ = batches(clips, config, 1)[0]
    other = config.replace({"augmentation": {"freq_masks": 0, "noise_share": 1e-9, "equalizer_db": 1e-9}})
    (u, v), *_ = batches(clips, other, 1)[0]
    np.testing.assert_array_equal(y, v)
    bins = config.replace({"augmentation": {"freq_masks": 0}})
    (w, _), *_ = batches(clips, bins, 1)[0]
    np.testing.assert_allclose(u, w, atol=1e-4)
    assert not np.array_equal(x, w)


def test_bad_files_are_named_and_the_others_kept(index, tmp_path):
    bad = index.head(5).copy()
    (tmp_path / "text.wav").write_text("not audio")
    (tmp_path / "empty.wav").write_bytes(b"")
    bad.loc[1, "file"], bad.loc[3, "file"] = str(tmp_path / "text.wav"), str(tmp_path / "empty.wav")
    clips = Clips(bad)
    assert clips.index.file.tolist() == [index.file[i] for i in (0, 2, 4)]
    assert [name in reason for name, reason in zip(("text.wav", "empty.wav"), clips.failed.reason)] == [True, True]
    np.testing.assert_array_equal(clips.waveform(1), load_audio(index.file[2]))
    with pytest.raises(InputError, match="No clip of the index can be read"):
        Clips(bad.iloc[[1, 3]])


def test_sections_and_channels_of_files_are_respected(tmp_path, config, index):
    write_voice(tmp_path / "long.wav", 200.0, 2.0)
    sections = index.head(2).assign(file=str(tmp_path / "long.wav"), start=[0.0, 1.0], end=[0.5, 1.75])
    whole = load_audio(tmp_path / "long.wav")
    for clips in (Clips(sections), Clips(sections, cache_bytes=0)):
        assert clips.lengths.tolist() == [8000, 12000]
        np.testing.assert_array_equal(clips.waveform(1), whole[16000:28000])
        np.testing.assert_array_equal(clips.graph_reader()(tf.constant(1, tf.int64)), whole[16000:28000])


# --- Reading ---


@pytest.fixture
def read_to_the_end(monkeypatch):
    """Files that were decoded, in order."""
    from emohrnet_tf.audio import decoders

    found, blocks = [], decoders.Opened.blocks
    monkeypatch.setattr(decoders.Opened, "blocks", lambda self, *rest: found.append(self.name) or blocks(self, *rest))
    return found


@pytest.fixture
def damaged(tmp_path, index):
    """An index of which the second file, a FLAC, is damaged behind its header."""
    write_voice(tmp_path / "a.wav", 200.0, 2.0)
    soundfile.write(tmp_path / "b.flac", *soundfile.read(tmp_path / "a.wav"))
    contents = (tmp_path / "b.flac").read_bytes()
    (tmp_path / "b.flac").write_bytes(contents[: len(contents) // 2] + bytes(len(contents) - len(contents) // 2))
    rows = index.head(4).copy()
    rows.loc[1, "file"] = str(tmp_path / "b.flac")
    return rows


def test_nothing_is_decoded_at_the_start_where_nothing_is_kept(index, read_to_the_end):
    clips = Clips(index, cache_bytes=0)
    assert not read_to_the_end
    assert clips.lengths.tolist() == [len(load_audio(file)) for file in index.file]
    read_to_the_end.clear()
    assert len(clips.marks) == len(index)
    assert sorted(read_to_the_end) == sorted(index.file)


def test_what_is_kept_is_decoded_once_even_where_no_header_tells_its_length(index, tmp_path, read_to_the_end):
    rows = index.head(3).copy()
    for number, file in enumerate(rows.file):
        soundfile.write(tmp_path / f"{number}.mp3", *soundfile.read(file))
    rows["file"] = [str(tmp_path / f"{number}.mp3") for number in range(3)]
    for cache_bytes in (1 << 30, 0):
        read_to_the_end.clear()
        clips = Clips(rows, cache_bytes=cache_bytes)
        own = clips.marks
        assert sorted(read_to_the_end) == rows.file.tolist()
        assert own == marks(rows)
        assert clips.lengths.tolist() == [len(load_audio(file)) for file in rows.file]
        np.testing.assert_array_equal(clips.waveform(1), load_audio(rows.file[1]))


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 24000, 32000, 44100, 48000, 96000])
def test_a_header_tells_how_many_samples_there_will_be(tmp_path, rate):
    random = np.random.default_rng(rate)
    for number in range(6):
        length = int(random.integers(rate // 10, rate))
        file = tmp_path / f"{number}.{('wav', 'flac', 'ogg')[number % 3]}"
        soundfile.write(file, 0.1 * random.standard_normal((length, 2)), rate)
        assert count_samples(file) == len(load_audio(file))
        cut = {"start": 0.031, "end": 0.0731}
        assert count_samples(file, **cut) == len(load_audio(file, **cut))
    assert count_samples(file, start=5.0) is None
    with pytest.raises(InputError, match="no such file"):
        count_samples(tmp_path / "absent.wav")


@pytest.mark.parametrize("cache_bytes", [1 << 30, 0])
def test_a_file_damaged_behind_its_header_is_named_and_the_others_kept(damaged, cache_bytes):
    clips = Clips(damaged, cache_bytes=cache_bytes)
    assert len(clips.marks) == len(clips.index) == len(clips.lengths) == 3
    assert clips.index.file.tolist() == damaged.file.drop(1).tolist()
    assert clips.failed.file.tolist() == [damaged.file[1]]
    assert "b.flac" in clips.failed.reason[0]
    reader = clips.graph_reader()
    for number, file in enumerate(clips.index.file):
        np.testing.assert_array_equal(clips.waveform(number), load_audio(file))
        np.testing.assert_allclose(reader(tf.constant(number, tf.int64)), load_audio(file), atol=1e-6)


def test_a_file_that_changes_while_it_is_trained_on_is_named(index, tmp_path):
    rows = index.head(3).copy()
    write_voice(tmp_path / "changing.wav", 200.0, 1.0)
    rows.loc[2, "file"] = str(tmp_path / "changing.wav")
    reader = Clips(rows, cache_bytes=0).graph_reader()
    write_voice(tmp_path / "changing.wav", 200.0, 2.0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="changing.wav"):
        reader(tf.constant(2, tf.int64))


def test_epochs_of_voices_have_groups_of_one_voice_and_go_through_its_clips():
    number = np.repeat([0, 1, 2], [40, 10, 3])
    shares = np.repeat([1 / 3 / 40, 1 / 3 / 10, 1 / 3 / 3], [40, 10, 3])
    drawn = draw_voices((number, shares), 4, tf.constant([1, 2], tf.int64)).numpy().reshape(-1, 4)
    assert len(drawn) == 53 // 4
    voices = number[drawn]
    assert (voices == voices[:, :1]).all()
    assert set(np.bincount(voices[:, 0], minlength=3)) <= {4, 5}  # 13 groups, a third each
    first = drawn[voices[:, 0] == 0]
    assert len(np.unique(first)) == first.size  # none comes again before all have come
    again = draw_voices((number, shares), 4, tf.constant([1, 2], tf.int64)).numpy().reshape(-1, 4)
    other = draw_voices((number, shares), 4, tf.constant([1, 3], tf.int64)).numpy().reshape(-1, 4)
    np.testing.assert_array_equal(again, drawn)
    assert (other != drawn).any()
