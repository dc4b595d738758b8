"""Facts polled from the gateway, and pages about them."""
