#!/usr/bin/env bash
# musl.sh BUILD MUSL_PYTHON PYTHON: builds a musllinux wheel from this checkout by zig (`pip install ziglang`), into
# BUILD/dist, and tries it with that Python, the prefix of a CPython for musl: CONTRIBUTING.md says where to get one. By tests
# that do without hypothesis and SQLite, as a small CPython has no zlib, and nothing else that is not in its source.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
build=$(cd "$1" && pwd) musl=$(cd "$2" && pwd) python=$3
machine=$(uname -m)
"$root/tests/edge/zig_tools.sh" "$build/tools" "$machine-linux-musl" "$python"
interpreter=$musl/bin/python3
version=$("$interpreter" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
tag=cp${version/./} platform=musllinux_1_2_$machine

# As windows.sh does: what scikit-build-core knows is the Python that it runs in.
arguments=(
  -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR="$machine" -DCMAKE_CXX_COMPILER="$build/tools/c++"
  -DCMAKE_AR="$build/tools/ar" -DCMAKE_RANLIB="$build/tools/ranlib" -DPYBIND11_USE_CROSSCOMPILING=ON
  -DPython_INCLUDE_DIR="$musl/include/python$version" -DPython_LIBRARY="$musl/lib/libpython$version.a" -DCMAKE_CXX_FLAGS=-g0
  -DPYTHON_MODULE_EXTENSION="$("$interpreter" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')"
  -DPYTHON_IS_DEBUG=0 -DPYTHON_MODULE_DEBUG_POSTFIX=
)
rm -rf "$build/linked" "$build/dist" "$build/site"
"$python" -m pip wheel --quiet --no-build-isolation --no-deps --wheel-dir "$build/linked" "$root" \
  -C "wheel.tags=$tag-$tag-$platform" -C build-dir="$build/cmake" -C install.strip=false \
  -C "cmake.args=$(IFS=';' && echo "${arguments[*]}")"
# zig calls musl libc.so; who ships it, and so auditwheel, by the machine.
"$python" -m wheel unpack --dest "$build/linked" "$build"/linked/platewatch-*-"$tag-$tag-$platform.whl"
for library in "$build"/linked/platewatch-*/platewatch/{_core.*.so,lib/libplatewatch.so}; do
  patchelf --replace-needed libc.so "libc.musl-$machine.so.1" "$library"
done
mkdir -p "$build/dist"
"$python" -m wheel pack --dest-dir "$build/dist" "$build"/linked/platewatch-*/
wheel=("$build/dist"/platewatch-*-"$tag-$tag-$platform.whl")
"$python" -m auditwheel show "${wheel[0]}" | tee "$build/audit.txt"
grep -qF "\"$platform\"" "$build/audit.txt"

"$python" -m pip install --quiet --target "$build/site" --platform "$platform" --python-version "$version" \
  --only-binary :all: "${wheel[0]}" pytest pytest-timeout rapidfuzz
export PYTHONPATH=$build/site
cd "$build"
"$interpreter" "$root/examples/library.py"
"$interpreter" -c 'import platewatch; print(platewatch.build_info())'
"$interpreter" -m pytest -q --noconftest -p no:cacheprovider "$root/tests/test_index_kinds.py"
ls -l "${wheel[0]}"
