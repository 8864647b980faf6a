"""Payment processors behind one small protocol (`base.py`); `registry.py` finds the one a gateway row names."""
