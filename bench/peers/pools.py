"""pools.py - the benches of worker processes on Python's pools.

    pools.py [multiprocessing | futures | mpi] NAME...

Each NAME is one round, printed as a line of JSON, in ns.  With BENCH_TINY in the
environment everything is as small as a test wants it."""
import json
import os
import statistics
import sys
import time

TINY = 'BENCH_TINY' in os.environ


def pick(usual, small):
    return small if TINY else usual


def nothing(x):
    return x


def echo(data):
    return bytes(data)


class Pool:
    """multiprocessing.Pool behind the calls that the other two have."""

    def __init__(self, workers):
        import multiprocessing
        self.pool = multiprocessing.Pool(workers)

    def call(self, fn, x):
        return self.pool.apply(fn, (x,))

    def map(self, fn, n):
        return self.pool.map(fn, range(n), chunksize=1)

    def close(self):
        self.pool.terminate()


class Futures(Pool):
    def __init__(self, workers):
        from concurrent.futures import ProcessPoolExecutor
        self.pool = ProcessPoolExecutor(workers)

    def call(self, fn, x):
        return self.pool.submit(fn, x).result()

    def map(self, fn, n):
        return list(self.pool.map(fn, range(n), chunksize=1))

    def close(self):
        self.pool.shutdown()


class Mpi(Futures):
    def __init__(self, workers):
        from mpi4py.futures import MPIPoolExecutor
        self.pool = MPIPoolExecutor(workers)


def roundtrip(make):
    pool, took = make(1), []
    pool.call(nothing, 0)
    for i in range(pick(2000, 3)):
        began = time.perf_counter_ns()
        pool.call(nothing, i)
        took.append(time.perf_counter_ns() - began)
    pool.close()
    return statistics.median(took)


def tasks(make):
    pool, n = make(2), pick(20000, 10)
    pool.call(nothing, 0)
    began = time.perf_counter_ns()
    pool.map(nothing, n)
    took = (time.perf_counter_ns() - began) / n
    pool.close()
    return took


def bulk(make):
    pool, data = make(1), bytes(pick(100 << 20, 1000))
    for _ in range(2):
        began = time.perf_counter_ns()
        pool.call(echo, data)
        took = (time.perf_counter_ns() - began) / (2 * len(data))
    pool.close()
    return took


def start(make):
    began = time.perf_counter_ns()
    pool = make(2)
    pool.call(nothing, 0)
    took = time.perf_counter_ns() - began
    pool.close()
    return took


KINDS = {'multiprocessing': Pool, 'futures': Futures, 'mpi': Mpi}
BENCHES = {'proc-roundtrip': roundtrip, 'proc-tasks': tasks, 'proc-bulk': bulk,
           'proc-start': start}

if __name__ == '__main__':
    for name in sys.argv[2:]:
        print(json.dumps({'bench': name, 'median': BENCHES[name](KINDS[sys.argv[1]])}),
              flush=True)
