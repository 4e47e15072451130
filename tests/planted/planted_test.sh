#!/bin/sh
# planted_test.sh - a sanitizer reports a mistake that is planted in a program, and is
# silent about the same program without it.
#
#   planted_test.sh PROGRAM REPORT WHERE...
#
# Runs `PROGRAM where`, which must fail with the words REPORT, and `PROGRAM where safe`,
# which must succeed without, for each where.
set -u
. "$(dirname "$0")/../tap.sh"
program=$1
report=$2
shift 2
scratch=$(mktemp) || exit 1
trap 'rm -f "$scratch"' EXIT

case_is()
{
    tap "$1" "$2" || tap_why "$scratch"
}

for where; do
    ! timeout 60 "$program" "$where" >"$scratch" 2>&1 && grep -q "$report" "$scratch"
    case_is $? "$where: $report is reported"
    timeout 60 "$program" "$where" safe >"$scratch" 2>&1 &&
        ! grep -q "Sanitizer" "$scratch"
    case_is $? "$where: nothing is reported without it"
done
tap_end
