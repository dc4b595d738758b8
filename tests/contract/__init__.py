"""LiteLLM's answers, checked on the sandbox and, if configured, on a real gateway."""
