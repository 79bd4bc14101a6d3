"""Seeded synthetic sounds, rooms, devices and whole datasets with exact truth."""
