"""What strangers send, parsed strictly: JSON documents, query strings and forms.

Every limit here keeps the work of a hostile body linear and small; bodies are at most
MAX_BODY_BYTES long when they arrive.
"""

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

from gatehouse.core.errors import Unprocessable
from gatehouse.core.text import has_surrogates
from gatehouse.web.refusals import MalformedJson

MAX_DEPTH = 32
MAX_MEMBERS = 1_000
MAX_DIGITS = 64
MAX_PARAMETERS = 100
_LARGEST = 2**63

# A whole string (an unterminated one runs to the end, so that no input is scanned twice: the
# possessive `++` never backtracks) or one bracket.
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]++|\\.?)*+"?|[\[{]|[\]}]', re.DOTALL)


def parse_json(data: bytes, *, allow_surrogates: bool = False) -> Any:
    """Return the JSON document in `data`, or raise MalformedJson or Unprocessable.

    Refused besides what RFC 8259 refuses: duplicate members, more than 32 levels, NaN and
    infinities, integers beyond 64 bits, NUL, a byte order mark. Lone surrogates are refused
    unless `allow_surrogates` leaves them to the fields of the schema (passwords at log-in).
    """
    if _depth(data) > MAX_DEPTH:
        raise MalformedJson(f"The document is nested deeper than {MAX_DEPTH} levels.")
    try:
        document = _DECODER.decode(data.decode("utf-8"))
    except UnicodeDecodeError:
        raise MalformedJson("The body is not UTF-8.") from None
    except json.JSONDecodeError as error:
        raise MalformedJson(f"{error.msg} at character {error.pos}.") from None
    if b"\\u" in data:  # only an escape can bring NUL or half a surrogate pair past the decoders
        _check_strings(document, allow_surrogates=allow_surrogates)
    return document


def parse_pairs(encoded: bytes) -> dict[str, str]:
    """Return the parameters of a query string or form; each may occur once.

    Raises Unprocessable for repeated names, more than 100 parameters, bytes that are not
    UTF-8, and NUL.
    """
    if encoded.count(b"&") >= MAX_PARAMETERS:
        raise Unprocessable(f"More than {MAX_PARAMETERS} parameters.")
    found: dict[str, str] = {}
    for pair in encoded.split(b"&"):
        if not pair:
            continue
        name, _, value = pair.partition(b"=")
        try:
            key, text = _decoded(name), _decoded(value)
        except UnicodeDecodeError:
            raise Unprocessable("A parameter is not UTF-8.") from None
        if "\0" in key or "\0" in text:
            raise Unprocessable("A parameter holds a NUL character.")
        if key in found:
            raise Unprocessable(errors={key[:64]: ["Give this once."]})
        found[key] = text
    return found


def _decoded(part: bytes) -> str:
    return unquote_to_bytes(part.replace(b"+", b" ")).decode("utf-8")


def _depth(data: bytes) -> int:
    """Return how deep `data` nests, exactly where that may matter."""
    rough = data.count(b"[") + data.count(b"{")
    if rough <= MAX_DEPTH:
        return rough
    deepest = depth = 0
    for match in _STRING_OR_BRACKET.finditer(data):
        first = match[0][:1]
        if first in b"[{":
            depth += 1
            deepest = max(deepest, depth)
            if deepest > MAX_DEPTH:
                break
        elif first in b"]}":
            depth -= 1
    return deepest


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MAX_MEMBERS:
        raise MalformedJson(f"An object has more than {MAX_MEMBERS} members.")
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedJson("An object names a member twice.")
    return members


def _integer(digits: str) -> int:
    if len(digits) <= 20 and -_LARGEST <= (value := int(digits)) < _LARGEST:
        return value
    raise MalformedJson("A number is beyond 64 bits.")


def _float(digits: str) -> float:
    if len(digits) <= MAX_DIGITS and abs(value := float(digits)) != float("inf"):
        return value
    raise MalformedJson("A number is beyond 64 bits.")


def _constant(name: str) -> Any:
    raise MalformedJson(f"{name} is not JSON.")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_members,
    parse_int=_integer,
    parse_float=_float,
    parse_constant=_constant,
)


def _check_strings(document: Any, *, allow_surrogates: bool) -> None:
    for path, text, is_name in _strings(document, ""):
        if "\0" in text:
            raise Unprocessable(errors={path[:64]: ["NUL characters are not possible here."]})
        if (is_name or not allow_surrogates) and has_surrogates(text):
            raise Unprocessable(
                errors={path[:64]: ["Half of a surrogate pair is not a character."]}
            )


def _strings(value: Any, path: str) -> Iterator[tuple[str, str, bool]]:
    """Give path, text and "is this a name?" of every string; depth is bounded by MAX_DEPTH."""
    if isinstance(value, str):
        yield path, value, False
    elif isinstance(value, dict):
        for name in value:
            yield path, name, True
        for name, member in value.items():
            yield from _strings(member, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _strings(item, f"{path}.{index}" if path else str(index))
