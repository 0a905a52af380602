"""What attackers send as JSON, and a watch for how long the answer takes."""

import time
from collections.abc import Callable
from typing import TypeVar

from tests.support.answers import PROBLEM, Answer

Result = TypeVar("Result")


def within(
    seconds: float, action: Callable[[], Result], *, clock: Callable[[], float] = time.perf_counter
) -> Result:
    """Return what `action` returns; it has to be quick, at the third try on a busy machine.

    `time.process_time` as the clock counts the work of this process alone.
    """
    spent = []
    for _ in range(3):
        start = clock()
        result = action()
        spent.append(clock() - start)
        if spent[-1] < seconds:
            return result
    raise AssertionError(f"took {spent} seconds: {result}")


def refused(answer: Answer) -> Answer:
    """Return the answer if it blames the client, as a problem document."""
    assert 400 <= answer.status < 500, str(answer)
    assert answer.headers["Content-Type"] == PROBLEM, str(answer)
    assert answer.json["status"] == answer.status
    return answer


def member(content: bytes) -> bytes:
    """Return a document whose members of the usual names are all `content`."""
    names = (b"email", b"password", b"username", b"name", b"token", b"roles", b"new_password")
    return b"{" + b",".join(b'"%s":%s' % (name, content) for name in names) + b"}"


# R83: broken, or not what RFC 8259 calls JSON, or not storable. By what is wrong with it.
BROKEN: dict[str, bytes] = {
    "nothing": b"",
    "blank": b"  \n ",
    "cut off": b'{"email": "a@exa',
    "cut off in an escape": b'{"email": "\\u00',
    "one bracket": b"{",
    "a comma too many": b'{"email": "a@example.com",}',
    "single quotes": b"{'email': 'a@example.com'}",
    "a comment": b'{"email": "a@example.com"} // why not',
    "two documents": b'{"email": "a@example.com"}{"email": "b@example.com"}',
    "trailing garbage": b'{"email": "a@example.com"}\x00',
    "NaN": member(b"NaN"),
    "Infinity": member(b"-Infinity"),
    "1e400": member(b"1e400"),
    "a leading zero": member(b"01"),
    "duplicate members": b'{"email": "a@example.com", "email": "b@example.com"}',
    "duplicates in escapes": b'{"email": "a@example.com", "em\\u0061il": "b@example.com"}',
    "duplicates inside": b'{"name": {"a": 1, "a": 2}}',
    "a lone surrogate": member(b'"\\ud800 and the rest"'),
    "a lone low surrogate": member(b'"\\udfff"'),
    "surrogates in a name": b'{"\\ud800": 1}',
    "swapped surrogates": member(b'"\\udc00\\ud800"'),
    "NUL, escaped": member(b'"a\\u0000b"'),
    "NUL in a name": b'{"email\\u0000": "a@example.com"}',
    "NUL, bare": member(b'"a\x00b"'),
    "a bare line end": member(b'"a\nb"'),
    "a byte order mark": b'\xef\xbb\xbf{"email": "a@example.com"}',
    "UTF-16": '{"email": "a@example.com"}'.encode("utf-16"),
    "Latin-1": '{"name": "Zoë"}'.encode("latin-1"),
    "an overlong form": member(b'"\xc0\xae\xc0\xae"'),
    "an encoded surrogate": member(b'"\xed\xa0\x80"'),
    "beyond Unicode": member(b'"\xf4\x90\x80\x80"'),
    "20,000 digits": member(b"9" * 20_000)[:60_000],
    "20,000 digits of a fraction": b'{"email": 0.' + b"1" * 20_000 + b"}",
    "20,000 digits of an exponent": b'{"email": 1e' + b"9" * 20_000 + b"}",
    "20,000 digits, negative": b'{"email": -' + b"9" * 20_000 + b"}",
    "2 to the 63rd": member(b"9223372036854775808"),
    "XML": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
    "a form": b"email=a%40example.com&password=secret123",
}

# R84: small to send, and dear to whoever is careless.
DEEP: dict[str, bytes] = {
    "60,000 brackets": b"[" * 60_000,
    "60,000 objects": b'{"a":' * 12_000,
    "30,000 brackets and back": b"[" * 30_000 + b"]" * 30_000,
    "deep in a member": b'{"email": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "deep in every member": member(b"[" * 2_000 + b"]" * 2_000),
    "33 levels": b"[" * 33 + b"]" * 33,
    "brackets in a string that does not end": b'{"email": "' + b"[" * 60_000,
    "quotes without end": b'"' * 60_001,
    "backslashes without end": b'"' + b"\\" * 60_001,
    "5,000 members": b"{" + b",".join(b'"a%d":1' % n for n in range(5_000)) + b"}",
    "20,000 members": b"{" + b",".join(b'"a%d":1' % n for n in range(20_000)) + b"}",
    "20,000 items": b'{"roles": [' + b"1," * 20_000 + b"1]}",
    "30,000 empty objects": b"[" + b"{}," * 20_000 + b"{}]",
    "30,000 escapes": member(b'"' + b"\\u0041" * 1_000 + b'"'),
}
