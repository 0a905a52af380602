"""Debian's nginx with the configuration that the project brings, at ports of its own."""

import datetime
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.servers.server import ROOT, free_port

CONFIGURATION = ROOT / "deploy" / "nginx" / "gatehouse.conf"


def program() -> str:
    """Return nginx, or skip; where everything is tested its absence is a failure."""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if nginx is None:
        said = "nginx is not installed; Debian and Ubuntu: apt install nginx-light"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(said)
    return nginx


def configure(
    folder: Path, *, instances: tuple[int, int] = (8000, 8001), connections: int = 512
) -> int:
    """Write the configuration for these two instances; return the port that speaks TLS."""
    certificate(folder)
    port = free_port()
    text = CONFIGURATION.read_text()
    for before, after in (
        ("/etc/nginx/tls", str(folder)),
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("listen 80;", f"listen 127.0.0.1:{free_port()};"),
        ("127.0.0.1:8000", f"127.0.0.1:{instances[0]}"),
        ("127.0.0.1:8001", f"127.0.0.1:{instances[1]}"),
    ):
        assert text.count(before)
        text = text.replace(before, after)
    write(folder, text, connections=connections)
    return port


def wait_for(port: int) -> None:
    """Wait until somebody listens."""
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("nginx does not listen")


def write(folder: Path, text: str, *, connections: int = 512) -> Path:
    """Write a whole configuration around what stands in `http`; return the folder."""
    kept = "".join(
        f"{name}_temp_path {folder}/{name};"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # Its workers have to write below this folder, which is ours.
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user} pid {folder}/pid; error_log {folder}/nginx.log notice;\n"
        f"worker_rlimit_nofile {4 * connections}; events {{ worker_connections {connections}; }}\n"
        f"http {{ access_log off; {kept}\n{text} }}"
    )
    return folder


@contextmanager
def running(folder: Path) -> Iterator[None]:
    """Run nginx as `configure` left it."""
    command = [program(), "-p", str(folder), "-c", "nginx.conf", "-e", "stderr"]
    with subprocess.Popen([*command, "-g", "daemon off;"]) as process:
        try:
            yield
        finally:
            process.terminate()


def certificate(folder: Path) -> None:
    """Write a certificate and its key, good for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "accounts.example.org")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "accounts.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    (folder / "accounts.key").write_bytes(private)
