"""What customers see with nothing but a link: frozen views, the same few statements whatever the order's length."""
