#!/bin/sh
# Builds spell.wasm from src/main.ts. Toolchain: the AssemblyScript compiler 0.28 of the repository (`npm ci`), and Node.
# The same compiler gives the same bytes: no debug data, no source map, no paths.
set -eu
cd "$(dirname "$0")"

BIN=../../node_modules/.bin
[ -x "$BIN/asc" ] || { echo "endless: run 'npm ci' in the repository first, AssemblyScript comes with it" >&2; exit 1; }
PATH="$(cd "$BIN" && pwd):$PATH"

asc src/main.ts --outFile spell.wasm --optimizeLevel 2 --shrinkLevel 0 --converge --runtime stub --exportStart _start
chmod 644 spell.wasm

# The SBOM names the module it describes.
digest=$(sha256sum spell.wasm | cut -d' ' -f1)
grep -q "$digest" sbom.spdx.json || { echo "endless: sbom.spdx.json does not name sha256 $digest" >&2; exit 1; }
echo "endless: $(wc -c <spell.wasm) bytes, sha256 $digest"
