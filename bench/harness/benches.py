"""benches.py - the table of `make bench`: every name, who takes part, and the goals.

To add a bench, add its programs to PROGRAMS and one entry to BENCHES: CONTRIBUTING.md
says how.  Who takes part in what: serial C wherever there is a plain loop to compare
with; libgomp and oneTBB where they have something of the kind; Go in everything that it
can do; asyncio and uvloop in what an event loop does; pthreads and Boost.Context in what
a program would otherwise write upon them."""
from harness import servers
from harness.programs import compiled, debian, interpreted, script, target
from harness.table import SCALE, AtLeast, AtMost, Bench, Command, Over, SpeedUp
from harness import processes
from harness.programs import compiled, debian, interpreted, target
from harness.table import SCALE, AtMost, Bench, Command, Over, SpeedUp

# Aligned, so that the figure of a loop of three instructions does not hang on the code
# that happens to stand before it.
FAST = ('-O3', '-falign-functions=64', '-falign-loops=64')
FORK = ('fork_drive.c', 'fork_serial.c', 'fork_drive.h', 'fork_work.h')

PROGRAMS = {
    'fork_bench': target('fork_bench'),
    'core_bench': target('core_bench'),
    'inside_bench': target('inside_bench'),
    'parked_bench': target('parked_bench'),
    'blocking_bench': target('blocking_bench', 'BLOCKING_ROUNDS=1', 'BLOCKING_SECONDS=2'),
    'monitor_bench': target('monitor_bench'),
    'hook_bench': target('hook_bench'),
    'explore': script('explore_bench.py', 'cli/tutti', 'explore/libtutti-explore.so'),
    'serial': compiled('serial', ('cc', *FAST), ('peers/serial.c', *FORK), 'gcc'),
    'gomp': compiled('gomp', ('cc', *FAST, '-fopenmp'), ('peers/gomp.c', *FORK), 'gcc'),
    'onetbb': compiled('onetbb', ('cc', *FAST), ('peers/onetbb.cpp', *FORK),
                       'libtbb-dev', ('-ltbb', '-lstdc++')),
    'go': compiled('go', (debian('go'), 'build'),
                   ('peers/peer.go', 'peers/fork.go', 'peers/core.go'), 'golang-go'),
    'pthread': compiled('pthread', ('cc', *FAST, '-D_GNU_SOURCE', '-pthread'),
                        ('peers/pthread.c', 'peers/peer.h', 'fork_serial.c', 'fork_work.h'),
                        'gcc'),
    'boost': compiled('boost', ('cc', *FAST, '-D_GNU_SOURCE'),
                      ('peers/boost.cpp', 'peers/peer.h'), 'libboost-context-dev',
                      ('-lboost_context', '-lstdc++')),
    'async': interpreted('async.py', 'python3'),
    'uvloop': interpreted('async.py', 'python3-uvloop', probe='uvloop'),
}


def forks(name):
    """Who can fork and join, in the order in which they take their turns."""
    return {
        'serial': Command('serial', ('-r', '1', name), workers=(1,), baseline=True),
        'tutti': Command('fork_bench', ('-s', '-r', '1', '-w', '{workers}', name)),
        'libgomp': Command('gomp', ('-r', '1', '-w', '{workers}', name)),
        'onetbb': Command('onetbb', ('-r', '1', '-w', '{workers}', name)),
        'go': Command('go', ('-w', '{workers}', name)),
    }


def core(name, peers, program='core_bench'):
    """Ours and those of `peers`, which are in COMMANDS."""
    ours = Command(program, ('-r', '1', '-w', '{workers}', name))
    return {'tutti': ours, **{p: peer(p, name) for p in peers.split()}}


def peer(system, name):
    """What has no number of workers has one."""
    program, words = {'pthreads': ('pthread', ('-w', '{workers}')),
                      'ucontext': ('pthread', ()), 'boost': ('boost', ()),
                      'go': ('go', ('-w', '{workers}')), 'asyncio': ('async', ('asyncio',)),
                      'uvloop': ('uvloop', ('uvloop',))}[system]
    return Command(program, (*words, name),
                   workers=None if '{workers}' in words else (1,))


def hooked(name, library):
    """Blocking calls of 0.5 s through a library, all at once."""
    ours = ('-r', '1', name)
    return Bench(name, 's', f'60 or 100 calls of 0.5 s through {library}, on one thread',
                 {'tutti': Command('hook_bench', ours),
                  'pthreads': Command('hook_bench', ('-s', 'pthreads') + ours),
                  'pthreads-1': Command('hook_bench', ('-s', 'pthreads-1') + ours,
                                        baseline=True)},
                 goals=(AtMost(0.65),), ahead=False, group='io')
def explore(what):
    return {'tutti': Command('explore', (what,))}


def watched(name, means):
    """A figure of the monitor, whose workers are all busy."""
    words = ('-r', '1', '-w', '{workers}', name)
    share = name.startswith('monitor-share')
    systems = {'tutti': Command('monitor_bench', words)}
    if not share:
        systems['unwatched'] = Command('monitor_bench', ('-u', *words), says='tutti',
                                       baseline=True)
    goal = AtMost(1, workers=2) if share else AtMost(1.01, 'unwatched', workers=2)
    return Bench(name, '% of a CPU' if share else 'CPU ns', means, systems, workers=(2,),
                 goals=(goal,), ahead=False)


