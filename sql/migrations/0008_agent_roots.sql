-- What a host's own agent.conf lets backups read and restores write, as it said last: {"backup": […], "restore": […]};
-- '' when it has not said. It is for people to choose by: what counts is the host's judgement.
ALTER TABLE agents ADD COLUMN roots TEXT NOT NULL DEFAULT '';
