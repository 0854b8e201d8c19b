"""Notifications: Slack, Microsoft Teams and webhooks hear of mode changes and incidents.

Each is one POST of JSON, sent with aiohttp by a thread of its own. Nothing here blocks or fails
whoever tells of something, and no address is ever shown: they are secrets.
"""

from .channels import Channel, parse_channels
from .delivery import Delivery
from .notice import Notice
from .notifier import Notifier
from .settings import NotifySettings
from .status import ChannelStatus, NotifierStatus
from .timing import Timing

__all__ = [
    "Channel",
    "ChannelStatus",
    "Delivery",
    "Notice",
    "Notifier",
    "NotifierStatus",
    "NotifySettings",
    "Timing",
    "parse_channels",
]
