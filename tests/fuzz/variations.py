"""Variations of requests that were sent before: one thing differs, and it is hostile.

Making a request from schemas costs several times as much as answering it. Varying one is cheap,
and what it varies has come as deep into the service as the original did.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO
from random import Random
from typing import Any
from urllib.parse import parse_qsl, quote_plus, urlencode

from tests.support import hostile

Pairs = list[tuple[str, str]]

# Each stands for a kind of mistake: of type, of size, of encoding, of parsing, of quoting.
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 1e308, 2**31, 2**63, -(2**63) - 1, [], {}, [[]], [None]),
    *({"": None}, {"$ne": 1}, "", " ", "\t\n", "0", "null", "true", "me", "-1", "1e400", "0x1F"),
    *("\u0000", "a\u0000b", "\ud800", "\ufeff", "\u202eevil", "\u0130i\u0307", "e\u0301" * 40),
    *("\U0001f469\u200d\U0001f469\u200d\U0001f467", "\uff21\uff22", "ß", "a" * 51, "a" * 320),
    *("a" * 5000, "é" * 1000, "'", '"', "';--", "' OR 1=1 --", "%", "_", "%%%", "\\", "\\x00"),
    *("%00", "%ff", "%c0%ae", "../../etc/passwd", "<script>alert(1)</script>", "{{7*7}}", "${7*7}"),
    *("a@b", "@", "a@example.com\r\nBcc: x@example.com", '"a b"@example.com', "a@[127.0.0.1]"),
    *("A@EXAMPLE.COM", "a@xn--bcher-kva.example", "admin", "Admin", "super_admin", "users:*"),
    *("00000000-0000-0000-0000-000000000000", "{" + "0" * 8 + "}", "1970-01-01T00:00:00Z"),
    *("0000-00-00T00:00:00Z", "9999-12-31T23:59:60Z", "2026-02-30", "99999999999999999999"),
)
MEMBERS = ("__proto__", "id", "is_superuser", "roles", "password_hash", "email", "", "a" * 300)
BODIES = tuple(hostile.BROKEN.values())
HEADERS: dict[str, tuple[str, ...]] = {
    "CONTENT_TYPE": (
        *("", "*/*", ";", "a" * 300, "text/plain", "application/json; charset=latin-1"),
        *("application/x-www-form-urlencoded", "application/merge-patch+json"),
        "multipart/form-data",
    ),
    "HTTP_ACCEPT": ("*/*", "text/html", "application/xml;q=1", ";;", "application/json;q=x"),
    "HTTP_ACCEPT_ENCODING": ("gzip", "identity;q=0", "*;q=0", "\xff"),
    "HTTP_ACCEPT_LANGUAGE": ("de", "de-DE-1901,*;q=0.1", "\xff", "a" * 300),
    "HTTP_AUTHORIZATION": (
        *("", "Bearer", "Bearer ", "Bearer a.b.c", "bearer x y", "Bearer " + "a" * 5000),
        *("Bearer gh_1_2", "Basic Og==", "Basic \xff", "Digest x"),
    ),
    "HTTP_IF_MATCH": (
        *("*", '"v1"', 'W/"v1"', '"v1", "v2"', '"', "v1", '"v-1"', '"v' + "9" * 40 + '"'),
    ),
    "HTTP_IF_NONE_MATCH": ("*", '"v1"', 'W/"v1"', '"', "\xff", "," * 300),
    "HTTP_IDEMPOTENCY_KEY": ("", "a", '"a"', "a" * 256, "\xff", "0" * 36),
    "HTTP_COOKIE": ("session=x", "=", ";" * 300, "refresh_token=a.b.c"),
    "HTTP_ORIGIN": ("null", "https://evil.example", "\xff"),
    "HTTP_X_FORWARDED_FOR": ("127.0.0.1", "::1", "unknown", "1, 2", "\xff" * 40),
    "HTTP_X_HTTP_METHOD_OVERRIDE": ("DELETE", "TRACE"),
    "HTTP_X_REQUEST_ID": ("a", "a" * 300, "\xff", "a\tb"),
    "HTTP_RANGE": ("bytes=0-0", "bytes=-1"),
}


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as WSGI has it: the operation it was made for, strings of its environ, its body."""

    label: str
    environ: dict[str, str]
    body: bytes

    @classmethod
    def of(cls, label: str, environ: dict[str, Any]) -> "Sent":
        """Return the request that an environ holds, which can still be read."""
        body = environ["wsgi.input"].read()
        environ["wsgi.input"] = BytesIO(body)
        texts = {name: value for name, value in environ.items() if type(value) is str}
        return cls(label, texts, body)

    def with_environ(self, **changed: str) -> "Sent":
        """Return the request with some variables of its environ changed."""
        return replace(self, environ=self.environ | changed)


def varied(sent: Sent, other: Sent, chance: Random) -> tuple[str, Sent]:
    """Return what differs and the request; `other` is one of the same operation to take from."""
    possible = [_header]
    if sent.body:
        possible += [_bytes, _whole_body]
        if isinstance(_document(sent), dict):
            possible += [_member] * 6 + [_mixed] * 2
        if "urlencoded" in sent.environ.get("CONTENT_TYPE", ""):
            possible += [_form] * 4
    if sent.environ["REQUEST_METHOD"] == "GET":
        possible += [_query] * 6
    else:
        possible += [_query]
    if "{" in sent.label:
        possible += [_path]
    vary: Callable[[Sent, Sent, Random], Sent] = chance.choice(possible)
    return vary.__name__.strip("_"), vary(sent, other, chance)


