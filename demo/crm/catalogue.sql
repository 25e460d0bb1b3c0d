-- demo/crm/catalogue.sql
-- What the operator sells and where it is watched, and what may be done to a subscription.

INSERT INTO crm.distributors (code, name, position) VALUES
    ('VP1', 'Viewing Point 1 (main)', 1),
    ('VP2', 'Viewing Point 2', 2),
    ('VP3', 'Viewing Point 3', 3),
    ('VP4', 'Viewing Point 4', 4),
    ('VP5', 'Viewing Point 5 (not set up at the platform)', 5);

INSERT INTO crm.subscription_types (code, name) VALUES
    ('RESIDENTIAL', 'Homes'),
    ('BUSINESS', 'Offices, waiting rooms, shops'),
    ('HOSPITALITY', 'Bars, restaurants, hotels'),
    ('SHOWCASE', 'The business examples of the manual');

-- Channels: flat, termed.
INSERT INTO crm.products (code, name, classification, service_type, used_for_provisioning, tier) VALUES
    ('GEOLOGICAL', 'Geological', 'SERVICE', 'TERMED', true, 1),
    ('ENTERTAIN', 'Entertain', 'SERVICE', 'TERMED', true, 1),
    ('RELIGION', 'Religion', 'SERVICE', 'TERMED', true, 1),
    ('AGRICULTURE', 'Agriculture', 'SERVICE', 'TERMED', true, 1),
    ('SPORT', 'Sport', 'SERVICE', 'TERMED', true, 3),
    ('SPORT_LITE', 'Sport Lite: the sport channels without the magazine', 'SERVICE', 'TERMED', true, 2),
    ('MOVIES', 'Movies', 'SERVICE', 'TERMED', true, 3),
    ('SERIES', 'Series', 'SERVICE', 'TERMED', true, 2),
    ('NEWS', 'News', 'SERVICE', 'TERMED', true, 1),
    ('KIDS', 'Kids', 'SERVICE', 'TERMED', true, 1),
    ('MUSIC', 'Music', 'SERVICE', 'TERMED', true, 1),
    ('NATURE', 'Nature', 'SERVICE', 'TERMED', true, 1),
    ('HISTORY', 'History', 'SERVICE', 'TERMED', true, 1),
    ('SCIENCE', 'Science', 'SERVICE', 'TERMED', true, 1),
    ('COOKING', 'Cooking', 'SERVICE', 'TERMED', true, 1),
    ('TRAVEL', 'Travel', 'SERVICE', 'TERMED', true, 1),
    ('FINANCE', 'Finance', 'SERVICE', 'TERMED', true, 2),
    ('MOTORS', 'Motors', 'SERVICE', 'TERMED', true, 2),
    ('NEW_CHANNEL', 'New Channel: sold before anybody mapped it to an option', 'SERVICE', 'TERMED', true, 1);

-- Pay-per-view: usage. Work and paper: one-time and expense, never provisioned.
INSERT INTO crm.products (code, name, classification, service_type, used_for_provisioning) VALUES
    ('PPV_FOOTBALL_FINAL', 'The football final', 'SERVICE', 'USAGE', true),
    ('PPV_BOXING_NIGHT', 'Boxing night', 'SERVICE', 'USAGE', true),
    ('PPV_MOVIE_PREMIERE', 'Movie premiere', 'SERVICE', 'USAGE', true),
    ('PPV_CONCERT', 'Concert, live', 'SERVICE', 'USAGE', true),
    ('INSTALLATION', 'Installation visit', 'SERVICE', 'ONE_TIME', false),
    ('RECONNECTION', 'Reconnection', 'SERVICE', 'ONE_TIME', false),
    ('PAPER_INVOICE', 'Invoice on paper', 'SERVICE', 'EXPENSE', false),
    ('BOX_INSURANCE', 'Insurance of the box', 'SERVICE', 'EXPENSE', false);

INSERT INTO crm.products
    (code, name, classification, service_type, composition, used_for_provisioning, tier,
     minimum_components, maximum_components) VALUES
    ('FLEX_A', 'Flexible Bundle A', 'SERVICE', 'TERMED', 'FLEXIBLE_BUNDLE', true, 2, 2, 4),
    ('FLEX_B', 'Flexible Bundle B', 'SERVICE', 'TERMED', 'FLEXIBLE_BUNDLE', true, 2, 2, 4),
    ('FAMILY_PACK', 'Family Pack: one option at the platform', 'SERVICE', 'TERMED', 'FIXED_BUNDLE', true, 4, NULL, NULL),
    ('STARTER_PACK', 'Starter Pack: an option for each channel', 'SERVICE', 'TERMED', 'FIXED_BUNDLE', true, 1, NULL, NULL);

INSERT INTO crm.bundle_components (bundle_code, component_code, is_mandatory, is_default) VALUES
    ('FLEX_A', 'GEOLOGICAL', true, true), ('FLEX_A', 'ENTERTAIN', false, true),
    ('FLEX_A', 'HISTORY', false, false), ('FLEX_A', 'SCIENCE', false, false), ('FLEX_A', 'NATURE', false, false),
    ('FLEX_B', 'GEOLOGICAL', true, true), ('FLEX_B', 'RELIGION', false, true),
    ('FLEX_B', 'TRAVEL', false, false), ('FLEX_B', 'COOKING', false, false), ('FLEX_B', 'MUSIC', false, false),
    ('FAMILY_PACK', 'KIDS', true, true), ('FAMILY_PACK', 'MOVIES', true, true), ('FAMILY_PACK', 'NATURE', true, true),
    ('STARTER_PACK', 'NEWS', true, true), ('STARTER_PACK', 'MUSIC', true, true), ('STARTER_PACK', 'COOKING', true, true);

INSERT INTO crm.products (code, name, classification, used_for_provisioning, traceable) VALUES
    ('STB_HD', 'Set-top box HD', 'PHYSICAL_GOOD', true, true),
    ('STB_UHD', 'Set-top box UHD', 'PHYSICAL_GOOD', true, true),
    ('STB_PVR', 'Set-top box with recorder', 'PHYSICAL_GOOD', true, true),
    ('REMOTE_CONTROL', 'Remote control', 'PHYSICAL_GOOD', false, false);
