"""Ratios against the floor: how near the product comes to what PostgreSQL and the network could do at best."""
