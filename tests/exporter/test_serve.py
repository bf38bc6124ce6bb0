"""The page's server: files of the page, of LiteRT and the model, to this machine alone."""

import contextlib
import http.client
import json
import os
import socket
import threading

import pytest

from emohrnet_tf.errors import InputError
from emohrnet_tf.exporter import serve
from emohrnet_tf.exporter.metadata import add_metadata
from emohrnet_tf.exporter.tflite import convert
from emohrnet_tf.inference.exported import read_metadata

VERSION = json.loads((serve.page_folder() / "package.json").read_text())["dependencies"]["@litertjs/core"]


@pytest.fixture(scope="module")
def modules(tmp_path_factory):
    """A folder that looks as npm leaves it, below a cache."""
    cache = tmp_path_factory.mktemp("cache")
    core = cache / "emohrnet_tf" / "web" / "node_modules" / "@litertjs" / "core"
    (core / "wasm").mkdir(parents=True)
    (core / "package.json").write_text(json.dumps({"version": VERSION}))
    (core / "wasm" / "litert.wasm").write_bytes(b"\0asm")
    (cache / "emohrnet_tf" / "secret.js").write_text("not of the page")
    return core.parents[1]


@pytest.fixture(scope="module")
def tflite(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("served") / "model.tflite"
    path.write_bytes(add_metadata(convert(model, "float32"), model.labels, model.audio.sample_rate))
    return path


@pytest.fixture(scope="module")
def server(tflite, modules):
    with serve.make_server(tflite, 0, modules=modules) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(server, path, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    with contextlib.closing(connection):
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.getheader("Content-Type"), answer.read(), answer.getheader("Location")


def test_page_model_and_litert_are_there(server, tflite):
    assert server.server_address[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_port}/?model=model.tflite"
    assert ask(server, "/")[::3] == (302, "/?model=model.tflite")
    status, kind, content, _ = ask(server, "/?model=model.tflite")
    assert (status, kind) == (200, "text/html")
    assert b"Nothing leaves this machine" in content
    assert ask(server, "/app.js")[:2] == (200, "text/javascript")
    assert ask(server, "/model.tflite")[2] == tflite.read_bytes()
    assert ask(server, "/node_modules/@litertjs/core/wasm/litert.wasm")[:3] == (200, "application/wasm", b"\0asm")
    assert ask(server, "/app.js", "HEAD")[2] == b""


OUTSIDE = ["/node_modules/../../secret.js", "/../setup.py", "/..%2fsetup.py", "/node_modules//etc/hostname"]
NONE = ["/node_modules/", "/none.js", "/README.md", "//app", "/app.js/", "/%00.js", "/.gitignore"]


@pytest.mark.parametrize("path", OUTSIDE + NONE)
def test_nothing_else_is(server, path):
    assert ask(server, path)[0] == 404


def test_a_name_that_another_site_points_here_gets_no_answer(server):
    assert ask(server, "/model.tflite", Host="evil.example:80")[0] == 403
    assert ask(server, "/model.tflite", Host=f"localhost:{server.server_port}")[0] == 200
    assert ask(server, "/model.tflite", "POST")[0] == 501


def test_a_model_is_converted(model):
    found = read_metadata(serve.tflite_of(model))
    assert found["labels"] == model.labels
    assert found["sample_rate"] == model.audio.sample_rate


def test_bad_input_ends_in_one_message(emohrnet, monkeypatch, tmp_path, modules, tflite):
    def fails(*arguments):
        code, out, err = emohrnet("serve", *arguments)
        assert code == 2, out
        assert "Traceback" not in err
        return " ".join(err.split())

    page = page_alone(tmp_path)
    monkeypatch.setattr(serve, "page_folder", lambda: page)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    command = f"npm install --prefix {tmp_path / 'cache'}{os.sep}emohrnet_tf{os.sep}web @litertjs/core@{VERSION}"
    assert command in fails(tflite)
    core = tmp_path / "cache" / "emohrnet_tf" / "web" / "node_modules" / "@litertjs" / "core"
    core.mkdir(parents=True)
    (core / "package.json").write_text('{"version": "0.1.0"}')
    assert command in fails(tflite), "another version"
    monkeypatch.setenv("XDG_CACHE_HOME", str(modules.parents[2]))
    assert "none.tflite cannot be read" in fails(tmp_path / "none.tflite")
    (tmp_path / "text.tflite").write_text("no model")
    assert "no labels inside" in fails(tmp_path / "text.tflite")
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert "is in use: give another" in fails(tflite, "--port", other.getsockname()[1])
    assert "65535" in fails(tflite, "--port", 70000)


def page_alone(folder):
    """A page without node_modules, as it is installed."""
    page = folder / "page"
    page.mkdir()
    for name in ("index.html", "package.json"):
        (page / name).write_bytes((serve.page_folder() / name).read_bytes())
    return page


def test_the_command_serves_until_it_is_interrupted(emohrnet, monkeypatch, modules, tflite):
    monkeypatch.setenv("XDG_CACHE_HOME", str(modules.parents[2]))
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)

    def interrupted(self):
        assert opened == [self.url]
        raise KeyboardInterrupt

    monkeypatch.setattr("http.server.ThreadingHTTPServer.serve_forever", interrupted)
    code, out, err = emohrnet("serve", tflite, "--port", "0", "--open")
    assert (code, err) == (0, "")
    assert opened[0] in out


def test_dimensions_alone_have_no_page():
    class Vad:
        labels = ()

    with pytest.raises(InputError, match="names them"):
        serve.tflite_of(Vad())
