"""The models for people: a catalogue, one page each, how well they work; prices in the lab's currency."""
