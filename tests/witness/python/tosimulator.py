"""Ends every connection that a library opens to WeChat at the simulator; to be imported before the library.

The library keeps the addresses it was published with, and reaches nothing else.
"""

import urllib.parse

import requests
import requests.sessions
from requests.adapters import HTTPAdapter

from witness import WECHAT

HOSTS = ("api.weixin.qq.com", "open.weixin.qq.com", "mp.weixin.qq.com")


class ToSimulator(HTTPAdapter):
    """Brings what is meant for WeChat to the simulator, and refuses everything else."""

    def send(self, request, **how):
        parts = urllib.parse.urlsplit(request.url)
        if parts.scheme != "https" or parts.hostname not in HOSTS:
            raise requests.ConnectionError(f"{parts.hostname} is none of WeChat's hosts")
        request.url = WECHAT + urllib.parse.urlunsplit(("", "", parts.path, parts.query, ""))
        return super().send(request, **{**how, "proxies": {}, "timeout": 20})


# Every session gets one, also those that the library opens by itself.
requests.sessions.HTTPAdapter = ToSimulator
