"""The assets, checks and jobs of the platform."""
