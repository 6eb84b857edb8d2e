"""Writes figures to the log in CloudWatch's embedded metric format, of which CloudWatch makes metrics.

A figure costs money for each hour in which it is told, and once for each value of a dimension. So what counts
trouble is told only while there is some, and by source and by site only where the operator wants that.
"""

from __future__ import annotations

from collections.abc import Mapping

from aws_lambda_powertools.metrics import EphemeralMetrics

from lambdas.aws.observing.metric import Metric


class Metrics:
    """Tells figures of one function.

    :param namespace: whose metrics they are; empty: nothing is told.
    :param service: the function; empty: what Powertools finds in its environment.
    :param detailed: also by source and by site.
    """

    def __init__(self, namespace: str, service: str = "", *, detailed: bool = False) -> None:
        self._namespace, self._service = namespace, service or None
        self.detailed = detailed

    def tell(self, figures: Mapping[Metric, float], *, source: str = "", site: str = "") -> None:
        """Tell some figures.

        :param source: id of the source that they are about; empty: of no one source. ``site``: likewise.
        """
        if not self._namespace or not figures:
            return
        writer = EphemeralMetrics(namespace=self._namespace, service=self._service)
        for metric, figure in figures.items():
            writer.add_metric(metric.title, metric.unit, figure)
        if self.detailed:
            self._add_dimensions(writer, source, site)
        writer.flush_metrics()

    def tell_trouble(self, figures: Mapping[Metric, float], *, source: str = "", site: str = "") -> None:
        """Tell those figures that are not 0."""
        self.tell({metric: each for metric, each in figures.items() if each}, source=source, site=site)

    @staticmethod
    def _add_dimensions(writer: EphemeralMetrics, source: str, site: str) -> None:
        # Each is a set of its own, beside the service alone: by source, by site, and all together.
        for name, value in (("source", source), ("site", site)):
            if value:
                writer.add_dimensions(service=writer.service or "", **{name: value})
