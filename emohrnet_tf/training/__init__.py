"""One run, every fold of a protocol, and what `model.fit` needs for them."""
