"""Payment agreements: made, kept going, paused, changed, ended, and charged period after period."""
