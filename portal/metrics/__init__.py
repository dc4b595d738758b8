"""`/metrics` for Prometheus (ADR 56): counts of all processes of a machine, and facts that are read when it asks."""
