#!/usr/bin/env bash
# windows.sh BUILD WINDOWS_PYTHON PYTHON [WINE]: builds a wheel for Windows from this checkout by zig (`pip install
# ziglang`), into BUILD/dist, and tries it with that Python under Wine, or not at all where there is none. WINDOWS_PYTHON is
# a folder with python.exe, include and libs, as python.org's NuGet package has it in tools.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
build=$(cd "$1" && pwd) windows=$(cd "$2" && pwd) python=$3 wine=${4:-}
"$root/tests/edge/zig_tools.sh" "$build/tools" x86_64-windows-gnu "$python"
number() { sed -n "s/^#define PY_$1_VERSION *\([0-9]*\).*/\1/p" "$windows/include/patchlevel.h"; }
major=$(number MAJOR) minor=$(number MINOR)
tag=cp$major$minor

# What scikit-build-core knows is the Python that it runs in; pybind11 takes the other one's headers where it is told that
# this is a cross build.
arguments=(
  -DCMAKE_SYSTEM_NAME=Windows -DCMAKE_SYSTEM_PROCESSOR=x86_64 -DCMAKE_CXX_COMPILER="$build/tools/c++"
  -DCMAKE_AR="$build/tools/ar" -DCMAKE_RANLIB="$build/tools/ranlib" -DPYBIND11_USE_CROSSCOMPILING=ON
  -DPython_INCLUDE_DIR="$windows/include" -DPython_LIBRARY="$windows/libs/python$major$minor.lib"
  -DCMAKE_CXX_FLAGS=-g0  # else zig adds debugging information, six times the rest
  -DPYTHON_MODULE_EXTENSION=".$tag-win_amd64.pyd" -DPYTHON_IS_DEBUG=0 -DPYTHON_MODULE_DEBUG_POSTFIX=
)
rm -rf "$build/dist" "$build/site"
"$python" -m pip wheel --quiet --no-build-isolation --no-deps --wheel-dir "$build/dist" "$root" \
  -C "wheel.tags=$tag-$tag-win_amd64" -C build-dir="$build/cmake" -C install.strip=false \
  -C "cmake.args=$(IFS=';' && echo "${arguments[*]}")"
wheel=("$build/dist"/platewatch-*-"$tag-$tag-win_amd64.whl")

if [ -z "$wine" ]; then
  echo "built, and not tried: ${wheel[0]}"
  exit
fi

# Wine 8 has not all that NumPy 2.2 calls, nor what `platform` asks Windows for since Python 3.12.
"$python" -m pip install --quiet --target "$build/site" --platform win_amd64 --python-version "$major.$minor" \
  --only-binary :all: "${wheel[0]}" "numpy<2.2" hypothesis colorama pytest pytest-timeout rapidfuzz
echo 'import sys; sys.modules["_wmi"] = None' >"$build/site/sitecustomize.py"

export WINEPREFIX="$build/wine" WINEDEBUG=-all PYTHONUTF8=1
PYTHONHOME="Z:$(tr / '\\' <<<"$windows")" PYTHONPATH="Z:$(tr / '\\' <<<"$build/site")"
export PYTHONHOME PYTHONPATH
# A pipe behind it, as Wine may not take a file for a standard stream.
windows_python() { "$wine" "$windows/python.exe" "$@" </dev/null 2>&1 | cat; }
cd "$build"
windows_python "$root/examples/library.py"
windows_python -m pytest -q --noconftest -p no:cacheprovider "$root/tests/test_manners.py" "$root/tests/test_oracle.py"
ls -l "${wheel[0]}"
