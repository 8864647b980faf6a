"""What pages cost, measured: run it by bin/bench."""
