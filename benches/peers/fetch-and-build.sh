#!/bin/sh
# Builds the programs that `graphs` measures beside us, GAP's `pr` and COST, from their sources:
#
#     benches/peers/fetch-and-build.sh [FOLDER]
#
# FOLDER (target/peers) gets the sources and, in bin/, the programs. Needs git, make, g++ with OpenMP, and cargo.
set -eu

mkdir -p "${1:-target/peers}"
cd "${1:-target/peers}"
mkdir -p bin

fetch() { # ADDRESS COMMIT
	[ -d "${1##*/}" ] || git clone --quiet "$1"
	git -C "${1##*/}" checkout --quiet "$2"
}

fetch https://github.com/sbeamer/gapbs b5e3e19c2845f22fb338f4a4bc4b1ccee861d026
fetch https://github.com/frankmcsherry/COST d5bef75f976ee5880811305621a2883d499f3e65

make -C gapbs --always-make pr
mv gapbs/pr bin/pr
make -C gapbs --always-make pr CXX_FLAGS="-std=c++11 -O3 -Wall -march=native"
mv gapbs/pr bin/pr-native

cargo build --release --manifest-path COST/Cargo.toml --target-dir COST/target
cp COST/target/release/pagerank COST/target/release/to_hilbert bin/
