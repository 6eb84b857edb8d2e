"""Settings of all tests."""

from __future__ import annotations

import os

from hypothesis import Phase, settings

# How long an example takes says nothing here; where CI is set, hypothesis has a profile of its own for that.
if "CI" not in os.environ:
    settings.register_profile("local", deadline=None)
    settings.load_profile("local")

# For `make mutants`: that a test fails is enough. The same examples each time, no search for a smaller one.
settings.register_profile(
    "mutants", deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate]
)
