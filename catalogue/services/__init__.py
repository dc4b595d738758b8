"""What is done about models: how well they work."""

from catalogue.services.health import measure_health

__all__ = ["measure_health"]
