"""What the house rules look at. Each check returns complaints, one sentence each; none means the rule holds."""
