"""How numbers, days and icons are written on every page."""
