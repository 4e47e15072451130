"""marked.py - the part of a text file between two marks, which a program makes.
Tests: tests/bench_test.py, through bench/readme.py and docs/tour.py."""
import sys


def with_part(text, begin, end, made):
    before, found, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        sys.exit(f'README.md has no lines "{begin}" and "{end}"')
    return f'{before}{begin}\n{made}\n{end}{after}'


def put(path, begin, end, made, check):
    """Write `made` there; with check, only say: 1 when something else stands there."""
    with open(path) as f:
        old = f.read()
    new = with_part(old, begin, end, made)
    if check:
        return int(new != old)
    with open(path, 'w') as f:
        f.write(new)
    return 0
