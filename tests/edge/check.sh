#!/usr/bin/env bash
# check.sh BUILD TOLERANCE [TARGET EMULATOR]: uses what `make edge` has installed under BUILD as a vendor would, and
# replays what Python answers.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "$1" && pwd) tolerance=$2 target=${3:-} emulator=${4:-}
prefix=$build/install
cc=${target:+$target-}gcc cxx=${target:+$target-}g++ strip=${target:+$target-}strip
nm=${target:+$target-}nm objdump=${target:+$target-}objdump
run=(${emulator:+"$emulator" -L "/usr/$target"})
out=$build/check
mkdir -p "$out"
made=$build/conformance
bundle=$made/conformance.bundle answers=$made/conformance.tsv

# C, linked by the C compiler: with the static libraries, and with the shared one by pkg-config.
warn=(-std=c99 -Wall -Wextra -Wpedantic -Werror -O2)
static=(-I"$prefix/include" -L"$prefix/lib" -Wl,--gc-sections -lplatewatch_c -lplatewatch_core -lstdc++ -lm -pthread)
"$cc" "${warn[@]}" "$root/examples/edge/match.c" -o "$out/match-static" "${static[@]}"
"$cc" "${warn[@]}" "$root/tests/edge/replay.c" -o "$out/replay-static" "${static[@]}"
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
read -ra flags <<<"$(pkg-config --cflags --libs platewatch)"
"$cc" "${warn[@]}" "$root/examples/edge/match.c" -o "$out/match-shared" "${flags[@]}" -Wl,-rpath,"$prefix/lib"
"$cc" "${warn[@]}" "$root/tests/edge/replay.c" -o "$out/replay-shared" "${flags[@]}" -lm -Wl,-rpath,"$prefix/lib"

# A project that finds the package, in C and in C++.
toolchain=()
[ -z "$target" ] || toolchain=(-DCMAKE_C_COMPILER="$cc" -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_SYSTEM_NAME=Linux)
cmake -S "$root/tests/edge/consumer" -B "$out/consumer" -G Ninja -DCMAKE_BUILD_TYPE=Release "${toolchain[@]}" \
  -Dplatewatch_DIR="$prefix/lib/cmake/platewatch" -DEXAMPLES="$root/examples/edge" >/dev/null
cmake --build "$out/consumer" >/dev/null

# What matches, without exceptions and the C++ runtime: the same answers, and what fails leaves nothing behind.
match=("$prefix/lib/libplatewatch_match.a" -Wl,--gc-sections -lm -pthread)
"$cc" "${warn[@]}" "$root/examples/edge/match.c" -o "$out/match-alone" -I"$prefix/include" "${match[@]}"
"$cc" "${warn[@]}" -DNO_DEVICES "$root/tests/edge/replay.c" -o "$out/replay-alone" -I"$prefix/include" "${match[@]}"
"$cc" "${warn[@]}" -std=c11 "$root/tests/edge/failing.c" -o "$out/failing" -I"$prefix/include" "${match[@]}"
"${run[@]}" "$out/replay-alone" "$answers" "$tolerance" "$bundle"
"${run[@]}" "$out/failing" "$made/small.bundle"
# On many threads, of this machine: the plates of the first reads.
awk -F'\t' '$1 == "r" && n++ < 60 { print $2 }' "$answers" >"$out/reads.txt"
if [ -z "$emulator" ]; then
  "$cc" "${warn[@]}" "$root/tests/edge/threads.c" -o "$out/threads" -I"$prefix/include" "${match[@]}"
  "$out/threads" "$bundle" "$made/before.bundle" <"$out/reads.txt"
fi

for replay in replay-static replay-shared; do
  "${run[@]}" "$out/$replay" "$answers" "$tolerance" "$bundle"
  rm -rf "$out/device"
  mkdir "$out/device"
  "${run[@]}" "$out/$replay" "$answers" "$tolerance" "$made/before.bundle" "$made/conformance.delta" "$out/device"
