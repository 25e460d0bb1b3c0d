"""The embedded default: everything the demo needs that an operator has already (CRM, platform, server)."""
