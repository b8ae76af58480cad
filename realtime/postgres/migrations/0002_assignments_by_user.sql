-- All assignments of one user, without reading the table.
CREATE INDEX IF NOT EXISTS assignments_user_id ON assignments (user_id);
