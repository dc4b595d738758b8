"""Chat, comparison, completion, embeddings and moderation, proxied and streamed by the server."""
