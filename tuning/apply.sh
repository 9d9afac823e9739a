#!/usr/bin/env bash
# Sets the host as warptick wants it, and remembers what was there; revert.sh puts it back.
#
# usage: apply.sh [--cpus LIST] [--huge-pages N] [--card IFACE]... [--boot] [--dry-run]
#
#   --cpus LIST      cores of the hot threads, as 2-4,7 (default: those that the kernel isolates)
#   --huge-pages N   reserve N huge pages (default: leave them as they are)
#   --card IFACE     set this network card's interrupt coalescing to none, with ethtool; may be given again
#   --boot           also write isolcpus, nohz_full, rcu_nocbs and irqaffinity into a grub drop-in (takes a reboot)
#   --dry-run        say what would change, change nothing
#
# Each change is printed as 'path: old -> new'. What is as wanted already is left alone, so that a second run changes
# nothing; what this kernel does not have is skipped with a line. The former values are kept in
# /var/lib/warptick/tuning.state; the first ones count, however often this runs.
#
# Exit codes: 0 done, 1 something could not be set, 2 bad usage.
#
# For tests: WARPTICK_ROOT is put before every path, WARPTICK_ETHTOOL names the ethtool to call (none under a root).
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

# What is set in /proc/sys; tuning/profiles/tuned.conf and the audit (tuning/src) have the same values.
sysctls=(
    kernel.nmi_watchdog=0
    kernel.numa_balancing=0
    kernel.sched_rt_runtime_us=-1
    net.core.busy_poll=50
    net.core.busy_read=50
    vm.stat_interval=60
)
governor=performance
huge_pages_transparent=madvise
# An idle state that takes longer to leave than this is switched off on the hot cores, in microseconds.
wake_up_us_max=10

cpus=
huge_pages=
cards=()
boot=no
dry_run=no
failed=no

usage() {
    sed -n '4,10p' "$0" | sed 's/^# \{0,1\}//' >&2
    exit 2
}

need() {
    if [ $# -lt 2 ] || [ -z "$2" ]; then
        usage
    fi
}

while [ $# -gt 0 ]; do
    case $1 in
        --cpus) need "$@"; cpus=$2; shift ;;
        --huge-pages) need "$@"; huge_pages=$2; shift ;;
        --card) need "$@"; cards+=("$2"); shift ;;
        --boot) boot=yes ;;
        --dry-run) dry_run=yes ;;
        *) usage ;;
    esac
    shift
