"""processes.py - the part of the table in benches.py that worker processes have: the
programs and the entries.  Names and goals are those of the issue."""
from harness.programs import interpreted, target
from harness.table import AtMost, Bench, Command

PROGRAMS = {
    'proc_bench': target('proc_bench'),
    'shared_bench': target('shared_bench'),
    'queues': interpreted('queues.py', 'python3'),
    'pools': interpreted('pools.py', 'python3'),
    'mpi': interpreted('pools.py', 'python3-mpi4py', probe='mpi4py'),
}


def pools(name, workers, peers='multiprocessing futures mpi'):
    ours = Command('proc_bench', ('-r', '1', name), workers=(workers,))
    return {'tutti': ours,
            **{p: Command('mpi' if p == 'mpi' else 'pools', (p, name), workers=(workers,))
               for p in peers.split()}}


BENCHES = [
    Bench('proc-roundtrip', 'ns', 'a task in a worker process that is awake, and its result',
          pools('proc-roundtrip', 1),
          goals=(AtMost(2000), AtMost(1 / 60, 'multiprocessing'))),
    Bench('proc-tasks', 'ns', 'a start, among many, on two workers',
          pools('proc-tasks', 2), workers=(2,), goals=(AtMost(500, workers=2),)),
    Bench('proc-share', 'ns', 'a task of 20 us on two workers; 10,000 would be all of both',
          pools('proc-share', 2, ''), workers=(2,), goals=(AtMost(11111, workers=2),)),
    Bench('proc-bulk', 'ns', 'a byte of 100 MB there and back',
          pools('proc-bulk', 1), goals=(AtMost(0.2),)),
    Bench('proc-pass', 'ns', 'a ref to 1 GiB handed to four workers',
          pools('proc-pass', 4, ''), workers=(4,), goals=(AtMost(1e6, workers=4),)),
    Bench('proc-start', 'ns', 'from opening to the first result, two workers',
          pools('proc-start', 2), workers=(2,), goals=(AtMost(3e6, workers=2),)),
    Bench('proc-kill', 'ns', 'a task that kills its worker, until it has failed',
          pools('proc-kill', 2, ''), workers=(2,), goals=(AtMost(1e7, workers=2),)),
    Bench('proc-crashes', 'ns', 'a task of 100 us, of which one in a hundred crashes',
          {**pools('proc-crashes', 2, ''),
           'crash-free': Command('proc_bench', ('-r', '1', 'proc-crash-free'), workers=(2,),
                                 says='tutti', line='proc-crash-free', baseline=True)},
          workers=(2,), goals=(AtMost(1.25, 'crash-free', workers=2),)),
]

BENCHES += [
    Bench('proc-channel', 'ns', 'an item from one worker to another and back, on channels',
          {'tutti': Command('shared_bench', ('-r', '1', 'proc-channel'), workers=(2,)),
           'queue': Command('queues', ('queue', 'proc-channel'), workers=(2,)),
           'simplequeue': Command('queues', ('simple', 'proc-channel'), workers=(2,))},
          workers=(2,), goals=(AtMost(10000, workers=2),)),
    Bench('proc-lock', 'ns', 'a mutex between processes, locked and unlocked by one',
          {'tutti': Command('shared_bench', ('-r', '1', 'proc-lock'), workers=(1,)),
           'multiprocessing': Command('queues', ('lock', 'proc-lock'), workers=(1,))},
          goals=(AtMost(1, 'multiprocessing'),)),
]
