"""Panels on disk: mapped, cached, and every ingest kept."""
