"""The WSGI application, for a server and for the `flask` command."""

from app import create_app

app = create_app()
