"""The figures' names and meanings."""

from __future__ import annotations

import re

import pytest

from lambdas.aws.observing.metric import Metric


@pytest.mark.parametrize("metric", Metric, ids=lambda metric: metric.title)
def test_a_name_is_one_that_cloudwatch_takes_and_a_meaning_is_a_sentence(metric: Metric) -> None:
    assert re.fullmatch(r"[A-Z][A-Za-z]{2,}", metric.title)
    assert re.fullmatch(r"[A-Z].*\.", metric.meaning)


def test_no_two_figures_have_one_name() -> None:
    assert len({metric.title for metric in Metric}) == len(Metric)
