#!/usr/bin/env bash
# zig_tools.sh FOLDER TARGET PYTHON: what CMake takes for a compiler and its tools, by zig (`pip install ziglang`), for a
# target of zig's.
set -euo pipefail
mkdir -p "$1"
for tool in c++ ar ranlib; do
  for_target=
  [ "$tool" != c++ ] || for_target="-target $2"
  printf '#!/bin/sh\nexec "%s" -m ziglang %s %s "$@"\n' "$3" "$tool" "$for_target" >"$1/$tool"
  chmod +x "$1/$tool"
done
