"""A simulated world of artists, tracks and countries, whose fame grows and fades."""
