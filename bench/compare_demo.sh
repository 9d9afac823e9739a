#!/usr/bin/env bash
# How often `warptick compare` is wrong on this machine: a binary beside itself, and beside one that is 5 % slower.
#
#   cargo build --profile instructions -p warptick-engine && cp target/instructions/warptick /tmp/a
#   cargo build --profile instructions -p warptick-engine --features planted_slowdown && cp target/instructions/warptick /tmp/b
#   bench/compare_demo.sh /tmp/a /tmp/b [EQUAL [PLANTED]] > lines
#
# EQUAL comparisons of A with itself (200), then PLANTED of A with B (20), each with a seed of its own; a line each with its
# verdict, and the counts at the end. Exit code 1 when an equal one did not pass or a planted one was not found.
set -euo pipefail

a=$1 b=$2 equal=${3:-200} planted=${4:-20}
passed=0 found=0

verdict() {
    "$a" compare "$1" "$2" --seed "$3" 2>/dev/null | grep '^VERDICT' || true
}

for seed in $(seq "$equal"); do
    started=$(date +%s.%N)
    said=$(verdict "$a" "$a" "$seed")
    case $said in *SAME*) passed=$((passed + 1)) ;; esac
    printf 'equal %s, %.1f s, load %s: %s\n' "$seed" "$(echo "$(date +%s.%N) - $started" | bc)" \
        "$(cut -d' ' -f1 /proc/loadavg)" "$said"
done
for seed in $(seq "$planted"); do
    said=$(verdict "$a" "$b" "$seed")
    case $said in *SLOWER*) found=$((found + 1)) ;; esac
    printf 'planted %s, load %s: %s\n' "$seed" "$(cut -d' ' -f1 /proc/loadavg)" "$said"
done
echo "equal: $passed of $equal passed; planted: $found of $planted found"
[ "$passed" -eq "$equal" ] && [ "$found" -eq "$planted" ]
