import io
import json
import zipfile

import numpy as np
import pytest
from tone_model import LABELS, tone_model

from emohrnet_tf.errors import InputError
from emohrnet_tf.exporter.metadata import add_metadata, unpack
from emohrnet_tf.exporter.tflite import to_float32
from emohrnet_tf.inference.exported import read_metadata
from emohrnet_tf.licence import UNKNOWN

pytest.importorskip("ai_edge_litert", reason="ai-edge-litert is not installed: pip install 'emohrnet_tf[export]'")


@pytest.fixture(scope="module")
def bare():
    return to_float32(tone_model())


def strings(data):
    """What a reader of flatbuffers without our schema finds: length-prefixed strings."""
    return {bytes(data[i + 4 : i + 4 + n]) for i in range(0, len(data) - 4, 4) if 0 < (n := data[i]) < len(data) - i}


def test_labels_and_facts_come_back_and_any_zip_program_lists_them(bare):
    file = add_metadata(bare, LABELS, 16000, name="Tones", version="7", about={"kind": "float32"})
    facts = {"name": "Tones", "version": "7", "sample_rate": 16000, "channels": 1, "kind": "float32"}
    facts["licence"] = UNKNOWN
    assert read_metadata(file) == facts | {"labels": LABELS}
    with zipfile.ZipFile(io.BytesIO(file)) as tail:
        assert tail.namelist() == ["labels.txt", "emohrnet.json"]
        assert tail.read("labels.txt") == b"low\nhigh\nnoise\n"
        assert tail.testzip() is None
        assert {info.compress_type for info in tail.infolist()} == {zipfile.ZIP_STORED}, "MediaPipe reads no other"


def test_metadata_flatbuffer_says_what_it_should(bare):
    model = unpack(add_metadata(bare, LABELS, 22050, name="Tones", author="Somebody", licence="MIT"))
    (entry,) = [entry for entry in model.metadata if entry.name == b"TFLITE_METADATA"]
    data = bytes(model.buffers[entry.buffer].data)
    assert data[4:8] == b"M001"
    assert {b"Tones", b"Somebody", b"MIT", b"labels.txt", b"emohrnet.json", b"1.3.0"} <= strings(data)
    assert (22050).to_bytes(4, "little") in data


def test_generated_reader_agrees_where_mediapipe_is_installed(bare):
    schema = pytest.importorskip(
        "mediapipe.tasks.metadata.metadata_schema_py_generated", reason="mediapipe is not installed"
    )
    model = unpack(add_metadata(bare, LABELS, 16000, name="Tones", version="7"))
    entry = next(entry for entry in model.metadata if entry.name == b"TFLITE_METADATA")
    read = schema.ModelMetadataT.InitFromPackedBuf(bytes(model.buffers[entry.buffer].data), 0)
    assert (read.name, read.version, read.author, read.license) == (b"Tones", b"7", b"emohrnet_tf", UNKNOWN.encode())
    (graph,) = read.subgraphMetadata
    (waveform,), (probabilities,) = graph.inputTensorMetadata, graph.outputTensorMetadata
    assert waveform.content.contentPropertiesType == schema.ContentProperties.AudioProperties
    assert waveform.content.contentProperties.sampleRate == 16000
    assert waveform.content.contentProperties.channels == 1
    assert probabilities.name == b"probabilities"
    assert probabilities.associatedFiles[0].name == b"labels.txt"
    assert probabilities.associatedFiles[0].type == schema.AssociatedFileType.TENSOR_AXIS_LABELS
    assert np.asarray(probabilities.stats.max).tolist() == [1, 1, 1]


def test_same_model_gives_the_same_bytes_and_new_metadata_replaces_old(bare):
    once = add_metadata(bare, LABELS, 16000)
    assert add_metadata(bare, LABELS, 16000) == once
    again = add_metadata(add_metadata(bare, ["a", "b", "c"], 8000), LABELS, 16000)
    assert read_metadata(again) == read_metadata(once)
    assert len(again) == len(once)


def test_labels_of_any_language(bare):
    labels = ["Freude", "гнев", "悲しみ"]
    assert read_metadata(add_metadata(bare, labels, 16000))["labels"] == labels


def test_bad_input_is_named(bare):
    for labels in (LABELS[:2], ["a", "b", ""], ["a", "b", "c\nd"]):
        with pytest.raises(InputError, match="3 labels of one line each"):
            add_metadata(bare, labels, 16000)
    with pytest.raises(InputError, match="Not a TFLite file"):
        add_metadata(b"RIFF0000WAVE", LABELS, 16000)
    for file in (b"", bare, bare + json.dumps({}).encode()):
        with pytest.raises(InputError, match="no labels inside"):
            read_metadata(file)
