#!/bin/sh
# Builds every spell in this folder. Each spell's own build.sh says which toolchain it needs.
set -eu
cd "$(dirname "$0")"

for script in */build.sh; do
    sh "$script"
done
