"""Start the test servers by hand: prints their addresses, stops them on Ctrl-C."""

import signal
from contextlib import ExitStack

from tests.servers import VARIABLES, find

with ExitStack() as stack:
    for name, variable in VARIABLES.items():
        server = find(name, stack)
        print(f"export {variable}={server.url}  # {server.label}", flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        signal.pause()
    except KeyboardInterrupt:
        print("stopping")
