"""The world model: encoder, recurrent dynamics, decoder."""
