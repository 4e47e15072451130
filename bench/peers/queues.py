"""queues.py - proc-channel and proc-lock on Python's multiprocessing.

    queues.py [queue | simple | lock] NAME

An item from one process to another and back, on a Queue or SimpleQueue each way; or a
multiprocessing.Lock taken and let go by one process.  A line of JSON, in ns."""
import json
import multiprocessing
import os
import sys
import time

TINY = 'BENCH_TINY' in os.environ


def echo(there, back, n):
    for _ in range(n):
        back.put(there.get() + 1)


def channel(make):
    n = 10 if TINY else 2000
    there, back = make(), make()
    other = multiprocessing.Process(target=echo, args=(there, back, n))
    other.start()
    began = 0
    for i in range(n):
        if i == n // 10:
            began = time.perf_counter_ns()
        there.put(i)
        back.get()
    took = (time.perf_counter_ns() - began) / (n - n // 10)
    other.join()
    return took


def lock(make):
    n, held = 10 if TINY else 100000, make()
    began = time.perf_counter_ns()
    for _ in range(n):
        held.acquire()
        held.release()
    return (time.perf_counter_ns() - began) / n


KINDS = {'queue': (channel, multiprocessing.Queue), 'lock': (lock, multiprocessing.Lock),
         'simple': (channel, multiprocessing.SimpleQueue)}

if __name__ == '__main__':
    run, made = KINDS[sys.argv[1]]
    print(json.dumps({'bench': sys.argv[2], 'median': run(made)}), flush=True)
