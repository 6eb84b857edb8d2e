"""Settings of all tests."""

from __future__ import annotations

import os

from hypothesis import settings

# How long an example takes says nothing here; where CI is set, hypothesis has a profile of its own for that.
if "CI" not in os.environ:
    settings.register_profile("local", deadline=None)
    settings.load_profile("local")
