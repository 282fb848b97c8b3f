"""The engine that runs the Brian2 network of a specification."""
