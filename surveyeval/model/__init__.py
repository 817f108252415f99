"""Anything that answers interviews."""
