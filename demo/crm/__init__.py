"""The demo CRM: a pay-TV operator's database, its actions and a seeded base that looks like a real one."""
