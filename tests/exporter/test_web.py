"""The page of export/web in headless Chromium: the same probabilities as here, errors that read, no other host."""

import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import write_voice

from emohrnet_tf.audio.files import load_audio
from emohrnet_tf.audio.windows import windows
from emohrnet_tf.exporter.metadata import add_metadata
from emohrnet_tf.exporter.serve import make_server
from emohrnet_tf.exporter.tflite import convert
from emohrnet_tf.inference.exported import TFLiteModel

pytestmark = pytest.mark.slow
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
PAGE = Path(__file__).parents[2] / "export" / "web"
CHROMIUM = shutil.which("chromium")
if CHROMIUM is None:
    pytest.skip("chromium is not installed: apt-get install chromium", allow_module_level=True)
if not (PAGE / "node_modules").is_dir():
    pytest.skip("the page's package is not installed: npm ci in export/web", allow_module_level=True)

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]
SECONDS = {"short": 0.3, "exact": 0.512, "long": 1.9}  # a window lasts 0.512 s


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    from emohrnet_tf import load_model

    model = load_model(run)
    path = tmp_path_factory.mktemp("web") / "model.tflite"
    path.write_bytes(add_metadata(convert(model, "float32"), model.labels, model.audio.sample_rate))
    return path


@pytest.fixture(scope="module")
def origin(exported):
    with make_server(exported, port=0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def page(browser, origin):
    """The page with the model loaded; at the end, no fault of its own and no request beyond its origin."""
    page, requests, faults = browser.new_page(), [], []
    page.set_default_timeout(60_000)
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(origin)  # sends on to where the model is opened
    page.wait_for_selector("[data-state=ready]")
    yield page
    page.close()
    assert not faults
    assert f"{origin}/model.tflite" in requests
    assert all(url.removeprefix("blob:").startswith(f"{origin}/") for url in requests), requests


def write_audio(path, seconds, rate=16000, channels=1):
    """A voice whose pitch rises halfway, with hiss up to half the rate, so that windows and filters matter."""
    write_voice(path, 150.0, seconds, seed=1, rate=rate)
    voice, _ = soundfile.read(path)
    write_voice(path, 320.0, seconds, seed=2, rate=rate)
    higher, _ = soundfile.read(path)
    voice = np.where(np.arange(len(voice)) < len(voice) // 2, voice, higher)
    hiss = 0.01 * np.random.default_rng(3).standard_normal((len(voice), channels))
    soundfile.write(path, voice[:, None] + hiss, rate, subtype="PCM_16")
    return path


def table(page):
    """The numbers that the page shows: labels, probabilities of the windows, and their mean."""
    page.wait_for_selector("[data-state=done], [data-state=failed]")
    rows = page.eval_on_selector_all(
        "#numbers tr", "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    )
    scores = np.array([[float(cell or "nan") for cell in row[1:]] for row in rows[1:]])  # silence has no numbers
    return rows[0][1:], scores[:-1], scores[-1]


@pytest.mark.parametrize("seconds", SECONDS.values(), ids=SECONDS)
@pytest.mark.parametrize(("rate", "channels", "largest"), [(16000, 1, 1e-3), (48000, 2, 0.01), (44100, 1, 0.01)])
def test_page_tells_what_python_tells(page, exported, tmp_path, seconds, rate, channels, largest):
    path, model = write_audio(tmp_path / "clip.wav", seconds, rate, channels), TFLiteModel(exported)
    page.set_input_files("#audio-file", path)
    labels, shown, mean = table(page)
    expected = model.score(windows(load_audio(path), model.samples))
    assert labels == model.labels
    assert len(shown) == (1 if seconds < 0.6 else 7)
    np.testing.assert_allclose(shown, expected, atol=largest)
    np.testing.assert_allclose(mean, expected.mean(axis=0), atol=largest)
    assert page.inner_text("#emotion") == labels[expected.mean(axis=0).argmax()]
    assert page.inner_text("#status") == f"clip.wav: {seconds:.2f} s."


def test_microphone_is_classified_while_it_records(page, exported):
    """Chromium's pretended microphone beeps; the windows come by the same rule."""
    page.click("#record")
    page.wait_for_selector("#status:text('Recording: 2.')")
    page.click("#record")
    _, shown, mean = table(page)
    seconds = float(page.inner_text("#status").split()[-2])
    samples = TFLiteModel(exported).samples
    assert abs(len(shown) - len(windows(np.zeros(round(seconds * 16000)), samples))) <= 1  # seconds are rounded
    np.testing.assert_allclose(shown.sum(axis=1), 1, atol=1e-3)
    np.testing.assert_allclose(mean, shown.mean(axis=0), atol=1e-3)


def test_silence_is_called_silence(page, tmp_path):
    soundfile.write(tmp_path / "silence.wav", np.zeros(16000), 16000)
    page.set_input_files("#audio-file", tmp_path / "silence.wav")
    _, shown, mean = table(page)
    assert np.isnan(shown).all()
    assert np.isnan(mean).all()
    assert page.inner_text("#emotion") == "silence"
    assert "silence" in page.inner_text("#status").removeprefix("silence.wav")


def test_channels_of_opposite_polarity_are_a_voice(page, exported, tmp_path):
    path = write_audio(tmp_path / "mono.wav", 1.9)
    voice, rate = soundfile.read(path)
    soundfile.write(tmp_path / "stereo.wav", np.stack([voice, -voice], axis=1), rate, subtype="PCM_16")
    page.set_input_files("#audio-file", tmp_path / "stereo.wav")
    _, shown, mean = table(page)
    model = TFLiteModel(exported)
    expected = model.score(windows(load_audio(tmp_path / "stereo.wav"), model.samples))
    np.testing.assert_allclose(shown, expected, atol=1e-3)
    np.testing.assert_allclose(mean, expected.mean(axis=0), atol=1e-3)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "not a TFLite file"),
        (b"PK\3\4 a zip, say, and nothing else of interest", "not a TFLite file"),
        ("plain", "without labels inside"),
        ("cut", "without labels inside"),
        ("broken", "cannot be run"),
    ],
    ids=["empty", "zip", "plain", "cut", "broken"],
)
def test_model_that_cannot_be_used_is_named(page, exported, tmp_path, content, told):
    whole = exported.read_bytes()
    tail = whole.index(b"PK\3\4")
    content = {"plain": whole[:tail], "cut": whole[:-100], "broken": whole[:64] + bytes(tail - 64) + whole[tail:]}.get(
        content, content
    )
    (tmp_path / "bad.tflite").write_bytes(content)
    page.set_input_files("#model-file", tmp_path / "bad.tflite")
    page.wait_for_selector("[data-state=failed]")
    assert page.inner_text("#status").startswith("bad.tflite: ")
    assert told in page.inner_text("#status")
    page.set_input_files("#audio-file", write_audio(tmp_path / "clip.wav", 0.7))  # the model before still serves
    assert len(table(page)[1]) == 2


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "empty"), (b"no audio at all " * 100, "not audio"), ("nan", "NaN")],
    ids=["empty", "text", "nan"],
)
def test_file_that_is_no_audio_is_named(page, tmp_path, content, told):
    path = tmp_path / "bad.wav"
    if content == "nan":
        soundfile.write(path, np.full(16000, np.nan, "float32"), 16000, subtype="FLOAT")
    else:
        path.write_bytes(content)
    page.set_input_files("#audio-file", path)
    page.wait_for_selector("[data-state=failed]")
    assert page.inner_text("#status").startswith("bad.wav: ")
    assert told in page.inner_text("#status")


def test_other_hosts_are_out_of_reach(page, origin):
    """Even of the same machine: the policy stops the request before it leaves."""
    elsewhere = origin.replace("127.0.0.1", "localhost")
    ask = "url => fetch(url, {mode: 'no-cors'}).then(() => 'reached', error => error.name)"
    assert page.evaluate(ask, f"{origin}/index.html") == "reached"
    assert page.evaluate(ask, f"{elsewhere}/index.html") == "TypeError"
