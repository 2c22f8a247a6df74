"""A verb each: what the commands do, on tensors."""
