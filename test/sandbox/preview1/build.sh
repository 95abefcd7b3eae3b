#!/bin/sh
# Builds preview1.wasm with Debian's clang 14 and wasi-libc; the result is committed, tests need no compiler.
set -eu
cd "$(dirname "$0")"
# Without npm's wasm-opt in front: clang would run it.
PATH=/usr/local/bin:/usr/bin:/bin
clang --target=wasm32-wasi --sysroot=/usr -std=gnu11 -Wall -Wextra -Werror -Oz -s -Wl,--strip-all \
    main.c streams.c files.c paths.c links.c trees.c -o preview1.wasm
