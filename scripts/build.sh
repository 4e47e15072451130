#!/bin/sh
# build.sh - build in a Meson build folder, which is made if it is not there and given
# other options if they are not those of the last time.  Silent when up to date.
#
#   build.sh FOLDER OPTION...      J=n: at most n files at once
set -eu
dir=$1
shift
wanted=$(printf '%s\n' "$@")

# Run Meson; its words appear with V=1 and when it fails.
meson_setup()
{
    if [ "${V:-0}" != 0 ]; then
        meson setup "$@"
    elif ! said=$(meson setup "$@" 2>&1); then
        printf '%s\n' "$said" >&2
        return 1
    fi
}

if [ ! -e "$dir/build.ninja" ]; then
    # A set-up that was cut off leaves a folder that Meson refuses: begin afresh.
    rm -rf "$dir"
    meson_setup "$dir" "$@"
elif [ "$wanted" != "$(cat "$dir/tutti-options" 2>/dev/null)" ]; then
    meson_setup --reconfigure "$dir" "$@"
fi
printf '%s\n' "$wanted" >"$dir/tutti-options"

ninja -C "$dir" -n 2>/dev/null | grep -q '^ninja: no work to do' && exit 0
if [ "${V:-0}" != 0 ]; then
    how=--verbose
elif [ -t 1 ]; then
    how= # one line that counts
else
    how=--quiet
    echo "building in $dir"
fi
exec ninja -C "$dir" $how ${J:+-j$J}
