"""What the API server serves: the portal's door and, beside it, the pages. Imported there and nowhere else."""