done
# Every program finds some of them, and they agree.
"${run[@]}" "$out/match-static" "$bundle" <"$out/reads.txt" >"$out/hits.txt"
grep -q notify "$out/hits.txt" || { echo "the C example finds nothing" >&2; exit 1; }
for match in match-shared match-alone consumer/match_c consumer/match_c_shared; do
  "${run[@]}" "$out/$match" "$bundle" <"$out/reads.txt" | cmp - "$out/hits.txt"
done
"${run[@]}" "$out/consumer/match_core" "$bundle" <"$out/reads.txt" >"$out/core.txt"
test -s "$out/core.txt"

# What Python has signed and encrypted, where OpenSSL is there to tell.
if [ -f "$prefix/lib/libplatewatch_openssl.a" ]; then
  signed=$build/signed
  "$cc" "${warn[@]}" "$root/examples/edge/device.c" -o "$out/device-static" -I"$prefix/include" -L"$prefix/lib" \
    -Wl,--gc-sections -lplatewatch_openssl -lplatewatch_c -lplatewatch_core -lcrypto -lstdc++ -lm -pthread
  # By the library of the keys alone.
  "$cc" "${warn[@]}" "$root/tests/edge/keyring.c" -o "$out/keyring" -I"$prefix/include" -L"$prefix/lib" \
    -lplatewatch_openssl -lcrypto
  "${run[@]}" "$out/keyring" "$signed/ed25519.pub"
  rm -rf "$out/device"
  mkdir "$out/device"
  device=("${run[@]}" "$out/device-static" "$out/device" -s group "$signed/group.key"
    -k ed25519 "$signed/ed25519.pub" -k ecdsa-p256-sha256 "$signed/ecdsa-p256-sha256.pub")
  "${device[@]}" "$signed"/[0-9].bundle <<<12가3456 >"$out/device.txt"
  diff <(printf 'version 3\nW1\n') <(sed 's/^notify.*\t//' "$out/device.txt")
  refusals=0
  for bundle in "$signed"/refused-*.bundle; do
    name=$(basename "$bundle") status=$(basename "$bundle" | cut -d- -f2)
    "${device[@]}" "$bundle" </dev/null >"$out/refused.txt" && { echo "$name is taken" >&2; exit 1; }
    diff <(printf 'refused, %s:\nversion 3\n' "$status") <(sed 's/.*\(refused, [0-9]*:\).*/\1/' "$out/refused.txt")
    refusals=$((refusals + 1))
  done
  "${device[@]}" <<<12가3456 | cmp - "$out/device.txt"
  cmp "$out/device.txt" <("${run[@]}" "$out/consumer/device" "${device[@]: -10}" <<<12가3456)
  echo "bundles signed and encrypted by Python: taken by OpenSSL, $refusals refused"
fi

# What leaves the shared library is the header's, and it needs no library but the C library's.
exported=$("$nm" -D --defined-only "$prefix/lib/libplatewatch.so" | awk '{ print $3 }' | sort)
declared=$(grep -E '^PW_API' "$prefix/include/platewatch.h" | grep -oE 'pw_[a-z_]+\(' | tr -d '(' | sort)
diff <(echo "$declared") <(echo "$exported")
if "$objdump" -p "$prefix/lib/libplatewatch.so" | awk '$1 == "NEEDED" { print $2 }' | grep -vE '^(libc|libm|libpthread|ld-linux.*)\.so'; then
  echo "the shared library needs more than the C library" >&2
  exit 1
fi

