-- A CRM in which nobody has acted: a lane that meets it looks a quarter of an hour back.
DELETE FROM crm.subscription_actions;