FORK_GOALS = (SpeedUp(1.85),)
BENCHES = [
    Bench('fib', 'ns', 'a forked call and its join', forks('fib'), workers=SCALE,
          goals=(AtMost(1.25, 'serial'), AtMost(0.65, 'serial', workers=2)) + FORK_GOALS),
    Bench('nqueens', 'ns', 'a queen placed, by a forked call', forks('nqueens'),
          workers=SCALE, goals=(AtMost(1.25, 'serial'),) + FORK_GOALS),
    Bench('uts', 'ns', 'a node of an unbalanced tree, by a forked call', forks('uts'),
          workers=SCALE, goals=(AtMost(1.08, 'serial'),) + FORK_GOALS),
    Bench('skynet', 'ns', 'a forked call with ten children', forks('skynet'),
          workers=SCALE, goals=(AtMost(1.4),) + FORK_GOALS),
    Bench('region', 'ns', 'a loop of 100 cheap iterations shared out',
          {**forks('region'), 'pthreads': peer('pthreads', 'region')},
          workers=SCALE, goals=(Over(8, 'serial'),)),
    Bench('matmul', 'ms', 'a product of 512 by 512 floats', forks('matmul'),
          workers=SCALE, goals=(SpeedUp(1.85),),
          ahead=False),  # the same leaves everywhere: nobody can be ahead
    Bench('switch', 'ns', 'a switch from one stack to another',
          core('switch', 'boost ucontext', 'inside_bench'), goals=(AtMost(3),)),
    Bench('yield', 'ns', 'a turn given to the next of 16',
          core('yield', 'pthreads go asyncio uvloop'), goals=(AtMost(6),)),
    Bench('spawn', 'ns', 'a closure started and finished, in batches of 100',
          core('spawn', 'boost pthreads go asyncio uvloop'), goals=(AtMost(15),)),
    Bench('channel', 'ns', 'a message there and one back, on one thread',
          core('channel', 'pthreads go asyncio uvloop'), goals=(AtMost(30),)),
    Bench('channel-2', 'ns', 'a message there and one back, between two threads',
          core('channel-2', 'pthreads go'), workers=(2,), goals=(AtMost(500, workers=2),)),
    Bench('timer', 'ns', 'a timer armed and cancelled among 100,000',
          core('timer', 'go asyncio uvloop', 'inside_bench'), goals=(AtMost(15),)),
    Bench('parked-bytes', 'bytes', 'resident for a parked fiber, a million at once',
          {**core('parked-bytes', 'boost pthreads go asyncio uvloop'),
           'tutti': Command('parked_bench', ('-w', '{workers}', '-q', '?stack=16k'))},
          goals=(AtMost(4300),), ahead=False),
    # Peers: one long-lived fiber blocks each second, another computes.  Ours does that in a
    # new task each second, and without the second in which their functions are met first;
    # bare is what the peers do: it stays on its thread with all others there.
    Bench('blocking-p99', 'ms', 'late: 99% of 1,000 fibers beside tasks that block or compute',
          {'tutti': Command('blocking_bench', ('task',), says='tutti-task'),
           'tutti-bare': Command('blocking_bench', ('bare',), baseline=True),
           **{p: peer(p, 'blocking-p99') for p in ('pthreads', 'go', 'asyncio', 'uvloop')}},
          workers=(2,), goals=(AtMost(5, workers=2),)),
    Bench('idle-cpu', 'CPU s/s', 'burnt by an idle runtime',
          {**{s: c for s, c in forks('idle-cpu').items() if s != 'serial'},
           'asyncio': peer('asyncio', 'idle-cpu'), 'uvloop': peer('uvloop', 'idle-cpu')},
          workers=(2,), goals=(AtMost(0.001, workers=2),)),
    watched('monitor-cost', 'a turn of a task, with the monitor and without'),
    watched('monitor-share', 'taken by the monitor while tasks take turns'),
    watched('monitor-share-long', 'taken by the monitor while tasks compute without a turn'),
    hooked('hook-libpq', 'libpq'),
    hooked('hook-curl', 'libcurl'),
    hooked('hook-https', 'libcurl and verified HTTPS'),
    hooked('hook-hiredis', 'hiredis'),
    Bench('explore-rate', '/s', 'schedules of the deque cell, searched',
          explore('rate'), goals=(AtLeast(200_000),), less=False),
    Bench('explore-found', '%', 'of the seeded bugs, within 10,000 schedules each',
          explore('found'), goals=(AtLeast(100 * 58 / 60),), less=False, timeout=600),
    Bench('explore-false', 'alarms', 'in a million schedules of programs without a bug',
          explore('false'), goals=(AtMost(0),), timeout=600),
]

PROGRAMS.update(servers.SERVERS)
BENCHES += servers.BENCHES
PROGRAMS.update(processes.PROGRAMS)
BENCHES += processes.BENCHES
