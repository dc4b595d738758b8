"""What LiteLLM answers, asked of the sandbox and, where one is named, of a real gateway."""
