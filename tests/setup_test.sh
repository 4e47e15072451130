#!/bin/sh
# setup_test.sh - scripts/setup.sh on machines that it is told about: a PATH of our own
# holds a few tools, an apt-get that writes down how it was called, and a sudo that
# agrees or not.
#
#   setup_test.sh SETUP_SCRIPT
set -u
. "$(dirname "$0")/tap.sh"
setup=$(realpath "$1")
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
chmod 755 "$scratch"

check()
{
    name=$1
    shift
    "$@"
    tap $? "$name" || tap_why "$scratch/said" "$scratch/calls"
}
says()
{
    grep -qF -- "$1" "$scratch/said"
}
apt_was()
{
    [ "$(cat "$scratch/calls")" = "$1" ]
}
tool()
{
    printf '#!/bin/sh\n%s\n' "$2" >"$scratch/bin/$1"
    chmod 755 "$scratch/bin/$1"
}

# A machine that has gcc, make and apt, and whose user is number $1.  apt-get installs
# by making the files that setup.sh looks for.
machine()
{
    rm -rf "$scratch/bin"
    mkdir "$scratch/bin"
    : >"$scratch/calls"
    for name in sh env sed grep cat ls test true printf touch chmod; do
        ln -s "$(command -v $name | grep / || echo /usr/bin/$name)" "$scratch/bin/$name"
    done
    tool id "echo $1"
    tool apt-get "
        while [ \$# -gt 0 ]; do
            case \$1 in -o) shift ;; -*) ;; *) words=\"\$words\${words:+ }\$1\" ;; esac
            shift
        done
        echo \"\$DEBIAN_FRONTEND \$words\" >>'$scratch/calls'
        [ ! -e '$scratch/broken' ] || { echo 'no network here'; exit 100; }
        [ \"\${words%% *}\" = install ] || exit 0
        for file in meson ninja pkg-config g++ clang-14 aarch64-linux-gnu-gcc \\
            qemu-aarch64 valgrind mandoc; do
            printf '#!/bin/sh\n' >'$scratch/bin/'\$file
            chmod 755 '$scratch/bin/'\$file
        done"
}
run()
{
    PATH=$scratch/bin sh "$setup" "$@" >"$scratch/said" 2>&1 </dev/null
}
exits()
{
    want=$1
    shift
    run "$@"
    [ $? = "$want" ]
}
wanted='meson ninja-build pkg-config libpng-dev libjansson-dev liburing-dev libssl-dev g++'

machine 0
check "root on a bare machine: it installs" exits 0 build
check "says what it installs" says "installing $wanted"
check "updates first, then installs just what lacks" apt_was "noninteractive update
noninteractive install $wanted"
: >"$scratch/calls"
check "a second time there is nothing to do" exits 0 build
check "and apt-get is not called" apt_was ""
check "nor is anything said" [ ! -s "$scratch/said" ]

machine 0
: >"$scratch/broken"
check "apt-get fails: so does it" exits 1 build
check "and repeats what apt-get said" says "no network here"
check "and names the command" says "apt-get update && apt-get install"
rm "$scratch/broken"

machine 1000
check "a user without sudo: it stops" exits 1 build
check "names what lacks" says "missing packages: $wanted"
check "and the command" says \
    "apt-get update && apt-get install --no-install-recommends $wanted"
check "without calling apt-get" apt_was ""

machine 1000
tool sudo '[ "$1" = -n ] || exit 9; shift; exec "$@"'
check "a user with sudo: it installs" exits 0 build
check "through sudo -n" apt_was "noninteractive update
noninteractive install $wanted"

machine 1000
tool sudo 'echo "sudo: a password is required" >&2; exit 1'
check "sudo that asks for a password: it stops" exits 1 build
check "and calls nothing" apt_was ""

machine 0
rm "$scratch/bin/apt-get"
check "no apt-get at all: it stops" exits 1 build
check "and says so" says "there is no apt-get here"
check "an unknown set is refused" exits 2 nonsense
tap_end
