/* update.h: updates of the agent: releases, their signed repository, and how they reach hosts. The one header other
 * parts include. */
#ifndef MUSTER_UPDATE_UPDATE_H
#define MUSTER_UPDATE_UPDATE_H

#include <stdint.h>

#include "common/cli.h"
#include "common/err.h"

struct app;
struct req;
struct settings;

/* --- releases and the repository --- */

/* About every ten seconds, from the slow housekeeping thread: signs timestamp and snapshot anew when half of their life
 * is gone, has the tables follow the metadata, removes what is old, and raises an alert, once, before anything expires.
 * Nothing happens as long as there is no repository, or while a command changes it. */
struct update_schedule {
    int64_t prune_next_ms; /* start with zeros */
    int64_t quiet_until_ms;
    int64_t followed; /* the version of targets that tables and fixed files follow */
};
void update_tick(struct app *app, struct update_schedule *schedule);

/* "sha256:" and 64 hex digits: the repository's first root, which hosts pin (`--tuf-fingerprint`). ERR_NOT_FOUND: there
 * is no repository. Reads a file. */
enum { UPDATE_FINGERPRINT_SIZE = 7 + 64 + 1 };
int update_root_fingerprint(const struct settings *settings, char ret[UPDATE_FINGERPRINT_SIZE],
                            struct err *err) MUSTER_NODISCARD;

void release_route_list(struct req *r);
void release_route_get(struct req *r);

extern const struct cli_option release_init_keys_options[], release_new_key_options[], release_create_options[],
    release_publish_options[], release_withdraw_options[], release_downgrade_options[], release_refresh_options[],
    release_sign_options[], release_rotate_options[];
extern const char release_init_keys_details[], release_new_key_details[], release_create_details[],
    release_publish_details[], release_withdraw_details[], release_downgrade_details[], release_refresh_details[],
    release_sign_details[], release_import_details[], release_rotate_details[], release_check_details[];
int release_command_init_keys(const struct cli_args *args, void *ctx);
int release_command_new_key(const struct cli_args *args, void *ctx);
int release_command_create(const struct cli_args *args, void *ctx);
int release_command_publish(const struct cli_args *args, void *ctx);
int release_command_withdraw(const struct cli_args *args, void *ctx);
int release_command_downgrade(const struct cli_args *args, void *ctx);
int release_command_refresh(const struct cli_args *args, void *ctx);
int release_command_list(const struct cli_args *args, void *ctx);
int release_command_show(const struct cli_args *args, void *ctx);
int release_command_check(const struct cli_args *args, void *ctx);
int release_command_sign(const struct cli_args *args, void *ctx);
int release_command_import(const struct cli_args *args, void *ctx);
int release_command_rotate(const struct cli_args *args, void *ctx);

#endif
