#!/usr/bin/env python3
"""bench_test.py - the harness of `make bench` (bench/run.py, bench/harness/) on systems of
our own that print what they are told; and, at the sizes of a test, tutti's own programs
and those peers that need no package.

    bench_test.py TREE BUILD
"""
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from contextlib import redirect_stderr, redirect_stdout

TREE, BUILD = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
sys.path[:0] = [os.path.join(TREE, 'bench'), os.path.join(TREE, 'docs')]
sys.dont_write_bytecode = True
import readme  # noqa: E402
import run  # noqa: E402
import tour  # noqa: E402
import tap  # noqa: E402
from harness import benches, picture, report, rounds  # noqa: E402
from harness.programs import Program  # noqa: E402
from harness.table import (AtLeast, AtMost, Bench, Command, Over,  # noqa: E402
                           SpeedUp)

PEERS = ('pthread', 'async', 'uvloop', 'go')  # C++ takes too long to compile here
CASES = []


def case(f):
    CASES.append(f)
    return f


def sh(text):
    """A program that is that shell script; $1 is the number of workers."""
    return Program(('sh', '-c', text.replace('{', '{{').replace('}', '}}'), 'sh'))


def says(median, name='b', **more):
    return sh("echo '" + json.dumps({'bench': name, 'median': median, **more}) + "'")


def bench(systems, **more):
    commands = {s: Command(s, ('{workers}',)) for s in systems}
    return Bench('b', 'ns', 'a thing', commands, **more)


class Outcome:
    """What a run of the harness gave."""

    def __init__(self, table, programs, *argv):
        with tempfile.TemporaryDirectory() as folder:
            out, err = io.StringIO(), io.StringIO()
            with redirect_stdout(out), redirect_stderr(err):
                try:
                    self.status = run.main(['--build', folder, '--rounds', '1', *argv],
                                           table, programs)
                except SystemExit as e:
                    self.status = e.code
            self.out, self.err = out.getvalue(), err.getvalue()
            path = os.path.join(folder, 'bench', 'results.jsonl')
            self.lines = []
            if os.path.exists(path):
                with open(path) as f:
                    self.lines = [json.loads(line) for line in f]


@case
def a_line_has_median_min_and_max_of_the_rounds():
    with tempfile.TemporaryDirectory() as folder:
        for i, x in enumerate((3, 1, 9, 2, 4)):
            with open(os.path.join(folder, str(i)), 'w') as f:
                f.write('{"bench":"b","median":%d}\n' % x)
        text = f'cd {folder}; set -- *; cat $1; rm $1'
        got = Outcome([bench(['tutti'])], {'tutti': sh(text)}, '--rounds', '5')
    assert got.lines == [{'bench': 'b', 'system': 'tutti', 'workers': 1, 'unit': 'ns',
                          'median': 3, 'min': 1, 'max': 9, 'rounds': 5}], got.lines
    assert got.status == 0


@case
def systems_take_turns():
    with tempfile.TemporaryDirectory() as folder:
        log = os.path.join(folder, 'log')
        programs = {s: sh(f'echo {s} >>{log}; echo \'{{"bench":"b","median":1}}\'')
                    for s in ('tutti', 'one', 'two')}
        Outcome([bench(['one', 'tutti', 'two'])], programs, '--rounds', '3')
        with open(log) as f:
            assert f.read().split() == ['one', 'tutti', 'two'] * 3


@case
def workers_are_filled_in_and_chosen():
    program = sh('echo "{\\"bench\\":\\"b\\",\\"median\\":$1}"')
    many = bench(['tutti'], workers=(1, 2, 4096))
    got = Outcome([many], {'tutti': program}, '--workers', '2 5')
    assert [(line['workers'], line['median']) for line in got.lines] == [(2, 2), (5, 5)]
    got = Outcome([many], {'tutti': program})
    assert 'not measured with' in got.out and '4096 workers' in got.out
    assert all(line['workers'] < 4096 for line in got.lines)


@case
def an_unknown_name_is_one_sentence_with_the_names():
    table = [bench(['tutti']), Bench('c', 'ns', '', {})]
    got = Outcome(table, {'tutti': says(1)}, '--only', 'b nonsense')
    assert got.status == 2 and got.out == ''
    assert got.err == 'bench: there is no bench "nonsense"; there are: b c\n', got.err


