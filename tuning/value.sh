# shellcheck shell=bash
# How a file of /proc or /sys shows its value; sourced by apply.sh and revert.sh, which set `root`.

# Of 'always [madvise] never' the word in brackets, of any other text the text.
chosen() {
    case $1 in
        *\[*\]*)
            local rest=${1#*\[}
            printf '%s' "${rest%%\]*}"
            ;;
        *) printf '%s' "$1" ;;
    esac
}

# What to write so that a file shows a word: the kernel moves the brackets itself, a plain file below a root does not.
becomes() {
    local old=$1 new=$2
    if [ -n "${root:-}" ] && [[ $old == *\[*\]* ]]; then
        local plain=${old//[\[\]]/} word out=
        for word in $plain; do
            [ "$word" = "$new" ] && word="[$word]"
            out+="${out:+ }$word"
        done
        printf '%s' "$out"
    else
        printf '%s' "$new"
    fi
}
