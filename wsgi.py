"""The WSGI entry point: what gunicorn and `flask` load."""

import sys
from pathlib import Path

# A clone serves without being installed.
sys.path.insert(0, str(Path(__file__).resolve().with_name("src")))

from gatehouse import create_app

app = create_app()
