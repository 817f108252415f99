"""Turning pilot rows into an adapter."""
