/* rollout_args.h: the command line of `muster-app rollout create` as a rollout. No database but for names of agents. */
#ifndef MUSTER_ROLLOUT_ARGS_H
#define MUSTER_ROLLOUT_ARGS_H

#include "common/cli.h"
#include "rollout/act.h"

/* Fills version, previous version, target, plan and salt of *ret; the target is the caller's to json_decref, also after
 * a failure. ERR_INVALID says which option is wrong, ERR_NOT_FOUND that there is no such agent. */
int rollout_args_read(const struct cli_args *args, struct db *db, struct rollout_new *ret, json_t **ret_target,
                      struct err *err) MUSTER_NODISCARD;

/* "30", "30s", "10m", "1h", "2d", at most max_s. */
bool rollout_parse_seconds(const char *text, int max_s, int *ret);

#endif
