#!/bin/sh
# Builds the C programs of this folder with Debian's clang 14 and wasi-libc; the results are committed.
set -eu
cd "$(dirname "$0")"
# Without npm's wasm-opt in front: clang would run it.
PATH=/usr/local/bin:/usr/bin:/bin
build() { output=$1; source=$2; shift 2; clang --target=wasm32-wasi --sysroot=/usr "$@" "$source" -o "$output.wasm"; }
build program-O0 program.c -O0 -lm
build program-O2 program.c -O2 -lm
build program-debug program.c -Os -g -lm
build program-simd program.c -O2 -msimd128 -mbulk-memory -lm
build program-reference-types program.c -O2 -mreference-types -mtail-call -lm
build reactor reactor.c -mexec-model=reactor
