# make run and make test are all that a person needs; each sets up .venv first.
PY = .venv/bin/python
BENCHES = branches continual export extraction freeze front kill latency layer_plot learn orders \
          predict rehearsal search window

.PHONY: run test lint bench screenshots package prepare

prepare:
	@packaging/prepare

# Opens the workbench; without a display it does the main job on the sample images instead.
run: prepare
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" = Darwin ]; \
	then $(PY) -m app; else $(PY) -m app demo --to espalier-demo; fi

test:
	@packaging/prepare tests
	$(PY) -m pytest

lint: prepare
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

# Each takes photos and weights of yours too: python -m tests.bench.learn --help
bench: prepare
	@for bench in $(BENCHES); do echo "== $$bench"; $(PY) -m tests.bench.$$bench || exit 1; done

screenshots: prepare
	$(PY) -m app.screenshots screenshots

# Makes what people install without Python, into dist/. TORCH_INDEX=URL takes PyTorch from an index
# of its builds without CUDA.
package: prepare
	@TORCH_INDEX="$(TORCH_INDEX)" packaging/package
