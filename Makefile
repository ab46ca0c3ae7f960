# make demo   build, then watch a small city for half a minute
# make test   everything that proves the project, in a virtual environment of its own
# make dev    an editable install, for working on it
# make peers  what the benchmarks compare with, beside an install of any of the others
# make evaluate  our own figures of alarms, what is found, and calibration, into build/evaluation-2/plate and /ocr
# make bench  every benchmark, beside all peers, and a page about it; up to 20 minutes, goes on where it was interrupted
# make wheel  an sdist and a wheel of it, audited, installed where no compiler is, and tried, into dist
# make edge   what a device links: libraries, examples, and what Python answers replayed in C; also edge-armv7, edge-aarch64
# make lint   what CI checks beside the tests
# make soak   kills the service again and again under load and counts what is lost; about ten minutes
# make fuzz   looks for inputs that break the core, FUZZ_SECONDS for each target; needs Clang with libFuzzer
# make fuzz-formats  looks for messages of cameras that break their formats: FUZZ_INPUTS of them

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FIXED_ADDRESSES = $(shell setarch $$(uname -m) -R true 2>/dev/null && echo setarch $$(uname -m) -R)
SOURCES := $(shell find src bindings cpp examples benchmarks -type f -not -name '*.pyc' -not -path 'cpp/fuzz/*' -not -path 'benchmarks/record/*' 2>/dev/null)

FUZZ_CXX ?= clang++-16
FUZZ_SECONDS ?= 60
FUZZ_INPUTS ?= 10000000
EVALUATE_MAX_EDITS ?= 2
FUZZ_TARGETS := bundle index normalize pattern

.PHONY: demo evaluate evaluate-plate evaluate-ocr evaluate-readme test test-cpp test-tsan test-free-threaded test-aarch64 test-armv7 aarch64-tools armv7-tools edge edge-host edge-aarch64 edge-armv7 edge-aarch64-musl edge-windows edge-macos wheel-windows wheel-musl test-python bench bench-readme bench-core \
  check-instructions write-instructions peers dev lint format stubs wheel \
  fuzz fuzz-build fuzz-corpus fuzz-formats soak clean

demo: $(VENV)/installed
	$(BIN)/platewatch demo

test: test-cpp test-python

# Each file in one process, as its tests may share what takes long to make.
test-python: $(VENV)/installed-test
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

# GoogleTest is the one thing that pip cannot bring: without it the C++ tests are left out, and it is said;
# PLATEWATCH_REQUIRE_CPP_TESTS=1 makes that an error.
test-cpp: $(VENV)/installed-test
	$(BIN)/cmake -S . -B build/cpp -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) -DCMAKE_BUILD_TYPE=Debug \
	  -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g" \
	  -DPLATEWATCH_TESTS=ON -DPLATEWATCH_PYTHON=OFF -DPLATEWATCH_WERROR=ON -DPLATEWATCH_SANITIZE=address,undefined \
	  -DPLATEWATCH_REQUIRE_GTEST=$(or $(PLATEWATCH_REQUIRE_CPP_TESTS),0)
	$(BIN)/cmake --build build/cpp
	$(BIN)/ctest --test-dir build/cpp --output-on-failure --parallel 2

# The page is build/bench-record/report.html, the record is kept in benchmarks/record. FRESH=1 starts anew.
bench: $(VENV)/installed-test peers bench-core
	$(BIN)/python -m benchmarks --output build/bench-record --core build/bench/core_benchmark $(if $(FRESH),--fresh)

# Puts the figures and the plot of the newest full record into README.md.
bench-readme: $(VENV)/installed-test
	$(BIN)/python -m benchmarks.readme --write

check-instructions write-instructions: bench-core
	$(BIN)/python -m benchmarks.instructions build/bench/instructions_benchmark $(if $(filter write-%,$@),--write)

bench-core: $(VENV)/installed-test
	$(BIN)/cmake -S . -B build/bench -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) -DPLATEWATCH_PYTHON=OFF \
	  -DPLATEWATCH_BENCHMARKS=ON
	$(BIN)/cmake --build build/bench

