"""What waits for payment operations: queues, each with what happened in words and the action that helps."""
