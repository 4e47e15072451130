#!/bin/bash
# test-all.sh - the test suite under other compilers, sanitizers, valgrind, the portable
# switch of fibers and another processor, each in a build folder of its own, build-NAME,
# which is kept for the next time.
#
#   test-all.sh           all rows
#   test-all.sh NAME...   those rows
#
# The last line is `N passed, N failed`, over all rows.  A row that does not build
# counts as one failure.  The planted races and overflows that the sanitizers must report
# are tests of these rows: tests/planted.
cd "$(dirname "$0")/.." || exit 1

# name, compiler, options of meson setup.  Clang leaves the sanitizer's symbols to the
# program, so a library may not insist on knowing them all (b_lundef).
rows()
{
    cat <<'END'
gcc         gcc       --werror
clang       clang-14  --werror
gcc-tsan    gcc       -Db_sanitize=thread
clang-tsan  clang-14  -Db_sanitize=thread -Db_lundef=false
gcc-asan    gcc       -Db_sanitize=address,undefined
clang-asan  clang-14  -Db_sanitize=address,undefined -Db_lundef=false
gcc-ubsan   gcc       -Db_sanitize=undefined
ucontext    gcc       -Dfiber=ucontext
valgrind    gcc
aarch64     -         --cross-file=cross/aarch64.txt --werror
END
}

export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
# At its end a process with threads (fibers are some) sleeps a second to see more of them;
# there are thousands of processes, one for each case and more.
export TSAN_OPTIONS=second_deadlock_stack=1:atexit_sleep_ms=10:allocator_may_return_null=1
# A case may take this many seconds, and a program four times what it may elsewhere: the
# sanitizers and the emulator slow some cases down tenfold.
export CHECK_TIMEOUT=${CHECK_TIMEOUT:-240}
# Tests that do only a part of what they can do all of it here.
export TUTTI_TEST_ALL=1
export MESON_TESTTHREADS=${J:-$(nproc)}

# Thread sanitizers of these years do not know how to live with much randomness in the
# places of mappings.
steady=()
bits=$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 0)
if [ "$bits" -gt 28 ] && setarch -R true 2>/dev/null; then
    steady=(setarch -R)
fi

# One row: build, run, leave the log in build-NAME/row.log.
run_row()
{
    local name=$1 compiler=$2
    shift 2
    mkdir -p "build-$name"
    if [ "$compiler" != - ]; then
        export CC=$compiler
    fi
    scripts/build.sh "build-$name/meson" -Dbuildtype=debugoptimized -Db_ndebug=false \
        "$@" || return 1
    # The tree's own rules are the same under every compiler: the first row has them.
    local which=(--no-suite tree)
    [ "$name" = gcc ] && which=()
    # The explorer goes with no other sanitizer; all else has met this one in gcc-asan.
    [ "$name" = gcc-ubsan ] && which=(explore explore-cells explore-seen explore-refuse
                                      explore-suite cc)
    # qemu 7.2 trips over locks of its own in a child of a program with threads.
    [ "$name" = aarch64 ] && export CHECK_EMULATED=1
    if [ "$name" = valgrind ]; then
        export CHECK_VALGRIND=1
        which+=(--wrapper 'valgrind -q --error-exitcode=99 --max-threads=1100')
    fi
    "${steady[@]}" scripts/run-tests.py "build-$name/meson" -t 4 "${which[@]}"
}

wanted=" $* "
passed=0 failed=0 skipped=0 bad=()
while read -r name compiler options; do
    if [ "$wanted" != "  " ] && [[ "$wanted" != *" $name "* ]]; then
        continue
    fi
    started=$SECONDS
    mkdir -p "build-$name"
    # shellcheck disable=SC2086 # options are words
    (run_row "$name" "$compiler" $options) >"build-$name/row.log" 2>&1 </dev/null
    rc=$?
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "build-$name/row.log" | tail -n 1)
    if [ -z "$line" ]; then
        line="0 passed, 1 failed"
    fi
    printf '%-11s %s  (%d s)\n' "$name" "$line" $((SECONDS - started))
    read -r p _ f _ s _ <<<"$line"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + ${s:-0}))
    if [ "$rc" != 0 ]; then
        bad+=("$name")
    fi
done < <(rows)

for name in "${bad[@]}"; do
    printf '\n==== %s: the end of build-%s/row.log\n' "$name" "$name"
    tail -n 60 "build-$name/row.log"
done
if [ $((passed + failed)) = 0 ]; then
    echo "no such row: $*; there are: $(rows | sed 's/ .*//' | tr '\n' ' ')" >&2
    exit 2
fi
[ ${#bad[@]} = 0 ] || printf '\nfailed: %s\n' "${bad[*]}"
echo "$passed passed, $failed failed, $skipped skipped"
[ ${#bad[@]} = 0 ]
