# make run and make test are all that a person needs; each sets up .venv first. With
# TORCH_INDEX=URL, PyTorch comes from an index of its smaller builds, for processors alone.
PY = .venv/bin/python
BENCHES = adapt branches cluster compare continual elastic export extraction features film freeze front heap int8 kill labels \
          latency layer_plot learn map memory orders portfolio predict promise rehearsal review search \
          sort_window stream window

.PHONY: run test lint bench drills soak screenshots package prepare prepare-tests

prepare:
	@packaging/prepare

# What running needs, and what tests need.
prepare-tests:
	@packaging/prepare tests

# Opens the workbench; without a display it does the main job on the sample images instead.
run: prepare
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" = Darwin ]; \
	then $(PY) -m app; else $(PY) -m app demo --to espalier-demo; fi

test: prepare-tests
	$(PY) -m pytest

lint: prepare-tests
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports

# Each takes photos and weights of yours too: python -m tests.bench.learn --help
bench: prepare-tests
	@for bench in $(BENCHES); do echo "== $$bench"; $(PY) -m tests.bench.$$bench || exit 1; done

# What is left when something goes in the middle of something; takes long.
drills: prepare-tests
	@for drill in kill drills.power_cut drills.disks drills.any_order hostile \
			"drills.fuzz --minutes 5"; do \
		echo "== $$drill"; $(PY) -m tests.bench.$$drill || exit 1; done

# A person at the window for hours, under Xvfb: does anything grow? HOURS=24 for a day.
HOURS = 6
soak: prepare-tests
	xvfb-run -a $(PY) -m tests.bench.drills.soak --hours $(HOURS)

screenshots: prepare
	$(PY) -m app.shell.screenshots screenshots

# Makes what people install without Python, into dist/.
package: prepare
	@packaging/package
