#!/usr/bin/env bash
# fuzz.sh [SECONDS] - runs each target of tests/fuzz under libFuzzer with ASan and UBSan,
# for SECONDS each (60); new inputs go to build-fuzz, and a crash is kept there and named.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
mkdir -p build-fuzz
status=0
library=()
for file in src/*/*.c src/exec/*/*.c; do
    case $file in
    src/fiber/* | src/io/ring_none.c | */tutti_worker.c) ;;
    *) library+=("$file") ;;
    esac
done
for source in tests/fuzz/*_fuzz.c; do
    name=$(basename "$source" _fuzz.c)
    more=()
    if [ "$name" = http ]; then
        more=(-Dmain=httpd_main -DEXAMPLES_DATA='""' examples/httpd.c
              examples/common/{site,example,png}.c -lhttp_parser -lpng)
    fi
    echo "fuzzing $name for $seconds s"
    clang-14 -g -O1 -std=gnu11 -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined \
        -fno-sanitize-recover=undefined -Iinclude -Isrc -o "build-fuzz/$name" \
        "$source" src/fiber/{fiber,guard,overflow,pool,told}.c \
        "src/fiber/fiber_$(uname -m).S" "${library[@]}" "${more[@]}" -luring -lpthread
    mkdir -p "build-fuzz/$name.new"
    "build-fuzz/$name" -max_total_time="$seconds" -timeout=5 -verbosity=1 \
        -artifact_prefix="build-fuzz/$name-" "build-fuzz/$name.new" \
        "tests/fuzz/$name" 2>&1 | tail -n 3 || status=1
done
exit $status
