"""The state machine: all rules, and time."""

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.model.rules_of_stories import StoryRules

PASSING = (
    {"seconds": 5},
    {"seconds": 5},
    {"seconds": 11},
    {"seconds": 11},
    {"minutes": 12},
    {"minutes": 16},
    {"days": 8},
    {"days": 31},
)


class Machine(StoryRules):
    """Two people and an administrator, who do what they like in any order."""

    @rule(duration=st.sampled_from(PASSING), is_house_kept=st.booleans())
    def time_passes(self, duration: dict[str, int], is_house_kept: bool) -> None:
        """Let time pass; housekeeping erases whoever was deleted long ago, and all else unseen."""
        self.let_pass(**duration)
        if is_house_kept:
            self.model.keep_house()
            self.service.keep_house()
