#!/usr/bin/env bash
# Puts back what apply.sh changed, last change first, and forgets it.
#
# usage: revert.sh [--dry-run]
#
# Each change is printed as 'path: now -> former'. What has its former value already is left alone. A value that cannot be
# put back stays in /var/lib/warptick/tuning.state, so that this can run again.
#
# Exit codes: 0 done (or nothing to do), 1 something could not be put back, 2 bad usage.
#
# For tests: WARPTICK_ROOT and WARPTICK_ETHTOOL as in apply.sh.
set -euo pipefail
# shellcheck source=value.sh
. "$(dirname "$0")/value.sh"

root=${WARPTICK_ROOT:-}
state_dir=$root/var/lib/warptick
state=$state_dir/tuning.state
ethtool=${WARPTICK_ETHTOOL:-}
if [ -z "$ethtool" ] && [ -z "$root" ]; then
    ethtool=$(command -v ethtool || true)
fi
dry_run=no
case "$#${1:-}" in
    0) ;;
    1--dry-run) dry_run=yes ;;
    *)
        sed -n '4p' "$0" | sed 's/^# //' >&2
        exit 2
        ;;
esac

say() {
    printf '%s\n' "$*"
}

# Whether one change is back; prints what it does.
put_back() {
    local kind=$1 path=$2 former=$3 text now
    case $kind in
        file)
            text=$(cat "$root$path" 2>/dev/null) || { say "$path: not there any more, skipped"; return 0; }
            now=$(chosen "$text")
            [ "$now" != "$former" ] || return 0
            say "$path: $now -> $former"
            [ "$dry_run" = no ] || return 0
            { becomes "$text" "$former"; echo; } 2>/dev/null >"$root$path"
            ;;
        made)
            [ -e "$root$path" ] || return 0
            say "$path: removed"
            [ "$dry_run" = no ] || return 0
            if [ "$former" = folder ]; then rmdir "$root$path"; else rm "$root$path"; fi
            ;;
        card)
            say "$path: -> $former"
            [ "$dry_run" = no ] || return 0
            [ -n "$ethtool" ] || { say "$path: no ethtool on this machine"; return 1; }
            # shellcheck disable=SC2086 # names and values, apart
            "$ethtool" -C "$path" $former
            ;;
        *)
            say "$state: '$kind' is no kind of change"
            return 1
            ;;
    esac
}

if [ ! -e "$state" ]; then
    say "nothing to put back: no ${state#"$root"}"
    exit 0
fi

left=
while IFS=$'\t' read -r kind path former; do
    if ! put_back "$kind" "$path" "$former"; then
        say "$path: could not be put back"
        left=$(printf '%s\t%s\t%s\n%s' "$kind" "$path" "$former" "$left")
    fi
done < <(tac "$state")

[ "$dry_run" = no ] || exit 0
if [ -n "$left" ]; then
    printf '%s\n' "$left" | sed '/^$/d' >"$state"
    exit 1
fi
rm "$state"
rmdir "$state_dir" 2>/dev/null || true
