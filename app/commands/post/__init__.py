"""Order mail and the papers that go with it."""