@case
def bad_numbers_are_one_sentence():
    for argv in (['--rounds', '0'], ['--rounds', 'many'], ['--rounds', '100'],
                 ['--rounds', '-1'], ['--rounds', '1.5'], ['--rounds', '\u0663'],
                 ['--workers', '0'], ['--workers', '2 x'], ['--workers', '9999']):
        got = Outcome([bench(['tutti'])], {'tutti': says(1)}, *argv)
        assert got.status == 2 and not got.lines, argv
        assert got.err.count('\n') == 1, (argv, got.err)


@case
def only_runs_those():
    table = [bench(['tutti']), Bench('c', 'ns', '', {'tutti': Command('c')})]
    got = Outcome(table, {'tutti': says(1), 'c': says(2, 'c')}, '--only', ' c ')
    assert [line['bench'] for line in got.lines] == ['c']


@case
def a_peer_that_cannot_be_had_is_named():
    programs = {'tutti': says(1), 'two': says(1),
                'one': Program(('none',), ('sh', '-c', 'echo error: no tbb.h >&2; exit 1'),
                               package='libone-dev')}
    got = Outcome([bench(['tutti', 'one', 'two'])], programs)
    assert got.status == 0
    assert 'missing  one: it cannot be built; it takes the package libone-dev: error: ' \
        'no tbb.h' in got.out, got.out
    assert 'missing: one (b): ' in got.out
    assert [line['system'] for line in got.lines] == ['tutti', 'two']
    programs['one'] = Program(('true',), package='libone', probe=('false',))
    got = Outcome([bench(['tutti', 'one', 'two'])], programs)
    assert 'one: it is not installed; it takes the package libone' in got.out, got.out
    programs['one'] = Program(('/nowhere/at/all',))
    got = Outcome([bench(['tutti', 'one', 'two'])], programs)
    assert 'missing  one: /nowhere/at/all: No such file' in got.out, got.out


@case
def ours_missing_is_a_failure():
    got = Outcome([bench(['tutti', 'one'])], {'tutti': sh('exit 1'), 'one': says(1)})
    assert got.status == 1 and 'missing  tutti: exit status 1' in got.out


@case
def whoever_fails_is_named_with_the_reason():
    for text, why in (('echo gone >&2; exit 3', 'exit status 3: gone'),
                      ('kill -SEGV $$', 'ended by SIGSEGV'),
                      ('sleep 60', 'did not end within 0.2 s'),
                      ('(trap "" TERM; sleep 60) & sleep 60', 'did not end within 0.2 s'),
                      ('true', 'printed no line about b'),
                      ('echo "{rubbish"; echo "[1]"; echo 5', 'printed no line about b'),
                      ('echo \'{"bench":"b"}\'', 'printed no figure'),
                      ('echo \'{"bench":"b","median":"x"}\'', 'printed no figure'),
                      ('echo \'{"bench":"b","median":true}\'', 'printed no figure'),
                      ('echo \'{"bench":"b","median":-1}\'', 'printed no figure'),
                      ('echo \'{"bench":"b","median":NaN}\'', 'printed no figure'),
                      ('echo \'{"bench":"b","median":Infinity}\'', 'printed no figure'),
                      ('echo \'{"bench":"b","median":1,"system":"z"}\'',
                       'printed no line about b'),
                      ('printf "\\377\\376{"', 'printed no line about b')):
        got = Outcome([bench(['tutti', 'one'], timeout=0.2 if '60' in text else 60)],
                      {'tutti': says(1), 'one': sh(text)})
        assert f'missing  one: {why}' in got.out, (text, got.out)
        assert got.status == 0 and [line['system'] for line in got.lines] == ['tutti']


@case
def a_failure_in_a_later_round_leaves_no_figure():
    with tempfile.TemporaryDirectory() as folder:
        text = f'mkdir {folder}/was && echo \'{{"bench":"b","median":1}}\''
        got = Outcome([bench(['tutti', 'one'])], {'tutti': says(1), 'one': sh(text)},
                      '--rounds', '2')
    assert [line['system'] for line in got.lines] == ['tutti']
    assert 'missing  one: exit status 1' in got.out


@case
def a_system_may_call_itself_otherwise():
    other = Bench('b', 'ns', '', {'tutti': Command('p', says='tutti-2')})
    got = Outcome([other], {'p': says(4, system='tutti-2')})
    assert [line['system'] for line in got.lines] == ['tutti'], got.out


