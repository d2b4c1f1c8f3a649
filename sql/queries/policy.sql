-- The rules an admin sets.

-- name: policy_list
SELECT name, value FROM policy ORDER BY name;
