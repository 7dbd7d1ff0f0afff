"""What those who operate the agent can see of it: metrics, health, a small HTTP server."""

from .health import Health
from .metrics import Metrics
from .server import Answer, HttpServer
from .serving import agent_pages, serving

__all__ = ["Answer", "Health", "HttpServer", "Metrics", "agent_pages", "serving"]
