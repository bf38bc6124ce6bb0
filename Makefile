# `make demo` and `make test` need Python 3.11 to 3.13 and nothing else; everything is installed into .venv.
PYTHON ?= python3
PIP = -m pip install --quiet --disable-pip-version-check
TWO = -n 2 --dist loadfile  # processes; a test file stays in one, with what it makes
export TF_CPP_MIN_LOG_LEVEL ?= 3
# As the command does: much faster convolutions on some processors.
export TF_ENABLE_ONEDNN_OPTS ?= 1

.PHONY: demo test test-all notebooks lint lane-tf217 lane-jax lane-ray clean

demo: .venv/installed
	.venv/bin/emohrnet demo --out demo

test: .venv/installed lint
	.venv/bin/python -m pytest $(TWO) -m "not slow"

test-all: test lane-tf217 lane-jax lane-ray export/web/node_modules/.package-lock.json
	.venv/bin/python -m pytest -m slow
	.venv/bin/python -m pytest --doctest-modules emohrnet_tf
	.venv/bin/python docs/write_results.py --check
	.venv/bin/python docs/write_address.py --check
	EMOHRNET_JAX_RUN=.venv-jax/run .venv/bin/python -m pytest tests/training/test_backends.py

lint: .venv/installed
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

# Runs the notebooks and keeps their outputs; to be done before they are committed, on a quiet machine.
notebooks: .venv/installed
	cd notebooks && ../.venv/bin/jupyter execute --inplace *.ipynb

# TensorFlow 2.17.1 with tensorflow-io's compiled decoders: everything that touches audio, data, model and training.
lane-tf217: .venv-tf217/installed
	.venv-tf217/bin/python -m pytest $(TWO) -m "not slow" tests/audio/test_audio.py tests/data/test_prepare.py tests/data/test_data.py \
		tests/model/test_features.py tests/model/test_layers.py tests/data/test_augment.py tests/model/test_emohrnet.py tests/training/test_train.py

# Keras on JAX, TensorFlow not installed: the network trains there, and TensorFlow gives the same outputs (test-all).
lane-jax: .venv-jax/installed
	KERAS_BACKEND=jax .venv-jax/bin/python -m pytest tests/model/test_layers.py tests/model/test_hrnet.py tests/data/test_augment.py \
		tests/model/test_sphere.py tests/model/test_heads.py tests/training/test_losses.py
	KERAS_BACKEND=jax .venv-jax/bin/python tests/jax_run.py .venv-jax/run

# By Ray, on a cluster of two nodes on this machine, and a bucket on loopback.
lane-ray: .venv-ray/installed
	.venv-ray/bin/python -m pytest tests/inference/test_sources.py tests/inference/test_distributed.py tests/training/test_folds.py

.venv/installed: requirements.txt setup.py constraints/newest.txt
	$(PYTHON) -m venv .venv
	.venv/bin/python $(PIP) --constraint constraints/newest.txt --editable ".[test,onnx,parquet]"
	touch $@

# tensorflow-io's last wheels are for Python 3.11 and 3.12.
.venv-tf217/installed: requirements.txt setup.py constraints/tf217.txt
	$(PYTHON) -m venv .venv-tf217
	.venv-tf217/bin/python $(PIP) --constraint constraints/tf217.txt --editable ".[test]"
	touch $@

.venv-jax/installed: setup.py constraints/jax.txt
	$(PYTHON) -m venv .venv-jax
	.venv-jax/bin/python $(PIP) --requirement constraints/jax.txt
	.venv-jax/bin/python $(PIP) --no-deps --editable .
	touch $@

# Sees what is installed in .venv, so that only Ray and the bucket's server are to be installed; .venv stays as it is.
.venv-ray/installed: .venv/installed constraints/ray.txt
	$(PYTHON) -m venv .venv-ray
	.venv/bin/python -c "import site; print('import site; site.addsitedir(%r)' % site.getsitepackages()[0])" \
		> $$(.venv-ray/bin/python -c "import site; print(site.getsitepackages()[0])")/beside.pth
	.venv-ray/bin/python $(PIP) --requirement constraints/ray.txt
	touch $@

# The page of export/web; where npm or a Chromium is absent its test is skipped and says so.
export/web/node_modules/.package-lock.json: export/web/package-lock.json
	if command -v npm >/dev/null; then npm ci --prefix export/web --no-audit --no-fund --silent; touch $@; fi

clean:
	rm -rf .venv .venv-tf217 .venv-jax .venv-ray export/web/node_modules demo build dist *.egg-info
