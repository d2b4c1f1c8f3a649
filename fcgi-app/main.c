/* muster-app: the server and its tools, one program. */
#include "audit/trail.h"
#include "auth/auth.h"
#include "backup/backup.h"
#include "command.h"
#include "common/jsonread.h"
#include "fleet/fleet.h"
#include "mfa/mfa.h"
#include "ops/ops.h"
#include "people/people.h"
#include "policy/policy.h"
#include "rollout/rollout.h"
#include "serve.h"
#include "token/token.h"
#include "update/update.h"

#define CONFIG_ONLY     ((const struct cli_option[]){COMMAND_OPTION_CONFIG, {0}})
#define CONFIG_AND_JSON ((const struct cli_option[]){COMMAND_OPTION_CONFIG, COMMAND_OPTION_JSON, {0}})

/* clang-format off */
static const struct cli_command commands[] = {
    /* Each row: name, operands, how many, summary, details, options, function. */
    {"init",               NULL,       0, 0, "make database, secrets, CA and the first admin",       ops_init_details,   CONFIG_AND_JSON,       ops_command_init},
    {"serve",              NULL,       0, 0, "run the server",                                       serve_details,      CONFIG_ONLY,           serve_command},
    {"migrate",            NULL,       0, 0, "bring the database to this version's schema",          NULL,               CONFIG_AND_JSON,       ops_command_migrate},
    {"token rotate-keys",  NULL,       0, 0, "sign access tokens with a new key",                    token_rotate_details, token_rotate_options, token_command_rotate_keys},
    {"user reset-mfa",     "EMAIL",    1, 1, "end every second factor and session of a person",      mfa_reset_details,  CONFIG_ONLY,           mfa_command_user_reset},
    {"user add",           "EMAIL",    1, 1, "add a person; the password is read from standard input", NULL,             people_add_options,    people_command_add},
    {"user invite",        "EMAIL",    1, 1, "print a link with which somebody makes their account", people_invite_details, people_invite_options, people_command_invite},
    {"user passwd",        "EMAIL",    1, 1, "set a new password, read from standard input",         NULL,               CONFIG_ONLY,           people_command_passwd},
    {"user role",          "EMAIL ROLE", 2, 2, "make a person viewer, operator or admin",            NULL,               CONFIG_AND_JSON,       people_command_role},
    {"user disable",       "EMAIL",    1, 1, "end what a person is signed in with, and refuse them", NULL,               CONFIG_AND_JSON,       people_command_disable},
    {"user enable",        "EMAIL",    1, 1, "let a disabled person sign in again",                  NULL,               CONFIG_AND_JSON,       people_command_enable},
    {"user delete",        "EMAIL",    1, 1, "delete a person and all that is theirs, after a grace", people_delete_details, people_delete_options, people_command_delete},
    {"user restore",       "EMAIL",    1, 1, "take a deletion back while its grace lasts",           NULL,               CONFIG_AND_JSON,       people_command_restore},
    {"user list",          NULL,       0, 0, "list people",                                          NULL,               CONFIG_AND_JSON,       people_command_list},
    {"otp mint",           NULL,       0, 0, "make a one-time password that enrols a host",          NULL,               fleet_otp_mint_options, fleet_command_otp_mint},
    {"agent list",         NULL,       0, 0, "list agents",                                          NULL,               CONFIG_AND_JSON,       fleet_command_agent_list},
    {"agent deactivate",   "AGENT",    1, 1, "refuse an agent; undone by 'agent activate'",          NULL,               CONFIG_AND_JSON,       fleet_command_agent_deactivate},
    {"agent activate",     "AGENT",    1, 1, "accept a deactivated agent again",                     NULL,               CONFIG_AND_JSON,       fleet_command_agent_activate},
    {"agent approve",      "AGENT",    1, 1, "lift the quarantine of an agent that was looked at",   NULL,               CONFIG_AND_JSON,       fleet_command_agent_approve},
    {"agent delete",       "AGENT",    1, 1, "forget an agent and its events; its backups stay",     NULL,               fleet_agent_delete_options, fleet_command_agent_delete},
    {"ca show",            NULL,       0, 0, "print the certificate authority's root and bundle",    NULL,               CONFIG_AND_JSON,       fleet_command_ca_show},
    {"ca prepare",         NULL,       0, 0, "make the next root; agents learn to trust it",         fleet_ca_details,   CONFIG_AND_JSON,       fleet_command_ca_prepare},
    {"ca switch",          NULL,       0, 0, "sign with the next root from now on",                  fleet_ca_details,   CONFIG_AND_JSON,       fleet_command_ca_switch},
    {"ca retire",          NULL,       0, 0, "end the trust in the root before",                     fleet_ca_details,   CONFIG_AND_JSON,       fleet_command_ca_retire},
    {"backup-config add",  NULL,       0, 0, "add a backup config",                                  backup_config_add_details, backup_config_add_options, backup_command_config_add},
    {"backup-config change", "CONFIG", 1, 1, "change a backup config",                               backup_config_change_details, backup_config_add_options, backup_command_config_change},
    {"backup-config remove", "CONFIG", 1, 1, "remove a backup config; its backups stay",             NULL,               CONFIG_AND_JSON,       backup_command_config_remove},
    {"backup-config list", NULL,       0, 0, "list backup configs with their last run",              NULL,               CONFIG_AND_JSON,       backup_command_config_list},
    {"backup-config run",  "CONFIG",   1, 1, "have a backup run now",                                NULL,               backup_config_run_options, backup_command_config_run},
    {"backup runs",        "[CONFIG]", 0, 1, "list backup runs, newest first",                       NULL,               backup_runs_options,   backup_command_runs},
    {"backup files",       "RUN [PATH]", 1, 2, "list what is inside a run",                          NULL,               backup_files_options,  backup_command_files},
    {"backup restore",     "RUN",      1, 1, "have a host restore a run",                            NULL,               backup_restore_options, backup_command_restore},
    {"backup verify",      "RUN",      1, 1, "have a host read a run back without writing",          NULL,               backup_verify_options, backup_command_verify},
    {"backup jobs",        NULL,       0, 0, "list restores and proofs, newest first",               NULL,               CONFIG_AND_JSON,       backup_command_jobs},
    {"backup-config retention", "CONFIG", 1, 1, "show what retention keeps and deletes, and why",    NULL,               backup_retention_options, backup_command_retention},
    {"backup pin",         "RUN",      1, 1, "keep a run and its chain, whatever retention says",    NULL,               CONFIG_AND_JSON,       backup_command_pin},
    {"backup unpin",       "RUN",      1, 1, "leave a run to retention again",                       NULL,               CONFIG_AND_JSON,       backup_command_unpin},
    {"backup delete-chain", "RUN",     1, 1, "delete the chain that a run belongs to",               NULL,               backup_delete_chain_options, backup_command_delete_chain},
    {"release init-keys",  NULL,       0, 0, "make the keys and the repository of updates",          release_init_keys_details, release_init_keys_options, release_command_init_keys},
    {"release create",     "VERSION",  1, 1, "check a release's files and put them aside",           release_create_details, release_create_options, release_command_create},
    {"release publish",    "VERSION",  1, 1, "sign a release and put it where agents look",          release_publish_details, release_publish_options, release_command_publish},
    {"release withdraw",   "VERSION",  1, 1, "take a release back",                                  release_withdraw_details, release_withdraw_options, release_command_withdraw},
    {"release list",       NULL,       0, 0, "list releases, and how many agents run each",          NULL,               CONFIG_AND_JSON,       release_command_list},
    {"release show",       "VERSION",  1, 1, "print all that is known of a release",                 NULL,               CONFIG_AND_JSON,       release_command_show},
    {"release check",      NULL,       0, 0, "go through the repository as a client does",           release_check_details, CONFIG_AND_JSON,    release_command_check},
    {"release allow-downgrade", "VERSION", 1, 1, "let agents be ordered back to a release",          release_downgrade_details, release_downgrade_options, release_command_downgrade},
    {"release refresh",    "[ROLE]",   0, 1, "sign metadata anew before it expires",                 release_refresh_details, release_refresh_options, release_command_refresh},
    {"release rotate-key", "ROLE",     1, 1, "replace keys of the repository",                       release_rotate_details, release_rotate_options, release_command_rotate},
    {"release new-key",    "ROLE",     1, 1, "make a root or targets key on another machine",        release_new_key_details, release_new_key_options, release_command_new_key},
    {"release sign",       "FILE",     1, 1, "add a signature to metadata, on another machine",      release_sign_details, release_sign_options, release_command_sign},
    {"release import",     "FILE…",    1, 2, "take metadata that was signed elsewhere",              release_import_details, CONFIG_AND_JSON,   release_command_import},
    {"rollout create",     NULL,       0, 0, "begin to roll a published release out",                 rollout_create_details, rollout_create_options, rollout_command_create},
    {"rollout list",       NULL,       0, 0, "list rollouts, newest first",                          NULL,               CONFIG_AND_JSON,       rollout_command_list},
    {"rollout show",       "ROLLOUT",  1, 1, "show a rollout and its failures",                      NULL,               rollout_wait_options,  rollout_command_show},
    {"rollout pause",      "ROLLOUT",  1, 1, "offer nothing more for now",                           NULL,               CONFIG_AND_JSON,       rollout_command_pause},
    {"rollout resume",     "ROLLOUT",  1, 1, "go on; failures until now are forgiven",               NULL,               rollout_wait_options,  rollout_command_resume},
    {"rollout abort",      "ROLLOUT",  1, 1, "end a rollout where it is",                            NULL,               CONFIG_AND_JSON,       rollout_command_abort},
    {"rollout rollback",   "ROLLOUT",  1, 1, "put the previous version back where it was replaced",  NULL,               rollout_wait_options,  rollout_command_rollback},
    {"rollout advance",    "ROLLOUT",  1, 1, "begin the next stage now",                             NULL,               rollout_wait_options,  rollout_command_advance},
    {"policy show",        NULL,       0, 0, "list the rules that admins set",                       NULL,               CONFIG_AND_JSON,       policy_command_show},
    {"policy set",         "NAME VALUE", 2, 2, "set a rule",                                         policy_set_details, CONFIG_AND_JSON,       policy_command_set},
    {"policy reset",       "NAME",     1, 1, "put a rule back to its default",                       policy_set_details, CONFIG_AND_JSON,       policy_command_reset},
    {"audit verify",       NULL,       0, 0, "check the audit trail's chain",                        NULL,               CONFIG_AND_JSON,       trail_command_verify},
    {"backup-db",          "FILE",     1, 1, "copy the live database to FILE and verify the copy",   NULL,               CONFIG_AND_JSON,       ops_command_backup_db},
    {"restore-db",         "FILE",     1, 1, "put a copy back; the server must be stopped",          NULL,               CONFIG_AND_JSON,       ops_command_restore_db},
    {"check-config",       NULL,       0, 0, "check the configuration file and print what is in force", NULL,            CONFIG_AND_JSON,       ops_command_check_config},
    {"version",            NULL,       0, 0, "print the version",                                    NULL,               CONFIG_AND_JSON,       ops_command_version},
    {.name = NULL},
};
/* clang-format on */

int main(int argc, char **argv)
{
    static const struct cli_program program = {
        .name = "muster-app",
        .summary = "looks after a fleet of hosts",
        .commands = commands,
        .footer = "AGENT and CONFIG are an id or a name, ROLLOUT an id or a version, RUN an id. Exit codes: 0 done, 1 "
                  "failed, 2 "
                  "misuse or bad configuration.",
    };
    jsonread_wipe_freed();
    return cli_main(&program, argc, argv, NULL);
}
