"""The page about deploying: its settings start a production service, its proxy is one of nginx."""

import datetime
import os
import shutil
import subprocess
from base64 import urlsafe_b64encode
from pathlib import Path
from secrets import token_bytes, token_hex

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gatehouse.settings import Settings
from tests.docs.pages import DOCS, blocks
from tests.servers import server

FILES = {block.path: block for block in blocks((DOCS / "deploying.md").read_text()) if block.path}


def test_the_settings_of_production_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_text(token_hex(32))
    (tmp_path / "data_keys").write_text(urlsafe_b64encode(token_bytes(32)).decode())
    (tmp_path / "smtp_password").write_text(token_hex(16))
    text = FILES["/etc/gatehouse.env"].text.replace("/etc/gatehouse", str(tmp_path))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]

    found = Settings.load(dict(line.split("=", 1) for line in lines))

    assert found.is_production
    assert found.workers == 4
    assert len(lines) == len({line.partition("=")[0] for line in lines})


@pytest.mark.full
def test_nginx_takes_the_proxy(tmp_path: Path) -> None:
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if nginx is None:
        said = "nginx is not installed; Debian and Ubuntu: apt install nginx-light"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(said)
    certificate(tmp_path)
    text = FILES["/etc/nginx/conf.d/gatehouse.conf"].text.replace("/etc/nginx/tls", str(tmp_path))
    whole = f"pid {tmp_path}/pid; events {{}} http {{ {text} }}"
    (tmp_path / "nginx.conf").write_text(
        whole.replace("listen 443", f"listen {server.free_port()}")
    )

    done = subprocess.run(
        [nginx, "-t", "-p", str(tmp_path), "-c", "nginx.conf", "-e", "stderr"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr.replace('the "user" directive', ""), done.stderr


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
