"""The page of `export/web` on this machine's own address, with a model in place: for listening, not for the network."""

import errno
import functools
import http.server
import json
import os
import shlex
from pathlib import Path
from urllib.parse import urlsplit

from emohrnet_tf.errors import InputError
from emohrnet_tf.files import printable
from emohrnet_tf.inference.exported import read_metadata

HOST = "127.0.0.1"
MODEL = "/model.tflite"
MODULES = "/node_modules/"
# Not left to the system, whose own table may call JavaScript plain text.
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
KINDS |= {".wasm": "application/wasm", ".json": "application/json", ".map": "application/json"}


def make_server(model, port=8000, page=None, modules=None):
    """A server of the page, bound to `127.0.0.1`; `serve_forever` runs it.

    Args:
        model: path of a `.tflite` file of `emohrnet export`; or `EmoHRNet`, or the path or name of one, which is
            converted here (float32, some seconds).
        port: of the address; 0 takes any that is free.
        page: folder of the page's files, else where this package has them.
        modules: folder `node_modules` that holds LiteRT's JavaScript, else where `modules_folder` finds it.

    Returns:
        `http.server.ThreadingHTTPServer` with the attribute `url`, at which the page opens the model.

    Raises:
        InputError: no model of emotions, LiteRT's JavaScript is not installed, or a port that cannot be had.

    Example:
        with make_server("ravdess") as server:
            print(server.url)
            server.serve_forever()
    """
    page = Path(page) if page else page_folder()
    modules = Path(modules) if modules else modules_folder(page)
    files = functools.partial(Handler, model=tflite_of(model), modules=modules, page=page)
    try:
        server = http.server.ThreadingHTTPServer((HOST, port), files)
    except (OSError, OverflowError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        reason = "is in use" if taken else f"cannot be had ({getattr(error, 'strerror', None) or error})"
        raise InputError(f"Port {port} {reason}: give another, or 0 for any. Received: {port!r}") from error
    server.daemon_threads = True
    server.url = f"http://{HOST}:{server.server_port}/?model={MODEL[1:]}"
    return server


def page_folder():
    """The folder of the page's files: within the installed package, or `export/web` of a checkout.

    Raises:
        InputError: in neither.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "web", package.parent / "export" / "web"):
        if (folder / "index.html").is_file():
            return folder
    raise InputError(f"The page's files are not installed: install emohrnet_tf again. Received: {package / 'web'}")


def modules_folder(page):
    """The `node_modules` that holds LiteRT's JavaScript: beside the page, or in the user's cache.

    Raises:
        InputError: in neither; the message is the command that installs it.
    """
    name, version = next(iter(json.loads((page / "package.json").read_text("utf-8"))["dependencies"].items()))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "emohrnet_tf" / "web"
    for folder in (page, cache):
        try:
            found = json.loads((folder / "node_modules" / name / "package.json").read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if found.get("version") == version:
            return folder / "node_modules"
    raise InputError(
        f"The page runs on LiteRT's JavaScript, which is not here; with Node.js installed, run this once: "
        f"npm install --prefix {shlex.quote(str(cache))} {name}@{version}. Received: no {name} {version} in {cache}"
    )


def tflite_of(model):
    """Bytes of a TFLite file of emotions, as it is or converted."""
    if not isinstance(model, str | Path) or Path(model).suffix.lower() != ".tflite":
        model = _converted(model)
    else:
        try:
            model = Path(model).read_bytes()
        except OSError as error:
            raise InputError(
                f"{printable(model)} cannot be read ({error.strerror}): give a .tflite file of `emohrnet export`. "
                f"Received: {printable(model)}"
            ) from error
    if not read_metadata(model)["labels"]:
        raise InputError("The page shows emotions, and this file has none: give one of emotions. Received: no labels")
    return model


def _converted(model):
    """`litert.converted` of a model or its name."""
    try:
        import ai_edge_litert  # noqa: F401
        import flatbuffers  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"A model is converted with {error.name}: pip install 'emohrnet_tf[export]', or give a .tflite file. "
            f"Received: {model!r}"
        ) from error
    from emohrnet_tf.exporter.litert import converted
    from emohrnet_tf.model.saved import load_model

    model = load_model(model) if isinstance(model, str | Path) else model
    if not model.labels:
        raise InputError("The page shows emotions: give a model that names them, or a joint one. Received: 'vad'")
    return converted(model, task="emotion")


class Handler(http.server.BaseHTTPRequestHandler):
    """The page's files, LiteRT's and the model, to this machine alone; everything else is not there."""

    protocol_version = "HTTP/1.1"

    def __init__(self, *arguments, model, modules, page):
        self.model, self.modules, self.page = model, modules, page
        super().__init__(*arguments)

    def do_GET(self):
        name = (self.headers.get("Host") or "").rpartition(":")[0]
        if name not in (HOST, "localhost"):  # a name of another site that was pointed at this machine
            self.send_error(403, "This server answers to 127.0.0.1 and localhost")
            return
        asked = urlsplit(self.path)
        if asked.path == "/" and not asked.query:
            self._send(302, b"", Location=f"/?model={MODEL[1:]}")
        elif asked.path == MODEL:
            self._send(200, self.model, "application/octet-stream")
        elif (file := self._file(asked.path)) is None:
            self.send_error(404)
        else:
            self._send(200, file.read_bytes(), KINDS[file.suffix])

    do_HEAD = do_GET

    def _file(self, path):
        """The file that a path names: within the two folders, and of a kind that the page has."""
        folder, rest = self.page, path.lstrip("/") or "index.html"
        if path.startswith(MODULES):
            folder, rest = self.modules, path.removeprefix(MODULES)
        elif "/" in rest:  # the page's files lie side by side
            return None
        try:
            file = (folder / rest).resolve(strict=True)
        except (OSError, ValueError):
            return None
        inside = file.is_relative_to(folder.resolve())
        return file if inside and file.is_file() and file.suffix in KINDS else None

    def _send(self, status, content, kind="text/plain", **headers):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": len(content), "Cache-Control": "no-store"}.items():
            self.send_header(name, str(value))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, *_):
        """Nothing: a line for each file says nothing to who looks at the page."""
