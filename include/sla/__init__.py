"""Service levels: what was promised of a pipeline, and one verdict for every window of the promise."""
