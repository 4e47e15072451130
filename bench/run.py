#!/usr/bin/python3
"""run.py - `make bench`: measure tutti beside its peers and say whether the goals are met.

    bench/run.py [--only "fib uts"] [--rounds N] [--workers "1 2"] [--build build]

Writes BUILD/bench/results.jsonl, a line a measurement, and pictures of it beside.  Every
round runs all systems once, in turn, so that what disturbs the machine disturbs all.
Exit status: 0; 1 when one of tutti's own programs fails or a result is wrong; 2 when the
call is; 128 and the signal's number when a signal ended it.  A peer that is missing is
named and no failure.  Tests: tests/bench_test.py."""
import argparse
import json
import os
import signal
import sys

TREE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TREE, 'bench'))
sys.dont_write_bytecode = True
from harness import machine, picture, report, rounds, table  # noqa: E402
from harness.programs import Maker  # noqa: E402

ROUNDS_LEAST, ROUNDS_MOST = 1, 99


def options(argv, benches):
    """What was asked for; leaves with one sentence and status 2 when it makes no sense."""
    p = argparse.ArgumentParser(prog='bench/run.py', description=__doc__.split('\n')[0])
    p.add_argument('--only', default='', help='names of benches; without: all')
    p.add_argument('--rounds', default='5', help='rounds of each; 5')
    p.add_argument('--workers', default='', help='numbers of workers; all that have CPUs')
    p.add_argument('--build', default=os.path.join(TREE, 'build'))
    o = p.parse_args(argv)
    names = [b.name for b in benches]
    for name in o.only.split():
        if name not in names:
            leave(f'there is no bench "{name}"; there are: {" ".join(names)}')
    o.only = o.only.split() or names
    o.rounds = whole(o.rounds or '5', 'ROUNDS', ROUNDS_LEAST, ROUNDS_MOST)
    o.workers = [whole(w, 'WORKERS', 1, 4096) for w in o.workers.split()]
    o.build = os.path.abspath(o.build)
    return o


def whole(text, what, least, most):
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        leave(f'{what} is "{text}": it must be a whole number from {least} to {most}')
    return int(text)


def leave(sentence):
    print(f'bench: {sentence}', file=sys.stderr)
    sys.exit(2)


def worker_counts(bench, wanted, cpus):
    """Those to measure and those for which the machine has too few CPUs.  A bench with
    one number of workers has it by its nature."""
    if len(bench.workers) == 1:
        return list(bench.workers), []
    if wanted:
        return wanted, []
    return ([n for n in bench.workers if n <= cpus],
            [n for n in bench.workers if n > cpus])


def runs_of(bench, counts, maker):
    """What takes turns in a bench, and {system: why it cannot}."""
    runs, missing = [], {}
    for system, command in bench.systems.items():
        argv, why = maker.argv(command.program)
        if why:
            missing[system] = why
            continue
        for n in command.workers or counts:
            words = tuple(a.format(workers=n) for a in command.args)
            runs.append(rounds.Run(system, n, argv + words, command.says, command.line))
    return runs, missing


def progress_line(stream):
    """A function that shows its text on a terminal, over the one before, and nothing
    elsewhere."""
    if not stream.isatty():
        return lambda text: None
    return lambda text: print(f'\r\x1b[K{text[:79]}', end='', file=stream, flush=True)


def write_lines(path, lines):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + '.new', 'w') as f:
        f.writelines(json.dumps(line) + '\n' for line in lines)
    os.replace(path + '.new', path)


def too_few_cpus(cpus, counts):
    if not counts:
        return []
    listed = ', '.join(map(str, sorted(counts)))
    return [f'{cpus} CPU{"s" if cpus > 1 else ""} here: not measured with {listed} workers']


def summary(all_measured):
    verdicts = [v for m in all_measured for v in report.judge(m)]
    met = sum(1 for v in verdicts if v[2])
    judged = sum(1 for v in verdicts if v[2] is not None)
    lines = [f'{met} of {judged} goals met']
    missing = {}
    for m in all_measured:
        for system, why in m.failed.items():
            missing.setdefault((system, why), []).append(m.bench.name)
    return lines + [f'missing: {system} ({" ".join(names)}): {why}'
                    for (system, why), names in missing.items()]


def main(argv, benches, programs):
    o = options(argv, benches)
    cpus = len(os.sched_getaffinity(0))
    progress = progress_line(sys.stderr)
    maker = Maker(programs, TREE, o.build)
    all_measured, unmeasured = [], set()
    results = os.path.join(o.build, 'bench', 'results.jsonl')
    for bench in benches:
        if bench.name not in o.only:
            continue
        counts, too_many = worker_counts(bench, o.workers, cpus)
        unmeasured.update(too_many)
        progress(f'{bench.name}: building')
        runs, missing = runs_of(bench, counts, maker)
        measured = rounds.measure(bench, runs, o.rounds, progress)
        measured.failed = {**missing, **measured.failed}
        all_measured.append(measured)
        print('\n'.join(report.words(measured)), flush=True)
        write_lines(results, [line for m in all_measured for line in m.lines])
    for line in too_few_cpus(cpus, unmeasured) + summary(all_measured):
        print(line)
    print(f'figures: {results}')
    with open(os.path.join(os.path.dirname(results), 'machine.json'), 'w') as f:
        json.dump(machine.describe(), f)
        f.write('\n')
    for line in picture.draw(all_measured, os.path.dirname(results)):
        print(line)
    return 1 if any(table.OURS in m.failed for m in all_measured) else 0


def cut(number, _):
    """A signal ends the run as an exception, so that no program is left behind."""
    sys.exit(128 + number)


def run(argv, benches, programs):
    signal.signal(signal.SIGTERM, cut)
    signal.signal(signal.SIGINT, cut)
    try:
        return main(argv, benches, programs)
    except OSError as e:
        print(f'bench: {e.filename or "a file"}: {e.strerror}', file=sys.stderr)
        return 1


if __name__ == '__main__':
    from harness.benches import BENCHES, PROGRAMS
    sys.exit(run(sys.argv[1:], BENCHES, PROGRAMS))
