"""The parts of Grafana's SDK that we use, without its warning.

Importing its classic dashboards warns that newer ones are there, which only Grafana 12 and newer
read.
"""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models import (
        common,
        dashboard,
        prometheus,
        stat,
        statetimeline,
        timeseries,
    )

__all__ = [
    "JSONEncoder",
    "common",
    "dashboard",
    "prometheus",
    "stat",
    "statetimeline",
    "timeseries",
]