# Libraries from PyPI, and Rust's fst, which needs cargo. PostgreSQL is the system's.
peers: $(VENV)/bin/python
	$(BIN)/pip install --quiet $(GROUP_peers)
	@if command -v cargo >/dev/null; then \
	  VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop --quiet --release --locked \
	    --manifest-path benchmarks/peers/fst_peer/Cargo.toml --target-dir build/fst_peer; \
	else echo "fst_peer is LEFT OUT: there is no cargo (Debian: cargo, or rustup)" >&2; fi

# The C++ tests on another architecture, whatever this machine is: cross-compiled and run by an emulator, GoogleTest
# too from its sources. AArch64 has a kernel that is tested nowhere else, armv7 has no number of 128 bits.
GTEST_SOURCE ?= /usr/src/googletest
ARCH_aarch64 := aarch64-linux-gnu
ARCH_armv7 := arm-linux-gnueabihf
TOOLCHAIN_aarch64 := cmake/aarch64-linux-gnu.cmake
TOOLCHAIN_armv7 := cmake/armv7-linux-gnueabihf.cmake
QEMU_aarch64 := qemu-aarch64
QEMU_armv7 := qemu-arm
# Two minutes under the emulator, and what it damages at every byte DamagedSnapshot damages at random.
LEFT_OUT_armv7 := DamagedByte

test-aarch64 test-armv7: test-%: %-tools $(VENV)/installed-test
	$(BIN)/cmake -S . -B build/$* -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) -DCMAKE_BUILD_TYPE=Debug \
	  -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g" --toolchain $(TOOLCHAIN_$*) \
	  -Wno-deprecated -Wno-unused-cli \
	  -DPLATEWATCH_TESTS=ON -DPLATEWATCH_PYTHON=OFF -DPLATEWATCH_WERROR=ON -DPLATEWATCH_GTEST_SOURCE=$(GTEST_SOURCE)
	$(BIN)/cmake --build build/$*
	$(BIN)/ctest --test-dir build/$* --output-on-failure --parallel 2 $(if $(LEFT_OUT_$*),--exclude-regex $(LEFT_OUT_$*))

aarch64-tools armv7-tools: %-tools:
	@command -v $(ARCH_$*)-g++ >/dev/null && command -v $(QEMU_$*) >/dev/null && \
	  test -f $(GTEST_SOURCE)/CMakeLists.txt || { echo "make test-$* needs the Debian packages" \
	  "g++-$(ARCH_$*), qemu-user and googletest" >&2; exit 1; }

# What a device links, built as for one: the libraries installed, both examples and a consumer of the package built
# against them, and what Python answers replayed in C; the sizes are printed. Elsewhere under an emulator. Here it needs
# OpenSSL 3 (Debian: libssl-dev), unless it is told EDGE_OPENSSL_host=OFF.
EDGE_TOLERANCE_host := 0
EDGE_TOLERANCE_aarch64 := 1e-12
EDGE_TOLERANCE_armv7 := 1e-12
EDGE_OPENSSL_host ?= ON
# Those are the small ones: all of it for size.
EDGE_TYPE_armv7 := MinSizeRel

edge: edge-host
edge-host: $(VENV)/installed-test
edge-aarch64 edge-armv7: edge-%: %-tools $(VENV)/installed-test
edge-host edge-aarch64 edge-armv7: edge-%:
	$(BIN)/cmake -S . -B build/edge-$* -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) \
	  $(if $(TOOLCHAIN_$*),--toolchain $(TOOLCHAIN_$*)) -Wno-deprecated -DPLATEWATCH_PYTHON=OFF -DPLATEWATCH_EDGE=ON \
	  -DPLATEWATCH_MATCH=ON -DCMAKE_BUILD_TYPE=$(or $(EDGE_TYPE_$*),Release) \
	  -DPLATEWATCH_OPENSSL=$(or $(EDGE_OPENSSL_$*),OFF) \
	  -DPLATEWATCH_WERROR=ON -DCMAKE_INSTALL_PREFIX=$(abspath build/edge-$*/install) -DCMAKE_INSTALL_LIBDIR=lib
	$(BIN)/cmake --build build/edge-$*
	$(BIN)/cmake --install build/edge-$* >/dev/null
	$(BIN)/python -m tests.edge.conformance build/edge-$*/conformance
	$(BIN)/python -m tests.edge.signed build/edge-$*/signed
	$(BIN)/python -m tests.edge.large build/edge-$*/large
	PATH="$(abspath $(BIN)):$$PATH" tests/edge/check.sh build/edge-$* $(EDGE_TOLERANCE_$*) \
	  "$(ARCH_$*)" "$(QEMU_$*)"