@case
def a_signal_ends_the_run_and_what_it_runs():
    with tempfile.TemporaryDirectory() as folder:
        pids = os.path.join(folder, 'pids')
        os.mkfifo(pids)
        program = textwrap.dedent(f"""
            import sys
            sys.path.insert(0, {os.path.join(TREE, "bench")!r})
            sys.dont_write_bytecode = True
            import run
            from harness.programs import Program
            from harness.table import Bench, Command
            p = Program(('sh', '-c', 'sleep 60 & echo $! $$ >{pids}; sleep 60'))
            sys.exit(run.run(['--build', {folder!r}],
                             [Bench('b', 'ns', '', {{'tutti': Command('p')}})], {{'p': p}}))
            """)
        child = subprocess.Popen([sys.executable, '-c', program])
        with open(pids) as f:
            started = [int(pid) for pid in f.read().split()]
        child.terminate()
        assert child.wait() == 128 + signal.SIGTERM
        for pid in started:  # the sleeper may be left to be reaped by init
            for _ in range(1000):
                if not alive(pid):
                    break
                time.sleep(0.01)
            assert not alive(pid), started


def alive(pid):
    try:
        with open(f'/proc/{pid}/stat') as f:
            return f.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False


@case
def a_folder_that_cannot_be_written_is_one_sentence():
    with tempfile.NamedTemporaryFile() as f:
        err = io.StringIO()
        with redirect_stdout(io.StringIO()), redirect_stderr(err):
            status = run.run(['--build', f.name, '--rounds', '1'], [bench(['tutti'])],
                             {'tutti': says(1)})
        assert status == 1 and err.getvalue().count('\n') == 1, err.getvalue()
        assert f.name in err.getvalue()


@case
def results_must_be_equal():
    got = Outcome([bench(['tutti', 'one', 'two'])],
                  {'tutti': says(1, check='42'), 'one': says(1, check='41'),
                   'two': says(1)})
    assert 'missing  one: its result is 41, that of tutti 42' in got.out, got.out
    assert [line['system'] for line in got.lines] == ['tutti', 'two']


def verdicts(goals, figures, **more):
    """What is said of {(system, workers): figure}."""
    b = bench(sorted({s for s, _ in figures}), goals=goals, **more)
    lines = [rounds.line_of(b, rounds.Run(s, n, ()), [v]) for (s, n), v in figures.items()]
    return [v[2] for v in report.judge(rounds.Measured(b, lines, {}))]


@case
def goals_are_met_or_missed():
    ours = {('tutti', 1): 12, ('tutti', 2): 6, ('serial', 1): 10}
    for goal, met in ((AtMost(1.2, 'serial'), True), (AtMost(1.19, 'serial'), False),
                      (AtMost(0.6, 'serial', workers=2), True),
                      (AtMost(0.59, 'serial', workers=2), False),
                      (AtMost(12), True), (AtMost(11.9), False),
                      (AtMost(1, 'nobody'), None), (AtMost(1, workers=4), None),
                      (AtLeast(1.2, 'serial'), True), (AtLeast(1.21, 'serial'), False),
                      (Over(2, 'serial'), True), (Over(1.9, 'serial'), False),
                      (Over(1, 'nobody'), None), (SpeedUp(2), True),
                      (SpeedUp(2.1), False), (SpeedUp(1, workers=4), None)):
        assert verdicts((goal,), ours, ahead=False) == [met], goal
    assert verdicts((SpeedUp(2),), {('tutti', 1): 6, ('tutti', 2): 12}, less=False) \
        == [True]


@case
def ahead_of_every_peer_but_not_of_the_floor():
    assert verdicts((), {('tutti', 1): 2, ('one', 1): 3, ('one', 2): 1}) == [True]
    assert verdicts((), {('tutti', 1): 2, ('one', 1): 3, ('two', 1): 1}) == [False]
    assert verdicts((), {('tutti', 1): 2, ('one', 1): 3}, less=False) == [False]
    assert verdicts((), {('tutti', 1): 2}) == []
    assert verdicts((), {('tutti', 1): 0, ('one', 1): 0}) == [True]
    assert verdicts((), {('tutti', 1): 0, ('one', 1): 1}) == [True]
    assert verdicts((), {('tutti', 1): 1, ('one', 1): 0}) == [False]
    floor = Bench('b', 'ns', '', {'tutti': Command('x'),
                                  'floor': Command('x', baseline=True)})
    lines = [rounds.line_of(floor, rounds.Run(s, 1, ()), [v])
             for s, v in (('tutti', 2), ('floor', 1))]
    assert report.judge(rounds.Measured(floor, lines, {})) == []


