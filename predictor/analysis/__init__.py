"""What a trained network does: how well it predicts, and what it learned."""
