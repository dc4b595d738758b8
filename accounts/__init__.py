"""People: who they are, how they sign in, what they may have, and what was done to their keys."""