@case
def the_words_have_ratios_and_verdicts():
    got = Outcome([bench(['tutti', 'one'], goals=(AtMost(3),))],
                  {'tutti': says(4), 'one': says(10)})
    assert '* tutti' in got.out and '10 (2.50x)' in got.out, got.out
    assert 'goal  missed at most 3 ns, 1 worker: 4' in got.out
    assert 'goal  met    ahead of every peer: 2.5' in got.out
    assert '1 of 2 goals met' in got.out
    many = bench(['tutti'], goals=(AtMost(3, workers=8), SpeedUp(2)))
    got = Outcome([many], {'tutti': says(4)})
    assert 'goal  not measured: at most 3 ns, 8 workers' in got.out, got.out
    assert 'goal  not measured: at least 2 times one worker, 2 workers' in got.out


@case
def progress_is_for_terminals_only():
    class Terminal(io.StringIO):
        def isatty(self):
            return True
    for stream, text in ((Terminal(), '\r\x1b[Khello'), (io.StringIO(), '')):
        run.progress_line(stream)('hello')
        assert stream.getvalue() == text


@case
def a_figure_of_zero_and_one_system_can_be_drawn():
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        return 'no Matplotlib here'
    with tempfile.TemporaryDirectory() as folder:
        b = bench(['tutti', 'one'], goals=(AtMost(3),), workers=(1, 2))
        lines = [rounds.line_of(b, rounds.Run(s, n, ()), [v])
                 for s, n, v in (('tutti', 1, 0), ('tutti', 2, 5), ('one', 1, 1e9))]
        alone = rounds.Measured(b, lines[:1], {})
        picture.draw([rounds.Measured(b, lines, {}), alone], folder)
        with open(os.path.join(folder, 'results.svg')) as f:
            text = f.read()
        assert 'prefers-color-scheme:dark' in text and '>tutti<' in text
        assert os.path.getsize(os.path.join(folder, 'results.png')) > 5000
        assert picture.draw([rounds.Measured(b, [], {})], folder) == []
    return None


def tree_with(readme, lines):
    """A folder with that README and those figures in docs/, as readme.main wants it."""
    folder = tempfile.TemporaryDirectory()
    os.mkdir(os.path.join(folder.name, 'docs'))
    with open(os.path.join(folder.name, 'README.md'), 'w') as f:
        f.write(readme)
    with open(os.path.join(folder.name, 'docs', 'bench.jsonl'), 'w') as f:
        f.writelines(json.dumps(line) + '\n' for line in lines)
    with open(os.path.join(folder.name, 'docs', 'bench.json'), 'w') as f:
        json.dump({'cpu': 'Z80', 'cpus': 1, 'kernel': '1.0', 'versions': {'cc': '1'}}, f)
    return folder


@case
def readme_gets_its_table_from_the_figures():
    lines = [{'bench': 'fib', 'system': s, 'workers': n, 'unit': 'ns', 'median': v,
              'min': v, 'max': v, 'rounds': 5}
             for s, n, v in (('tutti', 1, 1.25), ('tutti', 2, 0.7), ('go', 1, 912.4),
                             ('serial', 1, 1))]
    with tree_with(f'a\n{readme.BEGIN}\nold\n{readme.END}\nb\n', lines) as tree:
        path = os.path.join(tree, 'README.md')
        assert readme.main(['--check'], tree) == 1
        assert readme.main([], tree) == 0
        assert readme.main(['--check'], tree) == 0
        with open(path) as f:
            text = f.read()
        assert '| fib, ns | **1.25 / 0.7** | serial 1, go 912 |' in text, text
        assert text.startswith(f'a\n{readme.BEGIN}\n|') and text.endswith('\nb\n')
        assert 'old' not in text and 'Z80, 1 CPU, Linux 1.0; cc 1.' in text, text
        with open(path, 'a') as f:
            f.write(text.replace('1.25', '1.15'))
    with tree_with('no marks', lines) as tree:
        try:
            readme.main([], tree)
            raise AssertionError('it must leave')
        except SystemExit as e:
            assert 'README.md has no lines' in str(e)


@case
def the_table_in_readme_is_what_the_figures_say():
    assert readme.main(['--check']) == 0, 'run bench/readme.py'


