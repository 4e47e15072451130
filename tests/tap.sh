# tests/tap.sh - how the tests in shell speak: a line for each case, and at their end the plan
# and the exit status.  To be read in by each: . "$(dirname "$0")/tap.sh"
count=0 failed=0

# tap RC NAME: the case holds if RC is 0; if not the caller says why, where this fails.
tap()
{
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then
        echo "ok $count - $2"
        return 0
    fi
    failed=$((failed + 1))
    echo "not ok $count - $2"
    return 1
}

# tap_skip NAME WHY
tap_skip()
{
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

# tap_why FILE...: what is in these, as comments.
tap_why()
{
    sed 's/^/# /' "$@" 2>/dev/null | head -n 60
}

tap_end()
{
    echo "1..$count"
    exit $((failed > 0))
}
