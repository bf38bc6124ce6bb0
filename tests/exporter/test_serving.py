"""export/serving: configurations parse; both clients really run, against servers that answer as TF Serving would."""

import ast
import base64
import importlib.util
import json
import re
import subprocess
import sys
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory, text_format, wrappers_pb2
from served import make_model, speech, wav

from emohrnet_tf.audio.files import load_audio
from emohrnet_tf.exporter.saved_model import write_saved_model

SERVING = Path(__file__).parents[2] / "export/serving"
needs_api = pytest.mark.skipif(
    importlib.util.find_spec("tensorflow_serving") is None, reason="tensorflow-serving-api is not installed"
)
needs_grpc = pytest.mark.skipif(importlib.util.find_spec("grpc") is None, reason="grpcio is not installed")


@pytest.fixture(scope="module")
def model():
    return make_model()


@pytest.fixture(scope="module")
def served(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("serving") / "1"
    write_saved_model(model, folder, warmup=False)
    return tf.saved_model.load(str(folder)).signatures


@pytest.fixture(scope="module")
def files():
    return [wav(speech(0)), wav(speech(1, rate=44100), 44100), b"no WAV", wav(speech(2, seconds=4))]


@pytest.fixture(scope="module")
def expected(model, files):
    return [None if file == b"no WAV" else model(load_audio(file)[None])["probabilities"][0].numpy() for file in files]


def client(name):
    spec = importlib.util.spec_from_file_location(name, SERVING / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def assert_answers(model, answers, expected):
    for answer, row in zip(answers, expected, strict=True):
        assert sorted(answer) == ["embedding", "error", "label", "probabilities"]
        if row is None:
            assert "not a WAV" in answer["error"]
            assert answer["label"] == ""
            assert not any(answer["probabilities"])
        else:
            assert answer["error"] == ""
            assert answer["label"] == model.labels[int(np.argmax(row))]
            np.testing.assert_allclose(answer["probabilities"], row, atol=2e-3)
    np.testing.assert_allclose(answers[0]["probabilities"], expected[0], atol=1e-5)


# --- REST ---


def to_tensor(value, dtype):
    """A JSON value as json_tensor.cc of TF Serving reads it: nested lists of one shape, {"b64": ...} for bytes."""

    def leaf(x):
        if isinstance(x, list):
            return [leaf(item) for item in x]
        if isinstance(x, dict):
            assert list(x) == ["b64"], x
            assert dtype == tf.string, x
            return base64.b64decode(x["b64"], validate=True)
        return x

    return tf.constant(leaf(value), dtype)  # lists of unequal lengths are an error, there as here


def answer_rest(served, body):
    """TF Serving's Predict API on the `instances` (rows) and `inputs` (columns) formats."""
    request = json.loads(body)
    assert not set(request) - {"signature_name", "instances", "inputs"}
    assert ("instances" in request) != ("inputs" in request)
    signature = served[request.get("signature_name", "serving_default")]
    specs = {name: spec.dtype for name, spec in signature.structured_input_signature[1].items()}
    if "inputs" in request:
        columns = request["inputs"]
    else:
        rows = request["instances"]
        named = isinstance(rows[0], dict) and list(rows[0]) != ["b64"]
        columns = {name: [row[name] if named else row for row in rows] for name in specs}
    assert set(columns) == set(specs)
    inputs = {name: to_tensor(columns[name], dtype) for name, dtype in specs.items()}
    outputs = {name: x.numpy() for name, x in signature(**inputs).items()}
    lists = {k: [x.decode() for x in v] if v.dtype == object else v.tolist() for k, v in outputs.items()}
    if "inputs" in request:
        return inputs, {"outputs": lists}
    return inputs, {"predictions": [dict(zip(lists, row)) for row in zip(*lists.values())]}


@pytest.fixture(scope="module")
def rest(served):
    """Address of a stub of TF Serving's REST server, and the bodies that came in."""
    bodies = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            bodies.append(body)
            if self.path != "/v1/models/emotion:predict":
                code, answer = 404, {"error": f"Servable not found for request: {self.path}"}
            else:
                try:
                    code, answer = 200, answer_rest(served, body)[1]
                except Exception as error:
                    code, answer = 400, {"error": str(error)}
            data = json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", bodies
    server.shutdown()
    server.server_close()
    thread.join()


def test_rest_one_file_and_many(model, rest, files, expected):
    predict = client("client_rest").predict
    assert_answers(model, predict(files[:1], rest[0]), expected[:1])
    assert_answers(model, predict(files, rest[0]), expected)


def test_rest_client_runs_alone(rest, files, expected, model, tmp_path):
    paths = [tmp_path / f"{number}.wav" for number in range(len(files))]
    for path, file in zip(paths, files):
        path.write_bytes(file)

    def run(*arguments):
        command = [sys.executable, "-I", "-S", SERVING / "client_rest.py", *arguments]  # no site-packages
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    done = run(paths[0], paths[3], "--url", rest[0])
    assert done.returncode == 0, done.stderr
    label = model.labels[int(np.argmax(expected[0]))]
    assert done.stdout.splitlines()[0].split("\t") == [str(paths[0]), label, f"{expected[0].max():.3f}"]
    done = run(*paths, "--url", rest[0], "--json")
    assert done.returncode == 1
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer.pop("file") for answer in answers] == [str(path) for path in paths]
    assert_answers(model, answers, expected)
    done = run(paths[2], "--url", rest[0])
    assert done.returncode == 1
    assert "not a WAV" in done.stderr
    done = run(tmp_path / "missing.wav", "--url", rest[0])
    assert done.returncode == 1
    assert "missing.wav" in done.stderr
    assert "Traceback" not in done.stderr
    done = run(*[paths[0]] * 17, "--url", rest[0])
    assert len(done.stdout.splitlines()) == 17
    assert [len(json.loads(body)["instances"]) for body in rest[1][-2:]] == [16, 1]


def test_rest_says_what_is_wrong_with_the_server(rest, files):
    predict = client("client_rest").predict
    with pytest.raises(RuntimeError, match="404.*Servable not found"):
        predict(files[:1], rest[0], model="other")
    with pytest.raises(RuntimeError, match="cannot be reached"):
        predict(files[:1], "http://127.0.0.1:9", timeout=5)


def test_rest_client_needs_the_standard_library_alone():
    tree = ast.parse((SERVING / "client_rest.py").read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


@pytest.mark.parametrize(
    "body",
    [
        {"instances": [[0.1] * 20000, [0.2] * 20000]},
        {"inputs": [[0.1] * 20000]},
        {"signature_name": "padded", "instances": [{"waveform": [0.1, 0.2], "length": 1}]},
        {"signature_name": "padded", "inputs": {"waveform": [[0.1, 0.2]], "length": [2]}},
    ],
)
def test_readme_bodies_for_waveforms(served, body):
    if isinstance(body.get("inputs"), list):
        body = {"inputs": {"waveform": body["inputs"]}}
    _, answer = answer_rest(served, json.dumps(body))
    errors = answer["outputs"]["error"] if "outputs" in answer else [row["error"] for row in answer["predictions"]]
    assert not any(errors)


@needs_api
def test_a_rest_body_is_a_predict_request(served, rest, files):
    from tensorflow_serving.apis import predict_pb2

    client("client_rest").predict(files, rest[0])
    body = json.loads(rest[1][-1])
    inputs, _ = answer_rest(served, rest[1][-1])
    request = predict_pb2.PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "emotion", body["signature_name"]
    for name, tensor in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(tensor))
    again = json_format.Parse(json_format.MessageToJson(request), predict_pb2.PredictRequest())
    assert again == request == parse_wire(request)
    assert tf.make_ndarray(again.inputs["wav"]).tolist() == files


def parse_wire(message):
    return type(message).FromString(message.SerializeToString())


# --- gRPC ---


@needs_api
@needs_grpc
def test_grpc_client_against_a_real_grpc_server(model, served, files, expected):
    import grpc
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
        def Predict(self, request, context):
            if request.model_spec.name != "emotion":
                context.abort(grpc.StatusCode.NOT_FOUND, "Servable not found")
            inputs = {name: tf.constant(tf.make_ndarray(tensor)) for name, tensor in request.inputs.items()}
            outputs = served[request.model_spec.signature_name](**inputs)
            response = predict_pb2.PredictResponse()
            for name, tensor in outputs.items():
                response.outputs[name].CopyFrom(tf.make_tensor_proto(tensor))
            return response

    server = grpc.server(futures.ThreadPoolExecutor(2), options=[("grpc.max_receive_message_length", -1)])
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    module = client("client_grpc")
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=module.NO_LIMIT) as channel:
            columns = module.predict(files, channel)
            answers = [dict(zip(columns, row)) for row in zip(*columns.values())]
            assert_answers(model, answers, expected)
            large = module.predict([wav(np.zeros(3_000_000))], channel)  # 6 MB: above gRPC's own limit of 4
            assert large["error"] == [""]
            with pytest.raises(grpc.RpcError) as error:
                module.predict(files, channel, model="other")
            assert error.value.code() == grpc.StatusCode.NOT_FOUND
    finally:
        server.stop(None).wait()


