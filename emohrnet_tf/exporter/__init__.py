"""Export: `exporter` writes and verifies everything; `run` runs a TFLite file where TensorFlow is not installed."""
