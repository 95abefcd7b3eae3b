#!/bin/sh
# Builds spell.wasm from src/main.rs. Toolchain: Debian 12's rustc 1.63, its wasm32-wasi standard library, and lld.
# /usr/bin/rustc on purpose: a rustup toolchain earlier in PATH may have no wasm32-wasi target.
# The same packages give the same bytes: one codegen unit, no debug data, paths remapped.
set -eu
cd "$(dirname "$0")"

PACKAGES="rustc libstd-rust-dev-wasm32 lld"
# shellcheck disable=SC2086
dpkg -s $PACKAGES >/dev/null 2>&1 || apt-get install --no-install-recommends -y $PACKAGES

/usr/bin/rustc --edition 2021 --target wasm32-wasi --crate-name word_count -D warnings \
    -C opt-level=2 -C lto=fat -C codegen-units=1 -C panic=abort -C strip=symbols \
    -C link-arg=--strip-all --remap-path-prefix "$(pwd)=." \
    -o spell.wasm src/main.rs
chmod 644 spell.wasm

# The SBOM names the module it describes.
digest=$(sha256sum spell.wasm | cut -d' ' -f1)
grep -q "$digest" sbom.cdx.json || { echo "word-count: sbom.cdx.json does not name sha256 $digest" >&2; exit 1; }
echo "word-count: $(wc -c <spell.wasm) bytes, sha256 $digest"