# The same answers by another compiler and its C++ library: with musl, and on Windows. For macOS it is built only.
ZIG_aarch64-musl := aarch64-linux-musl
ZIG_windows := x86_64-windows-gnu
ZIG_macos := aarch64-macos
WINE ?= wine
QEMU_aarch64-musl := qemu-aarch64
QEMU_windows = $(WINE)

edge-aarch64-musl edge-windows edge-macos: edge-%: $(VENV)/installed-test
	@test -z "$(QEMU_$*)" || command -v $(QEMU_$*) >/dev/null || { echo "make $@ needs $(QEMU_$*) (Debian: qemu-user;" \
	  "wine64, and WINE=/usr/lib/wine/wine64)" >&2; exit 1; }
	$(BIN)/pip install --quiet $(GROUP_zig)
	$(BIN)/python -m tests.edge.conformance build/$@/conformance
	PATH="$(abspath $(BIN)):$$PATH" tests/edge/zig.sh build/$@ $(ZIG_$*) $(abspath $(BIN)/python) $(abspath $(BIN)/ninja) \
	  build/$@/conformance $(QEMU_$*)

# A wheel for Windows, built by zig here and tried under Wine, with a Windows Python that CONTRIBUTING.md says where to get.
WINDOWS_PYTHON ?=
wheel-windows: $(VENV)/installed-test
	@test -f "$(WINDOWS_PYTHON)/python.exe" || { echo "make $@ needs a Windows Python: WINDOWS_PYTHON=..., see" \
	  "CONTRIBUTING.md" >&2; exit 1; }
	@test -z "$(WINE)" || command -v $(WINE) >/dev/null || { echo "make $@ needs $(WINE) (Debian: wine64, and" \
	  "WINE=/usr/lib/wine/wine64), or WINE= to build only" >&2; exit 1; }
	$(BIN)/pip install --quiet $(GROUP_zig) $(GROUP_wheel)
	tests/wheel/windows.sh build/$@ "$(WINDOWS_PYTHON)" $(abspath $(BIN)/python) $(WINE)

# A musllinux wheel, built so too, and tried with a CPython for musl that CONTRIBUTING.md says how to get.
MUSL_PYTHON ?=
wheel-musl: $(VENV)/installed-test
	@test -x "$(MUSL_PYTHON)/bin/python3" || { echo "make $@ needs a CPython for musl: MUSL_PYTHON=..., see" \
	  "CONTRIBUTING.md" >&2; exit 1; }
	$(BIN)/pip install --quiet $(GROUP_zig) $(GROUP_wheel)
	PATH="$(abspath $(BIN)):$$PATH" tests/wheel/musl.sh build/$@ "$(MUSL_PYTHON)" $(abspath $(BIN)/python)

