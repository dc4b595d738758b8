"""Facts polled from the gateway, and the pages over them."""
