#!/usr/bin/env bash
# fuzz.sh [SECONDS] - runs each target of tests/fuzz under libFuzzer with ASan and UBSan,
# for SECONDS each (60); new inputs go to build-fuzz, and a crash is kept there and named.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
mkdir -p build-fuzz
status=0
library=()
for file in src/*/*.c src/*/*/*.c; do
    case $file in
    src/fiber/* | src/io/ring_none.c | */tutti_worker.c | */enter_shared.c) ;;
    *) library+=("$file") ;;
    esac
done
flags=(-g -O1 -std=gnu11 -D_GNU_SOURCE -fno-sanitize-recover=undefined -Iinclude -Isrc)
fiber=(src/fiber/{fiber,guard,overflow,pool,told}.c "src/fiber/fiber_$(uname -m).S")

# httpd uses the library as any program does: names of its own may be those of private parts.
build_http()
{
    clang-14 "${flags[@]}" -fsanitize=fuzzer-no-link,address,undefined -shared -fPIC \
        -fvisibility=hidden -ftls-model=initial-exec -o build-fuzz/libtutti.so \
        "${fiber[@]}" "${library[@]}" -luring -lpthread
    clang-14 "${flags[@]}" -fsanitize=fuzzer,address,undefined -Dmain=httpd_main \
        -DEXAMPLES_DATA='""' -o build-fuzz/http tests/fuzz/http_fuzz.c examples/httpd.c \
        examples/common/{site,example,png,clock,serve,folder}.c \
        -Lbuild-fuzz -ltutti "-Wl,-rpath,$PWD/build-fuzz" -lhttp_parser -lpng -lm -lpthread
}

build_inside()
{
    clang-14 "${flags[@]}" -fsanitize=fuzzer,address,undefined -o "build-fuzz/$1" \
        "tests/fuzz/$1_fuzz.c" "${fiber[@]}" "${library[@]}" -luring -lpthread
}

for source in tests/fuzz/*_fuzz.c; do
    name=$(basename "$source" _fuzz.c)
    echo "fuzzing $name for $seconds s"
    if [ "$name" = http ]; then
        build_http
    else
        build_inside "$name"
    fi
    mkdir -p "build-fuzz/$name.new"
    "build-fuzz/$name" -max_total_time="$seconds" -timeout=5 -verbosity=1 \
        -artifact_prefix="build-fuzz/$name-" "build-fuzz/$name.new" \
        "tests/fuzz/$name" >"build-fuzz/$name.log" 2>&1 || status=1
    tail -n 3 "build-fuzz/$name.log"
done
exit $status