@needs_api
@needs_grpc
def test_grpc_request_is_what_the_signature_takes(served, files):
    request = client("client_grpc").make_request(files)
    assert parse_wire(request) == request
    assert json_format.Parse(json_format.MessageToJson(request), type(request)()) == request
    signature = served[request.model_spec.signature_name].structured_input_signature[1]
    assert {name: tf.as_dtype(x.dtype) for name, x in request.inputs.items()} == {
        name: spec.dtype for name, spec in signature.items()
    }


# --- Configurations ---


@needs_api
def test_model_config_parses():
    from tensorflow_serving.config import model_server_config_pb2

    text = (SERVING / "models.config").read_text()
    config = text_format.Parse(text, model_server_config_pb2.ModelServerConfig()).model_config_list.config
    assert [(model.name, model.base_path, model.model_platform) for model in config] == [
        ("emotion", "/models/emotion", "tensorflow")
    ]


def test_batching_config_parses():
    """tensorflow-serving-api leaves BatchingParameters out; these are its fields (session_bundle_config.proto)."""
    file = descriptor_pb2.FileDescriptorProto(name="batching.proto", package="t", syntax="proto3")
    file.dependency.append("google/protobuf/wrappers.proto")
    message = file.message_type.add(name="BatchingParameters")
    names = ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads")
    for number, name in enumerate(names, 1):
        message.field.add(name=name, number=number, type=11, label=1, type_name=".google.protobuf.Int64Value")
    message.field.add(name="allowed_batch_sizes", number=6, type=3, label=3)
    message.field.add(name="pad_variable_length_inputs", number=7, type=8, label=1)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(file)
    kind = message_factory.GetMessageClass(pool.FindMessageTypeByName("t.BatchingParameters"))
    config = text_format.Parse((SERVING / "batching.config").read_text(), kind())
    assert not config.pad_variable_length_inputs
    assert config.max_batch_size.value >= client("client_rest").FILES_AT_ONCE


def test_compose_serves_what_is_there():
    text = (SERVING / "compose.yaml").read_text()
    versions = re.findall(r"image: tensorflow/serving:\$\{TF_SERVING_VERSION:-(\d+)\.(\d+)\.(\d+)\}", text)
    assert len(versions) == 2
    ours = tuple(int(part) for part in tf.__version__.split(".")[:2])
    assert all(tuple(map(int, version[:2])) >= ours for version in versions)
    mounted = dict(re.findall(r"- \./(\S+?):(\S+?):ro", text))
    assert all((SERVING / name).is_file() for name in mounted)
    assert set(re.findall(r"_file=([\w./]+)", text)) == set(mounted.values())
    assert "/saved_model:/models/emotion:ro" in text
