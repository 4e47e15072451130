#!/bin/sh
# setup.sh - install the Debian packages that are missing, and nothing when none is.
# Looks for what a package gives, not for the package, so that tools from elsewhere
# count, and so that a complete machine costs milliseconds and no network.
# Tests: tests/setup_test.sh.
#
#   setup.sh build    what building, the tour and the tests need
#   setup.sh all      also what test-all needs: other compilers, an emulator, lints
#   setup.sh bench    also the systems that `make bench` compares with
#   setup.sh list build|all|bench    names the packages of a set, for scripts
set -eu

# One line each: package, then a command that succeeds when it is there.
build_packages()
{
    cat <<'END'
libc6-dev       test -e /usr/include/stdio.h
meson           command -v meson
ninja-build     command -v ninja
pkg-config      command -v pkg-config
libpng-dev      pkg-config --exists libpng
libjansson-dev  pkg-config --exists jansson
liburing-dev    pkg-config --exists liburing
libssl-dev      pkg-config --exists openssl
libhttp-parser-dev  test -e /usr/include/http_parser.h
libjpeg62-turbo-dev  test -e /usr/include/jpeglib.h
libexif-dev     test -e /usr/include/libexif/exif-data.h
liblinear-dev   test -e /usr/include/linear.h
liblinear-tools  test -x /usr/bin/liblinear-train
g++             command -v g++
END
}
all_packages()
{
    build_packages
    library_packages
    cat <<'END'
clang-14               command -v clang-14
libclang-rt-14-dev     sanitizers_of clang-14
gcc-aarch64-linux-gnu  command -v aarch64-linux-gnu-gcc
libc6-dev-arm64-cross  test -e /usr/aarch64-linux-gnu/include/stdio.h
qemu-user              command -v qemu-aarch64
valgrind               command -v valgrind
mandoc                 command -v mandoc
END
}
bench_packages()
{
    build_packages
    library_packages
    cat <<'END'
golang-go              test -x /usr/bin/go
libtbb-dev             test -e /usr/include/oneapi/tbb.h
libboost-context-dev   test -e /usr/include/boost/context/fiber.hpp
libuv1-dev             pkg-config --exists libuv
nginx-light            test -x /usr/sbin/nginx
python3-mpi4py         /usr/bin/python3 -c 'import mpi4py'
python3-uvloop         /usr/bin/python3 -c 'import uvloop'
python3-matplotlib     /usr/bin/python3 -c 'import matplotlib'
END
}
# Libraries that libtutti-hook is tried under, and servers for them, which tests, benches
# and examples start for themselves, and data that examples read; Debian starts those that it installs as well.
library_packages()
{
    cat <<'END'
libpq-dev             pkg-config --exists libpq
libcurl4-openssl-dev  pkg-config --exists libcurl
libhiredis-dev        pkg-config --exists hiredis
libssl-dev            pkg-config --exists openssl
libxml2-dev           pkg-config --exists libxml-2.0
openssl               test -x /usr/bin/openssl
nginx                 test -x /usr/sbin/nginx
postgresql-15         test -x /usr/lib/postgresql/15/bin/postgres
postgresql-doc-15     test -e /usr/share/doc/postgresql-doc-15/html/index.html
redis-server          test -x /usr/bin/redis-server
python3-sklearn       test -e /usr/lib/python3/dist-packages/sklearn/__init__.py
END
}
sanitizers_of()
{
    dir=$("$1" -print-runtime-dir) && ls "$dir"/libclang_rt.tsan*
}

# The packages of the set $1 whose command fails.
missing()
{
    "$1_packages" | while read -r package probe; do
        eval "$probe" >/dev/null 2>&1 </dev/null || printf '%s ' "$package"
    done
}

# How to become root: nothing to do, sudo without a password, or not at all.
find_root()
{
    if [ "$(id -u)" = 0 ]; then
        root=
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        root='sudo -n'
    else
        return 1
    fi
}

# Run apt-get; its words appear with V=1 and when it fails.
apt()
{
    set -- $root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
        -o DPkg::Lock::Timeout=120 "$@"
    if [ "${V:-0}" != 0 ]; then
        echo "$*"
        "$@" </dev/null
    elif ! said=$("$@" </dev/null 2>&1); then
        printf '%s\n' "$said" >&2
        return 1
    fi
}

say_how()
{
    echo "tutti: $1: ${lack% }" >&2
    set -- "apt-get update && apt-get install --no-install-recommends ${lack% }"
    echo "tutti: run  $1" >&2
    echo "tutti: as root, then this again" >&2
    exit 1
}

case ${1:-build} in
build | all | bench) ;;
list)
    "${2:-build}_packages" | sed 's/ .*//'
    exit
    ;;
*)
    echo "usage: setup.sh [build | all | bench | list build | list all | list bench]" >&2
    exit 2
    ;;
esac

set_wanted=${1:-build}
lack=$(missing "$set_wanted")
[ -n "$lack" ] || exit 0
command -v apt-get >/dev/null || say_how "there is no apt-get here; missing packages"
find_root || say_how "neither root nor sudo without a password; missing packages"
echo "tutti: installing ${lack% }"
apt update || say_how "apt-get update failed; missing packages"
apt install --no-install-recommends $lack || say_how "apt-get failed; missing packages"
lack=$(missing "$set_wanted")
[ -z "$lack" ] || say_how "installed, yet of no use here"