# The tests that start threads, under ThreadSanitizer, which cannot be combined with the others. That of GCC 12
# does not start where addresses are as random as newer kernels make them.
test-tsan: $(VENV)/installed-test
	$(BIN)/cmake -S . -B build/tsan -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) -DCMAKE_BUILD_TYPE=Debug \
	  -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g" \
	  -DPLATEWATCH_TESTS=ON -DPLATEWATCH_MATCH=ON -DPLATEWATCH_PYTHON=OFF -DPLATEWATCH_WERROR=ON -DPLATEWATCH_SANITIZE=thread \
	  -DPLATEWATCH_REQUIRE_GTEST=$(or $(PLATEWATCH_REQUIRE_CPP_TESTS),0)
	$(BIN)/cmake --build build/tsan --target platewatch_threaded_tests platewatch_match
	$(FIXED_ADDRESSES) $(BIN)/ctest --test-dir build/tsan --output-on-failure --parallel 2 --tests-regex '^(Batch|CThreads|LiveIndexThreads|LiveIndex.(Folds|CanBe))'
	$(BIN)/python -m tests.edge.conformance build/tsan/conformance
	$(CC) -fsanitize=thread -g -O1 tests/edge/threads.c -o build/tsan/threads -Icpp/include build/tsan/libplatewatch_match.a -lm -pthread
	awk -F'\t' '$$1 == "r" && n++ < 20 { print $$2 }' build/tsan/conformance/conformance.tsv \
	  | $(FIXED_ADDRESSES) build/tsan/threads build/tsan/conformance/conformance.bundle build/tsan/conformance/before.bundle

# Many threads on one matcher where Python has no GIL, from CPython 3.14 on: before it msgspec cannot be built so.
FREE_THREADED ?= python3.14t
FREE_THREADED_ENV := build/free-threaded
test-free-threaded:
	@command -v $(FREE_THREADED) >/dev/null || { echo "make $@ needs a free-threaded Python: FREE_THREADED=..." >&2; exit 1; }
	$(FREE_THREADED) -m venv $(FREE_THREADED_ENV)
	$(FREE_THREADED_ENV)/bin/pip install --quiet . pytest pytest-timeout
	$(FREE_THREADED_ENV)/bin/python -m pytest --noconftest -p no:cacheprovider tests/test_free_threaded.py

# `make -j3 fuzz` runs the targets side by side. New inputs go to build/fuzz/found, what breaks something to
# build/fuzz/<target>-crash-...; `make fuzz-corpus` keeps of the new inputs those that reach new code.
fuzz: $(FUZZ_TARGETS:%=fuzz-%)

$(FUZZ_TARGETS:%=fuzz-%): fuzz-%: fuzz-build
	mkdir -p build/fuzz/found/$*
	build/fuzz/$*_fuzzer -max_total_time=$(FUZZ_SECONDS) -max_len=1024 -len_control=0 -print_final_stats=1 \
	  -artifact_prefix=build/fuzz/$*- build/fuzz/found/$* cpp/fuzz/corpus/$*

fuzz-build: $(VENV)/installed-test
	$(BIN)/cmake -S . -B build/fuzz -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) \
	  -DCMAKE_CXX_COMPILER=$(FUZZ_CXX) -DCMAKE_BUILD_TYPE=RelWithDebInfo -DPLATEWATCH_FUZZ=ON -DPLATEWATCH_PYTHON=OFF
	+$(BIN)/cmake --build build/fuzz

# First by coverage, a fiftieth of the inputs, which finds what is new; then blindly from what was found, many times as
# fast. What breaks a format lies in build/fuzz/formats/crash-... and is tried again as the only file of a corpus.
fuzz-formats: $(VENV)/installed-test
	$(BIN)/pip install --quiet $(GROUP_fuzz)
	$(BIN)/python -m tests.formats.fuzz build/fuzz/formats/corpus --guided --inputs $$(($(FUZZ_INPUTS) / 50))
	$(BIN)/python -m tests.formats.fuzz build/fuzz/formats/corpus --inputs $(FUZZ_INPUTS)

fuzz-corpus: $(FUZZ_TARGETS:%=fuzz-corpus-%)

$(FUZZ_TARGETS:%=fuzz-corpus-%): fuzz-corpus-%: fuzz-build
	mkdir -p build/fuzz/found/$*
	build/fuzz/$*_fuzzer -merge=1 -use_counters=0 cpp/fuzz/corpus/$* build/fuzz/found/$*

# The project's own figures, of networks trained on plates and of readers of any text, by models that have not seen the
# plate; some minutes. `make evaluate-readme` puts them into README.md.
EVALUATION = build/evaluation-$(EVALUATE_MAX_EDITS)
evaluate: evaluate-plate evaluate-ocr