def _document(sent: Sent) -> Any:
    try:
        return json.loads(sent.body)
    except (ValueError, RecursionError):
        return None


def _with_document(sent: Sent, document: Any) -> Sent:
    # Surrogates travel as escapes.
    return replace(sent, body=json.dumps(document).encode())


def _member(sent: Sent, _: Sent, chance: Random) -> Sent:
    """Give a member, also one of an inner object or list, another value; drop it, or add one."""
    document = _document(sent)
    place: Any = document
    while True:
        names: list[Any] = list(place) if isinstance(place, dict) else list(range(len(place)))
        if isinstance(place, dict) and (not names or chance.random() < 0.15):
            place[chance.choice(MEMBERS)] = chance.choice(VALUES)
            return _with_document(sent, document)
        if not names:
            place.append(chance.choice(VALUES))
            return _with_document(sent, document)
        name = chance.choice(names)
        if isinstance(place[name], dict | list) and chance.random() < 0.7:
            place = place[name]
        elif chance.random() < 0.1:
            del place[name]
            return _with_document(sent, document)
        else:
            place[name] = _value(place[name], chance)
            return _with_document(sent, document)


def _value(value: Any, chance: Random) -> Any:
    """Return a hostile value, or the old one twisted a little."""
    if not isinstance(value, str) or chance.random() < 0.6:
        return chance.choice(VALUES)
    return _text(value, chance)


def _text(text: str, chance: Random) -> str:
    at = chance.randint(0, len(text))
    piece = str(chance.choice(VALUES))[:40]
    return chance.choice(
        (text[:at] + piece + text[at:], text[:at], text.swapcase(), text + " ", text * 2)
    )


def _mixed(sent: Sent, other: Sent, chance: Random) -> Sent:
    """Take some members from another body of the operation."""
    document, rest = _document(sent), _document(other)
    if isinstance(rest, dict):
        document |= {name: value for name, value in rest.items() if chance.random() < 0.5}
    return _with_document(sent, document)


def _bytes(sent: Sent, _: Sent, chance: Random) -> Sent:
    """Change, drop or repeat a few bytes of the body."""
    at = chance.randrange(len(sent.body))
    size = chance.choice((1, 1, 2, 4, 16))
    piece = chance.choice((b"", chance.randbytes(size), sent.body[at : at + size] * 2, b'"', b"}"))
    return replace(sent, body=sent.body[:at] + piece + sent.body[at + size :])


def _whole_body(sent: Sent, _: Sent, chance: Random) -> Sent:
    """Send what is not JSON, or another document than an object."""
    if chance.random() < 0.5:
        return replace(sent, body=chance.choice(BODIES))
    return _with_document(sent, chance.choice(VALUES))


def _form(sent: Sent, _: Sent, chance: Random) -> Sent:
    pairs = parse_qsl(sent.body.decode("utf-8", "replace"), keep_blank_values=True)
    return replace(sent, body=_encoded(_pairs(pairs, chance)).encode())


def _query(sent: Sent, _: Sent, chance: Random) -> Sent:
    """Change, drop, repeat or add a query parameter, or a character of the whole string."""
    text = sent.environ.get("QUERY_STRING", "")
    if text and chance.random() < 0.1:
        at = chance.randrange(len(text))
        text = text[:at] + chance.choice("%&=;+\xff") + text[at + 1 :]
        return sent.with_environ(QUERY_STRING=text)
    pairs = _pairs(parse_qsl(text, keep_blank_values=True), chance)
    return sent.with_environ(QUERY_STRING=_encoded(pairs))


def _pairs(pairs: Pairs, chance: Random) -> Pairs:
    value = str(chance.choice(VALUES))
    if not pairs or chance.random() < 0.15:
        return [*pairs, (chance.choice((*MEMBERS, "page", "sort", "cursor")), value)]
    at = chance.randrange(len(pairs))
    name, old = pairs[at]
    fate = chance.random()
    if fate < 0.1:
        return pairs[:at] + pairs[at + 1 :]
    if fate < 0.2:
        return [*pairs, pairs[at]]
    return [*pairs[:at], (name, value if fate < 0.7 else _text(old, chance)), *pairs[at + 1 :]]


def _encoded(pairs: Pairs) -> str:
    return urlencode(pairs, errors="surrogatepass", quote_via=quote_plus)


def _path(sent: Sent, _: Sent, chance: Random) -> Sent:
    """Put something hostile where the path has an id."""
    value = str(chance.choice(VALUES)).encode("utf-8", "surrogatepass").decode("latin-1")
    segments = sent.environ["PATH_INFO"].split("/")
    template = sent.label.partition(" ")[2].split("/")
    places = [at for at, segment in enumerate(template) if segment.startswith("{")]
    if len(segments) == len(template):
        segments[chance.choice(places)] = value
    return sent.with_environ(PATH_INFO="/".join(segments))


def _header(sent: Sent, _: Sent, chance: Random) -> Sent:
    name = chance.choice(list(HEADERS))
    return sent.with_environ(**{name: chance.choice(HEADERS[name])})
