"""`python -m passerelle_cli`."""

from passerelle_cli.main import app

app(prog_name="passerelle-cli")
