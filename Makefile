# make demo   build, then watch a small city for half a minute
# make test   everything that proves the project, in a virtual environment of its own
# make dev    an editable install, for working on it
# make lint   what CI checks beside the tests

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FIXED_ADDRESSES = $(shell setarch $$(uname -m) -R true 2>/dev/null && echo setarch $$(uname -m) -R)
SOURCES := $(shell find src bindings cpp examples -type f -not -name '*.pyc' 2>/dev/null)

.PHONY: demo test test-cpp test-tsan test-python dev lint format stubs clean

demo: $(VENV)/installed
	$(BIN)/platewatch demo

test: test-cpp test-python

test-python: $(VENV)/installed-test
	$(BIN)/python -m pytest

# GoogleTest is the one thing that pip cannot bring: without it the C++ tests are left out, and it is said;
# PLATEWATCH_REQUIRE_CPP_TESTS=1 makes that an error.
test-cpp: $(VENV)/installed-test
	$(BIN)/cmake -S . -B build/cpp -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) -DCMAKE_BUILD_TYPE=Debug \
	  -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g" \
	  -DPLATEWATCH_TESTS=ON -DPLATEWATCH_PYTHON=OFF -DPLATEWATCH_WERROR=ON -DPLATEWATCH_SANITIZE=address,undefined \
	  -DPLATEWATCH_REQUIRE_GTEST=$(or $(PLATEWATCH_REQUIRE_CPP_TESTS),0)
	$(BIN)/cmake --build build/cpp
	$(BIN)/ctest --test-dir build/cpp --output-on-failure --parallel 2

# The tests that start threads, under ThreadSanitizer, which cannot be combined with the others. That of GCC 12
# does not start where addresses are as random as newer kernels make them.
test-tsan: $(VENV)/installed-test
	$(BIN)/cmake -S . -B build/tsan -G Ninja -DCMAKE_MAKE_PROGRAM=$(abspath $(BIN)/ninja) -DCMAKE_BUILD_TYPE=Debug \
	  -DCMAKE_CXX_FLAGS_DEBUG="-O1 -g" \
	  -DPLATEWATCH_TESTS=ON -DPLATEWATCH_PYTHON=OFF -DPLATEWATCH_WERROR=ON -DPLATEWATCH_SANITIZE=thread \
	  -DPLATEWATCH_REQUIRE_GTEST=$(or $(PLATEWATCH_REQUIRE_CPP_TESTS),0)
	$(BIN)/cmake --build build/tsan --target platewatch_threaded_tests
	$(FIXED_ADDRESSES) $(BIN)/ctest --test-dir build/tsan --output-on-failure --parallel 2 --tests-regex '^(Batch|LiveIndexThreads|LiveIndex.(Folds|CanBe))'

dev: $(VENV)/bin/python
	$(BIN)/pip install --quiet "pybind11>=3.1" "scikit-build-core>=1.1" cmake ninja
	$(BIN)/pip install --no-build-isolation --editable ".[serve]"
	$(BIN)/pip install --quiet $(GROUP_test) $(GROUP_lint)

lint: $(VENV)/installed-lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	find cpp bindings -name '*.[ch]pp' | xargs $(BIN)/clang-format --dry-run --Werror
	$(BIN)/python -m pybind11_stubgen platewatch._core --exit-code -o build/stubs
	diff -u src/platewatch/_core.pyi build/stubs/platewatch/_core.pyi

format: $(VENV)/installed-lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	find cpp bindings -name '*.[ch]pp' | xargs $(BIN)/clang-format -i

stubs: $(VENV)/installed-lint
	$(BIN)/python -m pybind11_stubgen platewatch._core --exit-code -o src

clean:
	rm -rf build dist $(VENV)

# pip before 25.1 has no --group, so the groups of pyproject.toml are read here.
group = $(shell $(PYTHON) -c 'import shlex, tomllib; print(shlex.join(tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["$(1)"]))')
GROUP_test = $(call group,test)
GROUP_lint = $(call group,lint)

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(VENV)/bin/python pyproject.toml CMakeLists.txt $(SOURCES)
	$(BIN)/pip install --quiet ".[serve]"
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(BIN)/pip install --quiet $(GROUP_test)
	touch $@

$(VENV)/installed-lint: $(VENV)/installed-test
	$(BIN)/pip install --quiet $(GROUP_lint)
	touch $@
