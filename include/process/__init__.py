"""What happens to a drained batch: validate, then alert and audit side by side; each stage claims its own work."""
