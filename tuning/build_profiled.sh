#!/usr/bin/env bash
# Builds warptick with the code laid out by what a run of it does (profile-guided optimisation), and prints where it lies.
#
# usage: tuning/build_profiled.sh
#
# Three steps: a build that counts its branches, generated two-venue days through it (no capture of yours is needed), the
# release build with these counts. The same source, the same results and digests; what changes is which branch falls through
# and what is inlined where. What it gained is in bench/METHOD.md. All of it lies in target/profiled (or in
# $CARGO_TARGET_DIR/profiled); nothing else is written. About twice the time of a release build.
#
# Needs the toolchain's own llvm-profdata: rustup component add llvm-tools.
#
# Exit codes: 0 done, 1 a step failed, 2 llvm-profdata is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

host=$(rustc -vV | sed -n 's/^host: //p')
profdata=$(rustc --print sysroot)/lib/rustlib/$host/bin/llvm-profdata
if [ ! -x "$profdata" ]; then
    echo "no llvm-profdata of this toolchain at $profdata: rustup component add llvm-tools" >&2
    exit 2
fi

# With counts, thin LTO gave the faster code of the two (bench/METHOD.md), in half of the time.
export CARGO_PROFILE_RELEASE_LTO=thin CARGO_PROFILE_RELEASE_CODEGEN_UNITS=4
base=${CARGO_TARGET_DIR:-$PWD/target}/profiled
days=$base/days
rm -rf "$base/counts" "$days"
mkdir -p "$days"

# build FLAGS: with --target, so that build scripts and macros are not compiled with the flags.
build() {
    CARGO_TARGET_DIR=$base RUSTFLAGS="${RUSTFLAGS:-} $1" \
        cargo build --release --target "$host" -p warptick-engine --bin warptick
}

binary=$base/$host/release/warptick
build "-Cprofile-generate=$base/counts"

cat >"$days/rehearsed.toml" <<'TOML'
[pipeline]
rehearse = "always"
TOML
for symbols in 1 40; do
    "$binary" generate "$days/$symbols" --messages 300000 --symbols "$symbols" >/dev/null
    for stamps in sampled all; do
        rm -rf "$days/journal"
        "$binary" replay "$days/$symbols.nasdaq.itch@NASDAQ" "$days/$symbols.bx.itch@BX" --pace max --topology inline \
            --stamps "$stamps" --config "$days/rehearsed.toml" --journal "$days/journal" >/dev/null
    done
done
"$profdata" merge --output "$base/warptick.profdata" "$base/counts"

# Functions that differ between the two builds have no counts; the warnings about them are left out.
build "-Cprofile-use=$base/warptick.profdata -Cllvm-args=-no-pgo-warn-mismatch"
rm -rf "$days" "$base/counts"
echo "$binary"
