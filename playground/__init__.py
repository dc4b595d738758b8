"""Chat and its neighbours, proxied and streamed by the server."""