# Of the C library, ours ask for memory, files, locks and mathematics: no stdio, no end of the process. Nothing of them
# runs before main.
cat >"$out/allowed.txt" <<'ALLOWED'
aligned_alloc clock_gettime free getenv
close fstat fsync madvise mmap munmap open read rename syscall unlink write
memchr memcmp memcpy memmove memset strcmp strlen
exp floor llround log
pthread_atfork pthread_cond_clockwait pthread_mutex_lock pthread_mutex_unlock pthread_self sched_yield
ALLOWED
libraries=("$prefix"/lib/libplatewatch_{core,c}.a)
need_only() { # ALLOWED, and names to check
  if comm -23 <(sort -u) <(tr ' ' '\n' <"$1" | sort -u) | grep .; then
    echo "the static libraries need this, too" >&2
    exit 1
  fi
}
"$nm" -u "${libraries[@]}" | awk 'NF == 2 && $2 !~ /^_/ { print $2 }' | need_only "$out/allowed.txt"
# The one that matches alone needs nothing else at all: no C++, and of the compiler arithmetic.
cat >"$out/allowed-alone.txt" <<'ALLOWED'
aligned_alloc free getenv clock_gettime __clock_gettime64
close fstat __fstat64_time64 madvise mmap mmap64 munmap open open64
memchr memcmp memcpy memmove memset strlen
exp floor llround log
pthread_mutex_lock pthread_mutex_unlock __libc_single_threaded
_setjmp longjmp __errno_location __tls_get_addr
ALLOWED
alone=$prefix/lib/libplatewatch_match.a
"$nm" -u "$alone" | awk 'NF == 2 && $2 !~ /^__(aeabi|aarch64)_|^__[a-z]+[dt]i[23]$|^_GLOBAL_OFFSET_TABLE_$/ { print $2 }' |
  need_only "$out/allowed-alone.txt"
diff <(grep -vE '^pw_(device_|matcher_add|matcher_remove)' <<<"$declared") \
  <("$nm" --defined-only --extern-only "$alone" | awk 'NF == 3 { print $3 }' | sort)
for library in "${libraries[@]}" "$alone"; do
  "$objdump" -h "$library" >"$out/sections.txt"
  if grep -E ' \.(init_array|ctors)' "$out/sections.txt"; then
    echo "$library has constructors that run before main" >&2
    exit 1
  fi
done

# What 100,000 entries take, and the shipped model, in KB: heap and file, and stack. Emulators have more of their own in memory
# than a device.
"$cc" "${warn[@]}" "$root/tests/edge/bounds.c" -o "$out/bounds" "${static[@]}"
while read -r list most_kb; do
  # Written page by page: where the system keeps much of a file in one piece, to touch a page of it counts as all.
  dd if="$build/large/$list" of="$out/$list" bs=4096 status=none
  "${run[@]}" "$out/bounds" "$out/$list" "$build/large/reads.txt" "$most_kb" 16
done <<'BOUNDS'
1.snapshot 4096
2.snapshot 4096
1.bundle 4096
2.bundle 4096
all.bundle 16384
BOUNDS

# The work of a read, as the difference between a thousand reads and two thousand: without SIMD, as small cores have.
if [ -z "$emulator" ] && command -v valgrind >/dev/null; then
  export PLATEWATCH_KERNEL=serial
  for list in 1.snapshot 2.snapshot 1.bundle 2.bundle; do
    counts=()
    for times in 1 2; do
      for ((i = 0; i < times; ++i)); do cat "$build/large/reads.txt"; done >"$out/reads.txt"
      counts+=("$(valgrind --tool=callgrind --callgrind-out-file=/dev/null "$out/match-static" "$build/large/$list" \
        <"$out/reads.txt" 2>&1 >/dev/null | awk '$2 == "Collected" { print $4 }')")
    done
    echo "$list: $(((counts[1] - counts[0]) / 1000)) instructions a read"
  done
fi

# What is loaded of a program, code and data: files have gaps between them, of up to 64 KiB for each on AArch64.
for file in "$prefix/lib/libplatewatch.so" "$out/match-static" "$out/match-alone"; do
  loaded=$("${target:+$target-}size" "$file" | awk 'NR == 2 { print $1 + $2 }')
  "$strip" -o "$out/stripped" "$file"
  printf '%s: %d KiB, as a stripped file %d KiB\n' "$(basename "$file")" "$((loaded / 1024))" \
    "$(($(stat -Lc %s "$out/stripped") / 1024))"
done
if [ "$loaded" -gt $((300 * 1024)) ]; then
  echo "the C example with what it needs of the library that matches alone is over 300 KiB" >&2
  exit 1
fi
