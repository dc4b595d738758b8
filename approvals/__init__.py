"""People ask for more than their policy gives, and whoever may decide grants it until a day (ADR 26)."""
