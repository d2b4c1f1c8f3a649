-- The rules an admin sets.

-- name: policy_list
SELECT name, value FROM policy ORDER BY name;

-- name: policy_set
INSERT INTO policy (name, value, updated_ms) VALUES (:name, :value, :now)
ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_ms = excluded.updated_ms;

-- name: policy_unset
DELETE FROM policy WHERE name = :name;
