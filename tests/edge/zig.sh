#!/usr/bin/env bash
# zig.sh BUILD TARGET PYTHON NINJA ANSWERS [EMULATOR]: builds the libraries for a target of zig's, by Clang and its own C++
# library as zig (`pip install ziglang`) brings them, and replays what Python answers by a program in C: by the emulator,
# or not at all where there is none.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1"
build=$(cd "$1" && pwd) target=$2 python=$3 ninja=$4 answers=$5 emulator=${6:-}
"$root/tests/edge/zig_tools.sh" "$build/tools" "$target" "$python"
case $target in
  *-linux-*) system=(-DCMAKE_SYSTEM_NAME=Linux) ;;
  *-windows-*) system=(-DCMAKE_SYSTEM_NAME=Windows) ;;
  # CMake would ask Apple's tools, which are not there, for what zig knows.
  *-macos*) system=(-DCMAKE_SYSTEM_NAME=Darwin -DCMAKE_OSX_SYSROOT= -DCMAKE_OSX_DEPLOYMENT_TARGET= -DCMAKE_OSX_ARCHITECTURES= -DCMAKE_INSTALL_NAME_TOOL=true) ;;
esac
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_MAKE_PROGRAM="$ninja" "${system[@]}" \
  -DCMAKE_SYSTEM_PROCESSOR="${target%%-*}" -DCMAKE_CXX_COMPILER="$build/tools/c++" -DCMAKE_AR="$build/tools/ar" \
  -DCMAKE_RANLIB="$build/tools/ranlib" -DCMAKE_BUILD_TYPE=MinSizeRel -DPLATEWATCH_PYTHON=OFF -DPLATEWATCH_EDGE=ON \
  -DPLATEWATCH_WERROR=OFF  # of GCC, whose warnings are known
cmake --build "$build"
# An .exe, for Windows.
"$build/tools/c++" -x c -std=c99 -Wall -Wextra -Wpedantic -Werror -O2 "$root/tests/edge/replay.c" -x none \
  -o "$build/replay.exe" -I"$root/cpp/include" -L"$build" -lplatewatch_c -lplatewatch_core
if [ -z "$emulator" ]; then
  echo "built, and not run, for $target"
  exit
fi
replay=("$emulator" "$build/replay.exe" "$answers/conformance.tsv" 1e-12)
"${replay[@]}" "$answers/conformance.bundle"
rm -rf "$build/device"
mkdir "$build/device"
"${replay[@]}" "$answers/before.bundle" "$answers/conformance.delta" "$build/device"
