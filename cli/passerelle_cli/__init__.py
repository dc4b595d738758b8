"""Keys and usage of a Passerelle portal, in the terminal."""
