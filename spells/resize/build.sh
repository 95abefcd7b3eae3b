#!/bin/sh
# Builds spell.wasm from src/resize.c. Toolchain: Debian 12's clang 14, lld, wasi-libc, compiler-rt for wasm32 and stb.
# The same packages give the same bytes: no debug data, no paths, no timestamps.
set -eu
cd "$(dirname "$0")"

PACKAGES="clang lld wasi-libc libclang-rt-dev-wasm32 libstb-dev"
# shellcheck disable=SC2086
dpkg -s $PACKAGES >/dev/null 2>&1 || apt-get install --no-install-recommends -y $PACKAGES

clang --target=wasm32-wasi -std=c11 -O2 -DNDEBUG -Wall -Wextra -Werror -isystem /usr/include/stb \
    -Wl,--strip-all -Wl,--stack-first -Wl,-z,stack-size=131072 -Wl,--max-memory=67108864 \
    -o spell.wasm src/resize.c
chmod 644 spell.wasm

# The SBOM names the module it describes.
digest=$(sha256sum spell.wasm | cut -d' ' -f1)
grep -q "$digest" sbom.spdx.json || { echo "resize: sbom.spdx.json does not name sha256 $digest" >&2; exit 1; }
echo "resize: $(wc -c <spell.wasm) bytes, sha256 $digest"
