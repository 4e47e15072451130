#!/bin/sh
# install_test.sh - what `make install` puts there is enough to build and run a program:
# installs below a scratch folder, builds the first program of README.md with pkg-config
# against it, and runs that on several executors.
#
#   install_test.sh BUILD_FOLDER README
set -u
. "$(dirname "$0")/tap.sh"
build=$1
readme=$2
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

check()
{
    name=$1
    shift
    "$@" >"$scratch/said" 2>&1
    tap $? "$name" || tap_why "$scratch/said"
}
there()
{
    for path; do
        set -- "$root$prefix"/$path
        [ -e "$1" ] || { echo "no $path"; return 1; }
    done
}
with_pkg_config()
{
    # shellcheck disable=SC2086 # what is asked for may be two words
    flags=$(PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_PATH=$root$prefix/$libdir/pkgconfig \
        pkg-config ${ask:---cflags --libs} "${package:-tutti}") || return 1
    # shellcheck disable=SC2086 # flags are words
    "$@" $flags -Wall -Wextra -Werror
}
run_first()
{
    said=$(TUTTI_EXECUTOR=$1 LD_LIBRARY_PATH=$root$prefix/$libdir timeout 60 \
        "$scratch/first")
    [ "$said" = "9 16 25" ] || { echo "it said: $said"; return 1; }
}
option()
{
    python3 - "$build" "$1" <<'END'
import json, subprocess, sys
text = subprocess.run(['meson', 'introspect', sys.argv[1], '--buildoptions'], check=True,
                      stdout=subprocess.PIPE).stdout
print(next(o['value'] for o in json.loads(text) if o['name'] == sys.argv[2]))
END
}

root=$scratch/root
prefix=$(option prefix)
libdir=$(option libdir)
check "meson install" meson install -C "$build" --no-rebuild --quiet --destdir "$root"
check "headers, library, pages, completion are there" there include/tutti.h \
    include/tutti/sync.h "$libdir/libtutti.so" "$libdir/pkgconfig/tutti.pc" \
    "$libdir/libtutti-hook.so" "$libdir/pkgconfig/tutti-hook.pc" share/man/man7/tutti-hook.7 \
    share/man/man3/tutti_go.3 share/man/man7/tutti.7 share/man/man1/tutti.1 \
    share/bash-completion/completions/tutti
check "nothing is installed outside the prefix" \
    [ "$(ls "$root")" = "$(echo "${prefix#/}" | cut -d/ -f1)" ]

# Without LD_LIBRARY_PATH: it must find the library beside itself.
runs_command()
{
    "$root$prefix/bin/tutti" version && "$root$prefix/bin/tutti" tour --list
}
if [ -e "$build/cli/tutti" ]; then
    check "the installed command runs where it is" runs_command
fi

# The first block of C in the text, and the lines of it that are code.
sed -n '/^```c$/,/^```$/p' "$readme" | sed '/^```/d' >"$scratch/first.c"
check "the first program of README.md builds against it" \
    with_pkg_config "${CC:-cc}" -std=c11 "$scratch/first.c" -o "$scratch/first"
for url in loop:// threads://2 threads:// auto://; do
    check "and runs on $url" run_first "$url"
done

# A program that asks for nothing of the hook by name is in front of libc all the same.
package=tutti-hook
check "it builds against tutti-hook" with_pkg_config "${CC:-cc}" -std=c11 \
    -Wl,--as-needed "$scratch/first.c" -o "$scratch/first"
check "which stays linked" sh -c "readelf -d '$scratch/first' | grep -q libtutti-hook"
check "and runs" run_first loop://

# The explorer, by its command and by pkg-config.
finds_race()
{
    "$root$prefix/bin/tutti" explore "$1" >"$scratch/found"
    [ $? -eq 1 ] && grep -q "^FAILED  data race" "$scratch/found"
}
by_flags()
{
    package=tutti-explore
    ask=--cflags
    with_pkg_config "${CC:-cc}" -g -Wno-tsan -c "$scratch/race.c" -o "$scratch/race.o" &&
        ask=--libs && # the flag that compiles would link another library
        with_pkg_config "${CC:-cc}" "$scratch/race.o" -o "$scratch/flagged" -pthread \
            -Wl,-rpath,"$root$prefix/$libdir"
}
if [ -e "$root$prefix/$libdir/libtutti-explore.so" ] && [ -e "$build/cli/tutti" ]; then
    cat >"$scratch/race.c" <<'END'
#include <pthread.h>
int count;
static void *add(void *arg)
{
    count++;
    return arg;
}
int main(void)
{
    pthread_t thread;
    pthread_create(&thread, 0, add, 0);
    add(0);
    return pthread_join(thread, 0);
}
END
    check "the installed tutti cc builds" "$root$prefix/bin/tutti" cc \
        -o "$scratch/raced" "$scratch/race.c"
    check "what tutti explore finds a race in" finds_race "$scratch/raced"
    check "it builds against tutti-explore" by_flags
    check "and the race is found in that, too" finds_race "$scratch/flagged"
fi
tap_end
