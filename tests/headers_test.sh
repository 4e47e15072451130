#!/bin/sh
# headers_test.sh - each public header compiles alone, and all of them together, without a
# warning: as C11, C++11 and C++17; tutti.hpp as C++17.  Headers with flaws are planted and
# must be found.
#
#   headers_test.sh INCLUDE_FOLDER [C_COMPILER [CXX_COMPILER]]
set -u
. "$(dirname "$0")/tap.sh"
include=$1
cc=${2:-${CC:-cc}}
cxx=${3:-${CXX:-c++}}
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

# compile STANDARD FOLDER HEADER...: a file of nothing else, twice for the guards.
compile()
{
    standard=$1
    folder=$2
    shift 2
    case $standard in
    c++*) compiler="$cxx -x c++" ;;
    *) compiler="$cc -x c" ;;
    esac
    printf '#include <%s>\n' "$@" "$@" |
        $compiler -std="$standard" -pedantic -Wall -Wextra -Werror -fsyntax-only -I "$folder" \
            -I "$include" - 2>"$scratch/said"
}
case_is()
{
    tap "$1" "$2" || tap_why "$scratch/said"
}

for header in $(cd "$include" && find . -name '*.h' | sed 's,^\./,,' | sort); do
    for standard in c11 c++11 c++17; do
        compile $standard "$include" "$header"
        case_is $? "$header alone as $standard"
    done
done
for header in $(cd "$include" && find . -name '*.hpp' | sed 's,^\./,,' | sort); do
    compile c++17 "$include" "$header"
    case_is $? "$header alone as c++17"
done

all=$(cd "$include" && find . -name '*.h' | sed 's,^\./,,' | sort)
for standard in c11 c++11 c++17; do
    compile $standard "$include" $all
    case_is $? "all together as $standard"
done

echo 'static inline size_t planted(void) { return 0; }' >"$scratch/planted.h"
for standard in c11 c++11; do
    ! compile $standard "$scratch" planted.h
    case_is $? "a header that needs another is found as $standard"
done
echo 'static inline int planted_(int x) { return 0; }' >"$scratch/planted.h"
! compile c11 "$scratch" planted.h
case_is $? "a header with a warning is found"
echo 'typedef int tutti_map;' >"$scratch/planted.h"
! compile c11 "$scratch" planted.h tutti/patterns.h
case_is $? "two headers that use a name for two things are found"
tap_end
