"""A URL rule that prepares building URLs when the first one is built, which few processes do."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from werkzeug.routing import Rule

Built = tuple[str, str]


class LateRule(Rule):
    """Compiles at the start what finds a route; what writes its URL waits until it is wanted.

    The method replaced is not part of Werkzeug's promises: in a version without it, all is compiled
    at the start again.
    """

    def _compile_builder(self, append_unknown: bool = True) -> Callable[..., Built]:
        compiled = cache(partial(super()._compile_builder, append_unknown))

        def build(rule: Rule, /, **values: Any) -> Built:
            return compiled()(rule, **values)

        return build