done
[[ $huge_pages =~ ^[0-9]*$ ]] || usage
[[ $cpus =~ ^([0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)?$ ]] || usage

say() {
    printf '%s\n' "$*"
}

# Puts a former value into the state file, unless this path has one: KIND<tab>PATH<tab>VALUE.
remember() {
    local kind=$1 path=$2 value=$3
    mkdir -p "$state_dir"
    if [ ! -e "$state" ] || ! cut -f 1,2 "$state" | grep -qxF "$kind"$'\t'"$path"; then
        printf '%s\t%s\t%s\n' "$kind" "$path" "$value" >>"$state"
    fi
}

# Sets one file below the root; with 'may' the kernel is free to refuse, as it does for interrupts that it manages itself.
put() {
    local path=$1 new=$2 leave=${3:-must} file=$root$1 text old
    if [ ! -e "$file" ]; then
        say "$path: not on this machine, skipped"
        return
    fi
    text=$(cat "$file" 2>/dev/null) || { say "$path: cannot be read, skipped"; return; }
    old=$(chosen "$text")
    [ "$old" != "$new" ] || return 0
    say "$path: $old -> $new"
    [ "$dry_run" = no ] || return 0
    remember file "$path" "$old"
    if ! { becomes "$text" "$new"; echo; } 2>/dev/null >"$file"; then
        say "$path: the kernel refused $new"
        [ "$leave" = may ] || failed=yes
    fi
}

# The numbers of a list such as 2-4,7.
numbers() {
    local part
    for part in ${1//,/ }; do
        seq "${part%-*}" "${part#*-}"
    done
}

# A list without the numbers of another, in ranges.
without() {
    comm -23 <(numbers "$1" | sort) <(numbers "$2" | sort) | sort -n | awk '
        function flush() {
            if (first == "") return
            printf "%s%s", sep, first == last ? first : first "-" last
            sep = ","
        }
        { if (first != "" && $1 == last + 1) { last = $1; next } flush(); first = last = $1 }
        END { flush() }'
}

# The kernel's mask of a list: hexadecimal words of 32 CPUs, the highest first.
mask() {
    local cpu word top=0 text
    local -a words=()
    for cpu in $(numbers "$1"); do
        word=$((cpu / 32))
        words[word]=$((${words[word]:-0} | 1 << cpu % 32))
        top=$((word > top ? word : top))
    done
    text=$(printf '%x' "${words[top]:-0}")
    for ((word = top - 1; word >= 0; word--)); do
        text+=$(printf ',%08x' "${words[word]:-0}")
    done
    printf '%s' "$text"
}

online=$(cat "$root/sys/devices/system/cpu/online" 2>/dev/null) || {
    say "apply.sh: no $root/sys/devices/system/cpu/online: is this Linux?" >&2
    exit 2
}
isolated=$(cat "$root/sys/devices/system/cpu/isolated" 2>/dev/null || true)
hot=${cpus:-$isolated}
absent=$(without "${hot:-$online}" "$online")
if [ -n "$absent" ]; then
    say "apply.sh: cores $absent are not online ($online are)" >&2
    exit 2
fi
others=$(without "$online" "${hot:-$online}")
if [ -n "$cpus" ] && [ -z "$others" ]; then
    say "apply.sh: --cpus $cpus leaves no core to everything else" >&2
    exit 2
fi

for setting in "${sysctls[@]}"; do
    name=${setting%%=*}
    put "/proc/sys/${name//.//}" "${setting#*=}"
done
# An idle core hands its timers to a busy one, which is the hot one unless it is isolated.
if [ -n "$isolated" ]; then
    put /proc/sys/kernel/timer_migration 1
else
    put /proc/sys/kernel/timer_migration 0
fi
put /sys/kernel/mm/transparent_hugepage/enabled "$huge_pages_transparent"
if [ -n "$huge_pages" ]; then
    put /proc/sys/vm/nr_hugepages "$huge_pages"
fi

for cpu in $(numbers "${hot:-$online}"); do
    folder=/sys/devices/system/cpu/cpu$cpu
    put "$folder/cpufreq/scaling_governor" "$governor"
    if [ ! -d "$root$folder/cpuidle" ]; then
        say "$folder/cpuidle: not on this machine, skipped"
    fi
    for latency in "$root$folder"/cpuidle/state*/latency; do
        [ -e "$latency" ] || continue
        if [ "$(cat "$latency")" -gt "$wake_up_us_max" ]; then
            disable=${latency%latency}disable
            put "${disable#"$root"}" 1
        fi
    done
done

if [ -z "$hot" ] || [ -z "$others" ]; then
    say "interrupts: no core is set aside (isolate some, or give --cpus), left where they are"
else
    put /proc/irq/default_smp_affinity "$(mask "$others")"
    for list in "$root"/proc/irq/*/smp_affinity_list; do
        [ -e "$list" ] || continue
        # Those that touch no hot core stay: their owner may have a reason.
        now=$(cat "$list" 2>/dev/null) || continue
        if [ "$(without "$now" "$hot")" != "$(without "$now" "")" ]; then
            put "${list#"$root"}" "$others" may
        fi
    done
fi

for card in ${cards[@]+"${cards[@]}"}; do
    if [ -z "$ethtool" ]; then
        say "$card: no ethtool on this machine, skipped"
        continue
    fi
    answer=$("$ethtool" -c "$card" 2>/dev/null) || { say "$card: ethtool -c gets no answer, skipped"; continue; }
    usecs=$(awk '$1 == "rx-usecs:" { print $2 }' <<<"$answer")
    adaptive=$(awk '$1 == "Adaptive" && $2 == "RX:" { print $3 }' <<<"$answer")
    old="adaptive-rx ${adaptive:-n/a} rx-usecs ${usecs:-n/a}"
    case $old in
        *n/a*) say "$card: its driver holds nothing back that could be set ($old), skipped"; continue ;;
    esac
    new="adaptive-rx off rx-usecs 0"
    [ "$old" != "$new" ] || continue
    say "$card: $old -> $new"
    [ "$dry_run" = no ] || continue
    remember card "$card" "$old"
    # shellcheck disable=SC2086 # names and values, apart
    "$ethtool" -C "$card" $new || { say "$card: ethtool refused $new"; failed=yes; }
done

if [ -z "$hot" ]; then
    say "boot: no core to isolate was named; give --cpus (warptick tune plan names some)"
else
    parameters="isolcpus=managed_irq,domain,$hot nohz_full=$hot rcu_nocbs=$hot"
    [ -z "$others" ] || parameters+=" irqaffinity=$others"
    drop_in=/etc/default/grub.d/90-warptick.cfg
    text="GRUB_CMDLINE_LINUX=\"\$GRUB_CMDLINE_LINUX $parameters\""
    if [ "$boot" = no ]; then
        say "boot: not written; for the kernel's command line (or --boot): $parameters"
    elif [ ! -d "$root/etc/default" ]; then
        say "boot: no /etc/default on this machine, skipped: $parameters"
    elif [ "$(cat "$root$drop_in" 2>/dev/null)" != "$text" ]; then
        say "$drop_in: $(cat "$root$drop_in" 2>/dev/null || echo absent) -> $text"
        if [ "$dry_run" = no ]; then
            if [ ! -d "$root${drop_in%/*}" ]; then
                remember made "${drop_in%/*}" folder
                mkdir "$root${drop_in%/*}"
            fi
            if [ -e "$root$drop_in" ]; then
                remember file "$drop_in" "$(cat "$root$drop_in")"
            else
                remember made "$drop_in" file
            fi
            say "$text" >"$root$drop_in"
            say "boot: run update-grub (or grub2-mkconfig -o /boot/grub2/grub.cfg), then reboot"
        fi
    fi
fi

[ "$failed" = no ]