@case
def readme_gets_its_table_from_a_tour():
    cell = {'seconds': 1, 'ratio': 1.96, 'cpu_seconds': 2.0, 'started': 1234, 'switches': 3,
            'note': 'five'}
    rows = [{'name': name, 'what': f'{name}s', 'answer': '', 'cells': {
        key: dict(cell) for key in ('threads', 'loop', 'processes')}}
        for name in ('primes', 'listen', 'echo', 'unheard-of')]
    rows[2]['cells'] = {'threads': cell, 'loop': {'failure': 'it fell', 'differed': False}}
    kept = {'machine': {'model': 'Z80', 'cpus': 1, 'kernel': 'Linux 1.0-x', 'others': 0.25},
            'rounds': 3, 'rows': rows, 'waits': [
                {'url': 'loop://', 'count': 1000, 'kind': 'waits', 'each': '20 ms', 'ms': 20.5,
                 'ratio': 975}]}
    with tree_with(f'a\n{tour.BEGIN}\nold\n{tour.END}\nb\n', []) as tree:
        with open(os.path.join(tree, 'docs', 'tour.json'), 'w') as f:
            json.dump(kept, f)
        assert tour.main(['--check'], tree) == 1
        assert tour.main([], tree) == 0
        assert tour.main(['--check'], tree) == 0
        with open(os.path.join(tree, 'README.md')) as f:
            text = f.read()
    assert '| 1,234 tasks of 1.62 ms (primes) 2.0x |' in text, text
    assert '| five; listens 2.0x |' in text and '1,000 times 20 ms: 20.5 ms, 975x' in text, text
    assert 'echo' not in text and 'libpq' not in text and 'unheard' not in text, text
    assert 'Z80, 1 CPU, Linux 1.0; medians of 3 rounds' in text, text
    assert 'Other work had 25% of the CPUs' in text and text.endswith('\nb\n'), text


@case
def the_tours_table_in_readme_is_what_was_measured():
    assert tour.main(['--check']) == 0, 'run docs/tour.py'


@case
def the_table_is_whole():
    names = [b.name for b in benches.BENCHES]
    assert len(names) == len(set(names))
    for b in benches.BENCHES:
        assert 'tutti' in b.systems, b.name
        for system, c in b.systems.items():
            assert c.program in benches.PROGRAMS, (b.name, system)
        for goal in b.goals:
            assert getattr(goal, 'than', None) in [None, *b.systems], (b.name, goal)


@case
def sources_of_programs_are_there():
    for name, p in benches.PROGRAMS.items():
        for source in p.sources:
            assert os.path.exists(os.path.join(TREE, source)), (name, source)


@case
def our_programs_and_the_peers_at_hand_agree():
    """Tiny, for real: nothing is measured here, but all is built, run and compared."""
    ours = {'fork_bench', 'parked_bench'}
    have = ours | {'serial', 'gomp', 'pthread', 'async'}
    table = [b for b in benches.BENCHES if b.systems['tutti'].program in ours]
    env = dict(os.environ, BENCH_TINY='1')
    programs = dict(benches.PROGRAMS, **{
        name: Program((os.path.join(BUILD, 'bench', name),)) for name in ours})
    with tempfile.TemporaryDirectory() as folder:
        maker = run.Maker(programs, TREE, folder)
        for b in table:
            few = {s: c for s, c in b.systems.items() if c.program in have}
            runs, missing = run.runs_of(Bench(b.name, b.unit, b.means, few), [1, 2], maker)
            got = rounds.measure(b, runs, 1, lambda text: None, env)
            assert not missing and not got.failed, (b.name, missing, got.failed)
            assert len(got.lines) == len(runs) > 1


@case
def the_peers_of_the_core_run_where_they_are():
    """Tiny; the others are left to `make bench`."""
    skipped = set()
    env = dict(os.environ, BENCH_TINY='1')
    with tempfile.TemporaryDirectory() as folder:
        maker = run.Maker(benches.PROGRAMS, TREE, folder)
        for b in benches.BENCHES:
            few = {s: c for s, c in b.systems.items() if c.program in PEERS}
            runs, missing = run.runs_of(Bench(b.name, b.unit, b.means, few), [2], maker)
            skipped |= {f'{s} ({why[:60]})' for s, why in missing.items()}
            got = rounds.measure(b, runs, 1, lambda text: None, env)
            assert not got.failed, (b.name, got.failed)
    return ', '.join(sorted(skipped)) if len(skipped) == len(PEERS) else None


def main():
    for f in CASES:
        skip, why = None, None
        try:
            skip = f()
        except Exception as e:  # whatever it was, the other cases run
            why = f'{type(e).__name__}: {e}'
        tap.case(not why, f.__name__ + (f' # SKIP {skip}' if skip else ''), why)
    tap.finish()


if __name__ == '__main__':
    main()
