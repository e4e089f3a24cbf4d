"""Stored counts in; tiers, clocks, events and deliveries out."""
