#!/bin/sh
# Install the Debian or Ubuntu packages of a list that are missing, say which, and never let a server start by itself.
# Usage: system-packages.sh LIST "what for". On other systems it says what would be needed and goes on.
set -eu
list=$1
purpose=$2

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "Not Debian or Ubuntu: packages for $purpose are not installed. If something is missing, look at $list."
    exit 0
fi

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
on_offer() { [ -n "$(apt-cache madison "$1" 2>/dev/null)" ]; }

# Lines whose package (or one of its names) is not there yet.
missing=$(sed -e 's/#.*//' -e 's/[[:space:]]*$//' -e '/^$/d' "$list" | while read -r line; do
    there=no
    for name in $(echo "$line" | tr '|' ' '); do
        if installed "$name"; then there=yes; fi
    done
    [ $there = yes ] || echo "$line" | tr -d ' '
done)
if [ -z "$missing" ]; then
    echo "Packages for $purpose: all there."
    exit 0
fi

root=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "For $purpose these packages are missing: $(echo "$missing" | tr '\n' ' ')" >&2
        echo "Installing them needs root, and there is no sudo: ask an administrator to install them, then run this again." >&2
        exit 1
    fi
    root=sudo
fi
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
policy=/usr/sbin/policy-rc.d
kept=
# shellcheck disable=SC2317  # called by the trap
leave() {
    if [ -n "$kept" ]; then
        if [ "$kept" = none ]; then $root rm -f "$policy"; else $root mv "$kept" "$policy"; fi
    fi
    rm -f "$log"
}
trap leave EXIT INT TERM

quietly() {
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        echo "“$*” failed: the packages for $purpose are not installed." >&2
        exit 1
    fi
}

echo "Looking for the packages for $purpose (apt-get update) …"
quietly $root apt-get update

wanted=
for line in $missing; do
    chosen=
    for name in $(echo "$line" | tr '|' ' '); do
        if [ -z "$chosen" ] && on_offer "$name"; then chosen=$name; fi
    done
    wanted="$wanted ${chosen:-${line##*|}}"
done

# While this file says 101, no maintainer script starts a server. A policy that was there before comes back afterwards.
if [ -e "$policy" ]; then
    kept=$policy.before-tisserand
    $root mv "$policy" "$kept"
else
    kept=none
fi
printf '#!/bin/sh\nexit 101\n' | $root tee "$policy" >/dev/null
$root chmod 755 "$policy"

echo "Installing for $purpose:$wanted"
# shellcheck disable=SC2086  # a list of words
quietly $root apt-get install -y --no-install-recommends $wanted
echo "Packages for $purpose: done."
