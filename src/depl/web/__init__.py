"""The web interface: a leaf that reads the store, and posts what people wish; it holds no rollout."""
