"""Commands on terminals of their own."""

import os
import pty
import re
import select
import signal
import subprocess
import time

from deploying import PROGRAM

PATIENCE = 20


class Terminal:
    """A process on a pseudo terminal."""

    def __init__(self, project, *arguments, **variables):
        self.master, slave = pty.openpty()
        self.shown = ""
        self.process = subprocess.Popen(
            [PROGRAM, *arguments],
            cwd=project.directory,
            env=project.environment
            | {"TERM": "xterm", "COLUMNS": "150", "LINES": "40"}
            | variables,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def until(self, text):
        """Read until a text appears."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            self.read()

    def read(self):
        """Read the available output; return whether more can follow."""
        if select.select([self.master], [], [], 0.1)[0]:
            try:
                self.shown += os.read(self.master, 65536).decode(errors="replace")
            except OSError:
                # The last to have the terminal open is gone.
                return False
        return True

    def type(self, text):
        """Type a line."""
        os.write(self.master, text.encode() + b"\n")

    def interrupt(self):
        """Press Ctrl-C, after a delay so that the program waits for input."""
        time.sleep(0.3)
        self.process.send_signal(signal.SIGINT)

    def end(self):
        """Read to the end and return the exit code and the output without colours."""
        deadline = time.monotonic() + PATIENCE
        while self.read() and self.process.poll() is None:
            assert time.monotonic() < deadline, self.shown[-2000:]
        while select.select([self.master], [], [], 0)[0] and self.read():
            pass
        return self.process.wait(PATIENCE), re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.shown)
