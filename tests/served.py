"""served.py - a server among the examples, started on a port of its own for a test, reached
as a client would, and ended by SIGTERM."""
import os
import signal
import socket
import subprocess
import time


class Server:
    """program --executor EXECUTOR WORDS... tcp:127.0.0.1:PORT; patience: seconds for each
    thing that is waited for."""

    def __init__(self, program, executor, *words, patience=30):
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            self.port = s.getsockname()[1]
        self.patience = patience
        self.run = subprocess.Popen([program, '--executor', executor, *words,
                                     f'tcp:127.0.0.1:{self.port}'], stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True)
        until = time.monotonic() + patience
        while True:
            try:
                self.connect().close()
                return
            except ConnectionRefusedError:
                if self.run.poll() is not None or time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def connect(self):
        try:
            return socket.create_connection(('127.0.0.1', self.port), timeout=self.patience)
        except OSError: # a server that has died resets those whom it had not yet accepted
            if self.run.poll() is None:
                raise
            print('# the server ended:', self.run.returncode, repr(self.run.stderr.read()),
                  flush=True)
            raise

    def descriptors(self):
        return len(os.listdir(f'/proc/{self.run.pid}/fd'))

    def end(self):
        self.run.send_signal(signal.SIGTERM)
        out, err = self.run.communicate(timeout=self.patience)
        return self.run.returncode, out, err
