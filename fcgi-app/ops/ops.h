/* ops.h: running the server: is it well, how much does it do, what needs a human; and the commands that make, move and
 * save its database. Alerts are raised through ops/alert.h, changes are heard through ops/changes.h. */
#ifndef MUSTER_OPS_OPS_H
#define MUSTER_OPS_OPS_H

#include "app.h"
#include "common/cli.h"
#include "http/request.h"

void ops_health(struct req *r);
void ops_health_live(struct req *r);
void ops_health_ready(struct req *r);
void ops_metrics(struct req *r);
void ops_overview(struct req *r);
void ops_search(struct req *r);
void ops_alert_list(struct req *r);
void ops_alert_acknowledge(struct req *r);

/* About every ten seconds, from a housekeeping thread: the nightly copy of the database, of which seven are kept. */
struct ops_schedule {
    int64_t copy_next_ms; /* start with 0 */
};
void ops_tick(struct app *app, struct ops_schedule *schedule);

extern const char ops_init_details[];
int ops_command_init(const struct cli_args *args, void *ctx);
int ops_command_migrate(const struct cli_args *args, void *ctx);
int ops_command_backup_db(const struct cli_args *args, void *ctx);
int ops_command_restore_db(const struct cli_args *args, void *ctx);
int ops_command_check_config(const struct cli_args *args, void *ctx);
int ops_command_version(const struct cli_args *args, void *ctx);

#endif
