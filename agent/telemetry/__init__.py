"""What those who operate the agent can see of it: metrics, health, a small HTTP server."""

from .health import Health
from .metrics import Metrics
from .server import HttpServer, Response
from .serving import agent_pages, serving

__all__ = ["Health", "HttpServer", "Metrics", "Response", "agent_pages", "serving"]
