"""`python -m iot_pipeline_cfn.emulator <directory> <lock>`: becomes the emulator.

The lock is an inherited file descriptor, locked until the process ends.
"""

import os
import sys
from pathlib import Path

from .server import serve

directory, lock = sys.argv[1:]
os.set_inheritable(int(lock), False)
# Whoever starts the emulator waits for this process, and so for none that becomes a zombie later.
if os.fork() == 0:
    serve(Path(directory))
