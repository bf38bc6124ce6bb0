"""What an export of the pretrained model is calibrated and verified by, where none of its clips is at hand."""

import json

import numpy as np
import pytest

from emohrnet_tf import load_model
from emohrnet_tf.audio.windows import clip_answers, windows
from emohrnet_tf.demo.voices import plan_clip, speak
from emohrnet_tf.exporter import exporter, verify
from emohrnet_tf.exporter.spectra import sounds_of
from emohrnet_tf.inference.exported import TFLiteModel
from emohrnet_tf.model.features import log_mel
from emohrnet_tf.pretrained import read_spectra, spectra_file, write_spectra


def test_the_pretrained_model_is_exported_in_int8_that_is_judged(tmp_path, monkeypatch):
    pytest.importorskip("litert_quantizer", reason="the extra `export` is not installed in this lane")
    monkeypatch.setattr(exporter, "KINDS", ("float32", "int8"))
    monkeypatch.setattr(verify, "RATES", ())
    lines = []
    report = exporter.export("ravdess", tmp_path, say=lines.append)
    assert (tmp_path / "tflite" / "ravdess_int8.tflite").is_file()
    assert not any("no int8" in line for line in lines)
    assert report["calibration_windows"] >= 24
    gates = [gate for gate in report["verification"]["gates"] if gate["format"] == "tflite/int8"]
    assert [gate["gate"] for gate in gates] == ["top label disagrees where sure"], "its own clips tell no accuracy"
    assert gates[0]["passed"]
    assert "of 32 clips" in gates[0]["note"]
    assert "sounds made from spectra of training clips" in (tmp_path / "model_card.md").read_text()
    assert json.loads((tmp_path / "export_report.json").read_text())["sounds_of_spectra"] is True

    model, phone = load_model("ravdess"), TFLiteModel(tmp_path / "tflite" / "ravdess_int8.tflite")
    spoken = [speak(5, plan_clip(5, 1 + n % 4, emotion, 0)) for n, emotion in enumerate(model.labels)]
    cut = [windows(voice.astype("float32"), phone.samples) for voice in spoken]
    ours, theirs = (clip_answers(one, cut)["probabilities"] for one in (model, phone))
    assert np.abs(ours - theirs).mean() < 0.01
    assert np.abs(ours - theirs).max() < 0.1


def test_a_sound_of_a_spectrum_is_heard_as_the_clip_was():
    audio = load_model("ravdess").audio
    assert spectra_file("ravdess").stat().st_size <= 300_000
    power = read_spectra(spectra_file("ravdess"))[:3]
    sounds = sounds_of(power, audio)
    assert sounds.shape == (3, audio.samples)
    assert np.array_equal(sounds, sounds_of(power, audio))
    heard = log_mel(sounds, standardize=False, **audio.front_end()).numpy()
    wanted = 10 * np.log10(power)
    found = 10 * np.log10((np.exp(heard) - 1 + 1e-6).reshape(3, -1, 2, audio.mels).mean(axis=2))
    loud = wanted > -40  # below it the sounds of loud neighbours lie
    difference = (found - wanted)[loud]
    assert np.std(difference) < 2.5, "dB, over what steps of 1.5 dB leave"


def test_spectra_are_kept_in_steps(tmp_path):
    power = np.random.default_rng(0).uniform(1e-3, 1, (2, 5, 4)).astype("float32")
    write_spectra(tmp_path / "s.npz", power)
    levels = 10 * np.log10(read_spectra(tmp_path / "s.npz") / (power / power.max(axis=(1, 2), keepdims=True)))
    assert np.abs(levels).max() <= 0.751
