"""Starting many tasks: batches, the limit of the endpoint, and never a second start."""
