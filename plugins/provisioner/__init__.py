"""Keep the Tucano platform in step with the CRM: extract, detect, plan, dispatch, archive."""
