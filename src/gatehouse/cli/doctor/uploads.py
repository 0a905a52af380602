"""Where uploads are: can they be kept there, and will every machine find them?"""

from sqlalchemy import make_url

from gatehouse.cli.doctor.finding import Findings, fine, odd, wrong
from gatehouse.infra import storage
from gatehouse.settings import settings

_HERE = (None, "", "localhost", "127.0.0.1", "::1")


def findings() -> Findings:
    """Ask the storage for the container of pictures, and change nothing."""
    trouble = storage.trouble(settings.avatar_container)
    if trouble is not None:
        remedy = (
            f"make the container {settings.avatar_container}, see AZURE_STORAGE_CONNECTION_STRING"
            if settings.storage == "azure"
            else "see INSTANCE_DIR, or set STORAGE=azure"
        )
        yield wrong("uploads", trouble, remedy)
    elif settings.storage == "azure":
        yield fine("uploads", f"kept in the container {settings.avatar_container}")
    elif _is_spread():
        yield odd(
            "uploads",
            "kept as files of this machine, and the service looks as if it had several",
            "set STORAGE=azure, or share INSTANCE_DIR/uploads between them",
        )
    else:
        yield fine("uploads", f"kept as files in {settings.instance_dir / 'uploads'}")


def _is_spread() -> bool:
    """Tell whether other machines are likely to do a part of the work."""
    host = make_url(settings.database_url).host
    return settings.jobs == "celery" or host not in _HERE
