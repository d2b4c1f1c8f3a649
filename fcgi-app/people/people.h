/* people.h: the people who use this server: their accounts as admins see and change them, invitations, what they may
 * see of each other's, deletion, and what is stored about them. The one header other parts include. */
#ifndef MUSTER_PEOPLE_PEOPLE_H
#define MUSTER_PEOPLE_PEOPLE_H

#include "common/cli.h"

struct app;
struct req;

/* Every ten seconds, on the thread that also tidies the store: purges what deleted people have left once their grace is
 * over, and forgets invitations that nobody took. */
void people_tick(struct app *app);

/* Handlers for admins */
void people_list(struct req *r);
void people_get(struct req *r);
void people_change(struct req *r);
void people_delete(struct req *r);
void people_restore(struct req *r);
void people_export(struct req *r);
void people_grants(struct req *r);
void people_grants_set(struct req *r);
void people_password_link(struct req *r);
void people_invitation_list(struct req *r);
void people_invitation_create(struct req *r);
void people_invitation_revoke(struct req *r);

/* Handlers for whoever has the link */
void people_invitation_look(struct req *r);
void people_invitation_accept(struct req *r);

/* Handlers for everybody */
void people_change_own(struct req *r);
void people_export_own(struct req *r);

/* Commands */
extern const struct cli_option people_add_options[];
extern const struct cli_option people_invite_options[];
extern const struct cli_option people_delete_options[];
extern const char people_invite_details[];
extern const char people_delete_details[];
int people_command_add(const struct cli_args *args, void *ctx);
int people_command_invite(const struct cli_args *args, void *ctx);
int people_command_passwd(const struct cli_args *args, void *ctx);
int people_command_role(const struct cli_args *args, void *ctx);
int people_command_disable(const struct cli_args *args, void *ctx);
int people_command_enable(const struct cli_args *args, void *ctx);
int people_command_delete(const struct cli_args *args, void *ctx);
int people_command_restore(const struct cli_args *args, void *ctx);
int people_command_list(const struct cli_args *args, void *ctx);

#endif
