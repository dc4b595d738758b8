"""What pages and exports read of usage, all from our own tables. Knows nothing of requests; never asks the gateway."""