evaluate-plate evaluate-ocr: evaluate-%: $(VENV)/installed-test
	$(BIN)/platewatch evaluate --reads benchmarks/data/$*_reads.jsonl.gz --fit --country KR --passes \
	  --max-edits $(EVALUATE_MAX_EDITS) --output $(EVALUATION)/$*

evaluate-readme: $(VENV)/installed-test
	$(BIN)/python -m benchmarks.readme --evaluations $(EVALUATION) --write

dev: $(VENV)/bin/python
	$(BIN)/pip install --quiet "pybind11>=3.1" "scikit-build-core>=1.1" cmake ninja
	touch $(VENV)/editable
	$(MAKE) $(VENV)/installed
	$(BIN)/pip install --quiet $(GROUP_test) $(GROUP_lint)

# A wheel of this checkout's sdist, made without the network; audited; installed where no compiler is, and used there.
WHEEL := build/wheel
wheel: $(VENV)/bin/python
	$(BIN)/pip install --quiet $(GROUP_wheel)
	rm -rf $(WHEEL) dist
	$(BIN)/python -m build --sdist --no-isolation --outdir dist
	$(BIN)/pip wheel --quiet --no-index --no-build-isolation --no-deps --wheel-dir $(WHEEL)/built dist/platewatch-*.tar.gz
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/auditwheel repair --wheel-dir dist $(WHEEL)/built/platewatch-*.whl
	$(BIN)/auditwheel show dist/platewatch-*.whl
	$(PYTHON) -m venv $(WHEEL)/env
	$(WHEEL)/env/bin/pip install --quiet --only-binary :all: dist/platewatch-*.whl hypothesis pytest pytest-timeout rapidfuzz
	cd $(WHEEL) && env -i LANG=C.UTF-8 PATH="$(abspath $(WHEEL))/env/bin" python $(CURDIR)/examples/library.py
	cd $(WHEEL) && env -i LANG=C.UTF-8 PATH="$(abspath $(WHEEL))/env/bin" python -m pytest -q --noconftest -p no:cacheprovider $(CURDIR)/tests/test_manners.py $(CURDIR)/tests/test_oracle.py
	ls -l dist

lint: $(VENV)/installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/basedpyright --level error examples/library.py
	find cpp bindings benchmarks -name '*.[ch]pp' | xargs $(BIN)/clang-format --dry-run --Werror
	$(BIN)/python bindings/stubs.py build/stubs
	diff -u src/platewatch/_core.pyi build/stubs/platewatch/_core.pyi

format: $(VENV)/installed-lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	find cpp bindings benchmarks -name '*.[ch]pp' | xargs $(BIN)/clang-format -i

stubs: $(VENV)/installed-lint
	$(BIN)/python bindings/stubs.py src

# The service, killed again and again under load: prints what was lost, and fails if anything was.
SOAK_KILLS ?= 200
soak: $(VENV)/installed-test
	$(BIN)/python -m tests.hostile.soak --kills $(SOAK_KILLS)

clean:
	rm -rf build dist $(VENV)

# pip before 25.1 has no --group, so the groups of pyproject.toml are read here.
group = $(shell $(PYTHON) -c 'import shlex, tomllib; print(shlex.join(tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["$(1)"]))')
GROUP_test = $(call group,test)
GROUP_lint = $(call group,lint)
GROUP_wheel = $(call group,wheel)
GROUP_fuzz = $(call group,fuzz)
GROUP_zig = $(call group,zig)
GROUP_peers = $(call group,peers)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# An environment that `make dev` made stays an editable one, whatever else is made in it.
$(VENV)/installed: $(VENV)/bin/python pyproject.toml CMakeLists.txt $(SOURCES)
	$(BIN)/pip install --quiet $(if $(wildcard $(VENV)/editable),--no-build-isolation --editable) ".[serve]"
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/pip install --quiet $(GROUP_test)
	touch $@

$(VENV)/installed-lint: $(VENV)/installed-test
	$(BIN)/pip install --quiet $(GROUP_lint)
	touch $@
