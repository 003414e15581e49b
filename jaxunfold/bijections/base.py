"""What a bijection is here: a few pure functions of ONE event [d]; callers vmap."""

from collections.abc import Callable
from typing import NamedTuple


class Bijection(NamedTuple):
    """A conditional, invertible map truth -> latent of one event.

    init: key -> params.
    context: (params, cond [c]) -> whatever of the map depends on the condition alone; computed once per
      event and shared by all its draws.
    forward: (params, x [d], context) -> (z [d], log|dz/dx|).
    inverse: (params, z [d], context) -> (x [d], log|dx/dz|); None where there is none.
    start: (params, x [n, d], contexts of n events) -> params, set from the first batch; None where nothing is.
      What it sets must not enter the context.
    at_once: (params, x [d], cond [c]) -> forward(params, x, context(params, cond)), faster where an event's context
      is used once; None where that is what it is.
    """

    init: Callable
    context: Callable
    forward: Callable
    inverse: Callable | None
    start: Callable | None = None
    at_once: Callable | None = None

    def forward_given(self, params, x, cond):
        """``forward`` of an event whose context nothing else shares."""
        if self.at_once:
            return self.at_once(params, x, cond)
        return self.forward(params, x, self.context(params, cond))


def no_context(params, cond):
    """The context of a map that ignores the condition."""
    return None
