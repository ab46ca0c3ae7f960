#!/usr/bin/env bash
# musl.sh BUILD PYTHON NINJA ANSWERS: builds the libraries for AArch64 with musl, by Clang and its own C++ library as zig
# (`pip install ziglang`) brings them, and replays what Python answers by a program without any shared library.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$1/tools"
build=$(cd "$1" && pwd) python=$2 ninja=$3 answers=$4
for tool in c++ ar ranlib; do
  target=
  [ "$tool" != c++ ] || target="-target aarch64-linux-musl"
  printf '#!/bin/sh\nexec "%s" -m ziglang %s %s "$@"\n' "$python" "$tool" "$target" >"$build/tools/$tool"
  chmod +x "$build/tools/$tool"
done
cmake -S "$root" -B "$build" -G Ninja -DCMAKE_MAKE_PROGRAM="$ninja" -DCMAKE_SYSTEM_NAME=Linux \
  -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_CXX_COMPILER="$build/tools/c++" -DCMAKE_AR="$build/tools/ar" \
  -DCMAKE_RANLIB="$build/tools/ranlib" -DCMAKE_BUILD_TYPE=MinSizeRel -DPLATEWATCH_PYTHON=OFF -DPLATEWATCH_EDGE=ON -DPLATEWATCH_WERROR=OFF  # of GCC, whose warnings are known
cmake --build "$build"
"$build/tools/c++" -x c -std=c99 -Wall -Wextra -Wpedantic -Werror -O2 "$root/tests/edge/replay.c" -x none \
  -o "$build/replay" -I"$root/cpp/include" -L"$build" -lplatewatch_c -lplatewatch_core
replay=(qemu-aarch64 "$build/replay" "$answers/conformance.tsv" 1e-12)
"${replay[@]}" "$answers/conformance.bundle"
rm -rf "$build/device"
mkdir "$build/device"
"${replay[@]}" "$answers/before.bundle" "$answers/conformance.delta" "$build/device"
