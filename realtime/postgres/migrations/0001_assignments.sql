-- Columns of an existing table may be uuid, varchar or text; times with or without time zone.
CREATE TABLE IF NOT EXISTS assignments (
    id            uuid        PRIMARY KEY,  -- assignment_id: a function of experiment, iteration and user
    experiment_id text        NOT NULL,
    variant_id    text        NOT NULL,     -- the variant's key
    user_id       text        NOT NULL,
    created_at    timestamptz NOT NULL,     -- when the user was assigned first
    updated_at    timestamptz NOT NULL      -- when last: moved to another variant, or back after expiry
);
