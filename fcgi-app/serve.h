/* serve.h: `muster-app serve`: start-up, threads, signals, drain. */
#ifndef MUSTER_SERVE_H
#define MUSTER_SERVE_H

#include "common/cli.h"

extern const char serve_details[];

/* Runs until SIGTERM or SIGINT, then drains: no new requests, finish those under way, flush, checkpoint. */
int serve_command(const struct cli_args *args, void *ctx);

#endif
