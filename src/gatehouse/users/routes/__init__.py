"""The doors to accounts."""
