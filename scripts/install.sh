#!/bin/sh
# install.sh - install a build folder where it was configured for, below $DESTDIR.
#
#   install.sh FOLDER
set -eu
if [ "${V:-0}" = 0 ]; then
    meson install -C "$1" --no-rebuild --quiet
else
    meson install -C "$1" --no-rebuild
fi
# The loader finds a new library below /usr/local only through its cache.
if [ -z "${DESTDIR:-}" ] && [ "$(id -u)" = 0 ] && command -v ldconfig >/dev/null; then
    ldconfig
fi
