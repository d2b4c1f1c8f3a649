-- What a part is compared by: MD5, or XXH64 where the store is ours, as hex of 32 or 16 digits. It takes the place of
-- md5, which is still written for programs from before this, and goes with the next migration that drops anything.
ALTER TABLE backup_parts ADD COLUMN digest TEXT NOT NULL DEFAULT '';
UPDATE backup_parts SET digest = md5;
