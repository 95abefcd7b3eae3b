#!/bin/sh
# Builds the programs of this folder with Debian's clang 14 and wasi-libc. The results are committed, because a
# machine that runs the benchmark need not have a C compiler.
set -eu
cd "$(dirname "$0")"
# Without npm's wasm-opt in front: clang would run it.
PATH=/usr/local/bin:/usr/bin:/bin

PACKAGES="clang lld wasi-libc libclang-rt-dev-wasm32"
# shellcheck disable=SC2086
dpkg -s $PACKAGES >/dev/null 2>&1 || apt-get install --no-install-recommends -y $PACKAGES

for source in *.c; do
    clang --target=wasm32-wasi --sysroot=/usr -std=c11 -O2 -Wall -Wextra -Werror -Wl,--strip-all \
        -o "${source%.c}.wasm" "$source"
    chmod 644 "${source%.c}.wasm"
done
