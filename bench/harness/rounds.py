"""rounds.py - run the commands of a bench in turn, A B C A B C ..., and collect what they
print.  A system that fails is left out from there on and named with the reason.
Tests: tests/bench_test.py."""
import json
import os
import signal
import statistics
import subprocess
from dataclasses import dataclass


@dataclass(frozen=True)
class Run:
    """A system with a number of workers: what takes its turn in every round."""
    system: str
    workers: int
    argv: tuple
    says: str = None  # what it calls itself, if not so
    line: str = None  # and the bench


class Failed(Exception):
    """A command gave no figure; the words say why."""


def _last_words(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else 'it said nothing'


def let_through(held):
    signal.pthread_sigmask(signal.SIG_SETMASK, held)


def run_command(argv, timeout, env=None):
    """Its standard output; all that it started is gone afterwards."""
    # A signal while it starts would leave it behind: nobody would know its number yet.
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, text=True, errors='replace',
                                 start_new_session=True, env=env,
                                 preexec_fn=lambda: let_through(held))
    except OSError as e:
        let_through(held)
        raise Failed(f'{argv[0]}: {e.strerror}') from e
    try:
        let_through(held)
        out, err = child.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        raise Failed(f'did not end within {timeout:g} s') from None
    finally:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.wait()
    if child.returncode < 0:
        raise Failed(f'ended by {signal.Signals(-child.returncode).name}: '
                     f'{_last_words(err)}')
    if child.returncode:
        raise Failed(f'exit status {child.returncode}: {_last_words(err or out)}')
    return out


def read_line(text, name, system):
    """(figure, check) of the line about bench `name`, from what a command printed."""
    for line in text.splitlines():
        try:
            got = json.loads(line)
        except ValueError:
            continue
        if isinstance(got, dict) and got.get('bench') == name \
                and got.get('system', system) == system:
            figure = got.get('median')
            if not isinstance(figure, (int, float)) or isinstance(figure, bool) \
                    or not figure >= 0 or figure == float('inf'):
                raise Failed(f'printed no figure: {line[:120]}')
            return float(figure), got.get('check')
    raise Failed(f'printed no line about {name}')


@dataclass
class Measured:
    """What came of one bench."""
    bench: object
    lines: list   # one a Run that gave a figure each round, as in results.jsonl
    failed: dict  # system: why it has none

    def values(self):
        return {(line['system'], line['workers']): line['median'] for line in self.lines}


def measure(bench, runs, rounds, progress, env=None):
    """All runs, `rounds` times in turn.  Results that differ are a failure of whoever
    differs from the first."""
    figures = {run: [] for run in runs}
    failed, check = {}, None
    for turn in range(rounds):
        for run in runs:
            if run.system in failed:
                continue
            progress(f'{bench.name}: round {turn + 1} of {rounds}, {run.system}, '
                     f'{run.workers} worker{"s" if run.workers > 1 else ""}')
            try:
                figure, got = read_line(run_command(run.argv, bench.timeout, env),
                                        run.line or bench.name, run.says or run.system)
                if got is not None and check is not None and got != check[0]:
                    raise Failed(f'its result is {got}, that of {check[1]} {check[0]}')
                if got is not None and check is None:
                    check = got, run.system
                figures[run].append(figure)
            except Failed as e:
                failed[run.system] = str(e)
    progress('')
    lines = [line_of(bench, run, figures[run]) for run in runs if run.system not in failed]
    return Measured(bench, lines, failed)


def line_of(bench, run, figures):
    return {'bench': bench.name, 'system': run.system, 'workers': run.workers,
            'unit': bench.unit, 'median': _round(statistics.median(figures)),
            'min': _round(min(figures)), 'max': _round(max(figures)),
            'rounds': len(figures)}


def _round(x):
    """Five digits are more than a round repeats."""
    return float(f'{x:.5g}')
