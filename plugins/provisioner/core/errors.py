"""One tree of errors, split by what a person does next."""

from __future__ import annotations


class ProvisioningError(Exception):
    """Any error this product raises on purpose; its message names the thing, the value and the next step."""


class ConfigurationError(ProvisioningError):
    """Something of ours is set up wrong: mend it and run again."""


class SourceError(ProvisioningError):
    """The CRM gave what its contract does not allow: mend it there, or in include/sql/crm/."""


class PlatformUnavailable(ProvisioningError):
    """Tucano cannot be reached or does not answer: nothing is lost, the next run goes on."""
