"""What is done about models: how well they work, what administrators write about them."""

from catalogue.services.health import measure_health
from catalogue.services.notes import save_note

__all__ = ["measure_health", "save_note"]
