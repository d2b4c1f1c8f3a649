/* The table of routes, by area. Matching is in route.c. */
#include "audit/trail.h"
#include "auth/auth.h"
#include "backup/backup.h"
#include "fleet/fleet.h"
#include "live/live.h"
#include "mfa/mfa.h"
#include "ops/ops.h"
#include "passkey/passkey.h"
#include "people/people.h"
#include "policy/policy.h"
#include "rollout/rollout.h"
#include "route.h"
#include "token/token.h"
#include "update/update.h"

#define KIB(n) ((size_t)(n)*1024)

/* clang-format off */
const struct route routes[] = {
    /* method      path                                 listener    permission           CSRF         body       schema             scope          step-up     handler */

    /* ops: is it well, and how much does it do */
    {HTTP_GET,    "/health",                            HTTP_BOTH,  PERMISSION_PUBLIC,   CSRF_NONE,   0,         NULL,              SCOPE_NONE,    STEP_NONE,  ops_health},
    {HTTP_GET,    "/health/live",                       HTTP_BOTH,  PERMISSION_PUBLIC,   CSRF_NONE,   0,         NULL,              SCOPE_NONE,    STEP_NONE,  ops_health_live},
    {HTTP_GET,    "/health/ready",                      HTTP_BOTH,  PERMISSION_PUBLIC,   CSRF_NONE,   0,         NULL,              SCOPE_NONE,    STEP_NONE,  ops_health_ready},
    {HTTP_GET,    "/metrics",                           HTTP_ADMIN, PERMISSION_PUBLIC,   CSRF_NONE,   0,         NULL,              SCOPE_NONE,    STEP_NONE,  ops_metrics},
    {HTTP_GET,    "/api/overview",                      HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  ops_overview},
    {HTTP_GET,    "/api/alerts",                        HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  ops_alert_list},
    {HTTP_POST,   "/api/alerts/{id}/acknowledge",       HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_TOKEN,  0,         NULL,              SCOPE_FLEET,   STEP_NONE,  ops_alert_acknowledge},

    /* live: what changes, and one place to look for everything */
    {HTTP_GET,    "/api/live",                          HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_NONE,    STEP_NONE,  live_stream},
    {HTTP_GET,    "/api/search",                        HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  ops_search},

    /* auth: people */
    {HTTP_POST,   "/api/auth/login",                    HTTP_ADMIN, PERMISSION_PUBLIC,   CSRF_ORIGIN, KIB(8),    "Login",           SCOPE_NONE,    STEP_NONE,  auth_login},
    {HTTP_POST,   "/api/auth/logout",                   HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_TOKEN,  KIB(1),    NULL,              SCOPE_NONE,    STEP_NONE,  auth_logout},
    {HTTP_GET,    "/api/auth/session",                  HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_NONE,    STEP_NONE,  auth_session},
    {HTTP_POST,   "/api/auth/mfa/verify",               HTTP_ADMIN, PERMISSION_PUBLIC,   CSRF_ORIGIN, KIB(16),   "MfaVerify",       SCOPE_NONE,    STEP_NONE,  auth_mfa_verify},
    {HTTP_GET,    "/api/auth/sessions",                 HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_NONE,    STEP_NONE,  auth_session_list},
    {HTTP_DELETE, "/api/auth/sessions",                 HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_TOKEN,  0,         NULL,              SCOPE_NONE,    STEP_NONE,  auth_session_revoke_others},
    {HTTP_DELETE, "/api/auth/sessions/{id}",            HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_TOKEN,  0,         NULL,              SCOPE_NONE,    STEP_NONE,  auth_session_revoke},
    {HTTP_GET,    "/api/auth/devices",                  HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_NONE,    STEP_NONE,  auth_device_list},
    {HTTP_DELETE, "/api/auth/devices",                  HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_TOKEN,  0,         NULL,              SCOPE_NONE,    STEP_NONE,  auth_device_revoke_all},
    {HTTP_DELETE, "/api/auth/devices/{id}",             HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_TOKEN,  0,         NULL,              SCOPE_NONE,    STEP_NONE,  auth_device_revoke},
    {HTTP_POST,   "/api/auth/password",                 HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_TOKEN,  KIB(8),    "PasswordChange",  SCOPE_NONE,    STEP_FRESH, auth_password},
    {HTTP_POST,   "/api/auth/step-up",                  HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_TOKEN,  KIB(8),    "StepUp",          SCOPE_NONE,    STEP_NONE,  auth_step_up},

    /* token: what programs sign in with */
    {HTTP_POST,   "/api/auth/refresh",                  HTTP_ADMIN, PERMISSION_PUBLIC,   CSRF_ORIGIN, KIB(4),    "Refresh",         SCOPE_NONE,    STEP_NONE,  token_refresh},
    {HTTP_GET,    "/api/auth/tokens",                   HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_NONE,    STEP_NONE,  token_list},
    {HTTP_POST,   "/api/auth/tokens",                   HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_TOKEN,  KIB(4),    "AccessTokenNew",  SCOPE_NONE,    STEP_FRESH, token_create},
    {HTTP_DELETE, "/api/auth/tokens/{id}",              HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_TOKEN,  0,         NULL,              SCOPE_NONE,    STEP_NONE,  token_revoke},

    /* mfa: one-time codes and backup codes */
    {HTTP_GET,    "/api/auth/mfa",                      HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_NONE,    STEP_NONE,  mfa_get},
    {HTTP_POST,   "/api/auth/mfa/setup",                HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_TOKEN,  KIB(1),    NULL,              SCOPE_NONE,    STEP_FRESH, mfa_setup},
    {HTTP_POST,   "/api/auth/mfa/enable",               HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_TOKEN,  KIB(1),    NULL,              SCOPE_NONE,    STEP_NONE,  mfa_enable},
    {HTTP_POST,   "/api/auth/mfa/disable",              HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_TOKEN,  KIB(8),    "MfaDisable",      SCOPE_NONE,    STEP_NONE,  mfa_disable},
    {HTTP_POST,   "/api/auth/mfa/backup-codes",         HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_TOKEN,  KIB(1),    NULL,              SCOPE_NONE,    STEP_ONCE,  mfa_backup_codes},
    {HTTP_POST,   "/api/users/{id}/reset-mfa",          HTTP_ADMIN, PERMISSION_ADMIN,    CSRF_TOKEN,  KIB(1),    NULL,              SCOPE_NONE,    STEP_ONCE,  mfa_user_reset},
    /* people: accounts, invitations, grants */
    {HTTP_GET,    "/api/users",                         HTTP_ADMIN, PERMISSION_ADMIN,    CSRF_NONE,   0,         NULL,              SCOPE_NONE,    STEP_NONE,  people_list},
    {HTTP_GET,    "/api/users/{id}",                    HTTP_ADMIN, PERMISSION_ADMIN,    CSRF_NONE,   0,         NULL,              SCOPE_NONE,    STEP_NONE,  people_get},
    {HTTP_PATCH,  "/api/users/{id}",                    HTTP_ADMIN, PERMISSION_ADMIN,    CSRF_TOKEN,  KIB(8),    "UserChange",      SCOPE_NONE,    STEP_FRESH, people_change},
    {HTTP_DELETE, "/api/users/{id}",                    HTTP_ADMIN, PERMISSION_ADMIN,    CSRF_TOKEN,  0,         NULL,              SCOPE_NONE,    STEP_ONCE,  people_delete},
    {HTTP_POST,   "/api/users/{id}/restore",            HTTP_ADMIN, PERMISSION_ADMIN,    CSRF_TOKEN,  KIB(1),    NULL,              SCOPE_NONE,    STEP_FRESH, people_restore},
    {HTTP_POST,   "/api/users/{id}/password-link",      HTTP_ADMIN, PERMISSION_ADMIN,    CSRF_TOKEN,  KIB(1),    NULL,              SCOPE_NONE,    STEP_ONCE,  people_password_link},
    {HTTP_GET,    "/api/users/{id}/grants",             HTTP_ADMIN, PERMISSION_ADMIN,    CSRF_NONE,   0,         NULL,              SCOPE_NONE,    STEP_NONE,  people_grants},
    {HTTP_PUT,    "/api/users/{id}/grants",             HTTP_ADMIN, PERMISSION_ADMIN,    CSRF_TOKEN,  KIB(64),   "GrantsChange",    SCOPE_NONE,    STEP_FRESH, people_grants_set},
    {HTTP_GET,    "/api/users/{id}/export",             HTTP_ADMIN, PERMISSION_ADMIN,    CSRF_NONE,   0,         NULL,              SCOPE_NONE,    STEP_NONE,  people_export},
    {HTTP_PATCH,  "/api/auth/account",                  HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_TOKEN,  KIB(8),    "AccountChange",   SCOPE_NONE,    STEP_NONE,  people_change_own},
    {HTTP_GET,    "/api/auth/export",                   HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_NONE,    STEP_NONE,  people_export_own},
    {HTTP_GET,    "/api/invitations",                   HTTP_ADMIN, PERMISSION_ADMIN,    CSRF_NONE,   0,         NULL,              SCOPE_NONE,    STEP_NONE,  people_invitation_list},
    {HTTP_POST,   "/api/invitations",                   HTTP_ADMIN, PERMISSION_ADMIN,    CSRF_TOKEN,  KIB(8),    "InvitationCreate", SCOPE_NONE,   STEP_FRESH, people_invitation_create},
    {HTTP_DELETE, "/api/invitations/{id}",              HTTP_ADMIN, PERMISSION_ADMIN,    CSRF_TOKEN,  0,         NULL,              SCOPE_NONE,    STEP_NONE,  people_invitation_revoke},
    {HTTP_POST,   "/api/invitations/look",              HTTP_ADMIN, PERMISSION_PUBLIC,   CSRF_ORIGIN, KIB(8),    "InvitationLook",  SCOPE_NONE,    STEP_NONE,  people_invitation_look},
    {HTTP_POST,   "/api/invitations/accept",            HTTP_ADMIN, PERMISSION_PUBLIC,   CSRF_ORIGIN, KIB(8),    "InvitationAccept", SCOPE_NONE,   STEP_NONE,  people_invitation_accept},

    /* passkey: WebAuthn */
    {HTTP_POST,   "/api/auth/passkeys/challenge",       HTTP_ADMIN, PERMISSION_PUBLIC,   CSRF_ORIGIN, KIB(2),    "PasskeyAsk",      SCOPE_NONE,    STEP_NONE,  passkey_ask_challenge},
    {HTTP_POST,   "/api/auth/passkeys/login",           HTTP_ADMIN, PERMISSION_PUBLIC,   CSRF_ORIGIN, KIB(16),   "PasskeyLogin",    SCOPE_NONE,    STEP_NONE,  passkey_login},
    {HTTP_POST,   "/api/auth/passkeys/options",         HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_TOKEN,  KIB(1),    NULL,              SCOPE_NONE,    STEP_FRESH, passkey_options},
    {HTTP_GET,    "/api/auth/passkeys",                 HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_NONE,    STEP_NONE,  passkey_list},
    {HTTP_POST,   "/api/auth/passkeys",                 HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_TOKEN,  KIB(32),   "PasskeyNew",      SCOPE_NONE,    STEP_NONE,  passkey_add},
    {HTTP_PATCH,  "/api/auth/passkeys/{id}",            HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_TOKEN,  KIB(1),    "PasskeyChange",   SCOPE_NONE,    STEP_NONE,  passkey_rename},
    {HTTP_DELETE, "/api/auth/passkeys/{id}",            HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_TOKEN,  KIB(2),    NULL,              SCOPE_NONE,    STEP_ONCE,  passkey_delete},
    /* audit: the trail of what was done */
    {HTTP_GET,    "/api/audit",                         HTTP_ADMIN, PERMISSION_ADMIN,    CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  trail_list},
    {HTTP_GET,    "/api/audit/export",                  HTTP_ADMIN, PERMISSION_ADMIN,    CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  trail_export},
    {HTTP_GET,    "/api/audit/verified",                HTTP_ADMIN, PERMISSION_ADMIN,    CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  trail_verified},
    {HTTP_POST,   "/api/audit/verify",                  HTTP_ADMIN, PERMISSION_ADMIN,    CSRF_TOKEN,  0,         NULL,              SCOPE_NONE,    STEP_NONE,  trail_verify},

    /* policy: the rules an admin sets */
    {HTTP_GET,    "/api/policy",                        HTTP_ADMIN, PERMISSION_ADMIN,    CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  policy_show},
    {HTTP_PATCH,  "/api/policy",                        HTTP_ADMIN, PERMISSION_ADMIN,    CSRF_TOKEN,  KIB(8),    "PolicyChange",    SCOPE_NONE,    STEP_FRESH, policy_change},

    /* fleet: agents as people see them */
    {HTTP_GET,    "/api/agents",                        HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  fleet_agent_list},
    {HTTP_POST,   "/api/agents",                        HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(8),    "AgentRegister",   SCOPE_ENROL,   STEP_FRESH, fleet_agent_register},
    {HTTP_POST,   "/api/agent/register",                HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(8),    "AgentRegister",   SCOPE_ENROL,   STEP_FRESH, fleet_agent_register},
    {HTTP_GET,    "/api/agents/{id}",                   HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  fleet_agent_get},
    {HTTP_PATCH,  "/api/agents/{id}",                   HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(8),    "AgentChange",     SCOPE_FLEET,   STEP_NONE,  fleet_agent_change},
    {HTTP_POST,   "/api/agents/{id}/deactivate",        HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(1),    NULL,              SCOPE_FLEET,   STEP_NONE,  fleet_agent_deactivate},
    {HTTP_POST,   "/api/agents/{id}/activate",          HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(1),    NULL,              SCOPE_FLEET,   STEP_NONE,  fleet_agent_activate},
    {HTTP_POST,   "/api/agents/{id}/approve",           HTTP_ADMIN, PERMISSION_ADMIN,    CSRF_TOKEN,  KIB(1),    NULL,              SCOPE_FLEET,   STEP_FRESH, fleet_agent_approve},
    {HTTP_DELETE, "/api/agents/{id}",                   HTTP_ADMIN, PERMISSION_ADMIN,    CSRF_TOKEN,  0,         NULL,              SCOPE_FLEET,   STEP_ONCE,  fleet_agent_delete},
    {HTTP_GET,    "/api/agents/{id}/events",            HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  fleet_agent_events},
    {HTTP_POST,   "/api/agents/bulk",                   HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(64),   "AgentBulk",       SCOPE_FLEET,   STEP_NONE,  fleet_agent_bulk},
    {HTTP_POST,   "/api/agents/bulk/update",            HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(64),   "AgentBulkUpdate", SCOPE_ROLLOUT, STEP_FRESH, fleet_agent_bulk_update},
    {HTTP_GET,    "/api/otps",                          HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_NONE,   0,         NULL,              SCOPE_ENROL,   STEP_NONE,  fleet_otp_list},
    {HTTP_POST,   "/api/otps",                          HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(8),    "OtpMint",         SCOPE_ENROL,   STEP_FRESH, fleet_otp_mint},
    {HTTP_DELETE, "/api/otps/{id}",                     HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  0,         NULL,              SCOPE_ENROL,   STEP_NONE,  fleet_otp_revoke},

    /* rollouts: which agents get which release */
    {HTTP_GET,    "/api/rollouts",                      HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  rollout_list},
    {HTTP_POST,   "/api/rollouts",                      HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(64),   "RolloutCreate",   SCOPE_ROLLOUT, STEP_FRESH, rollout_create},
    {HTTP_GET,    "/api/rollouts/{id}",                 HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  rollout_get},
    {HTTP_PATCH,  "/api/rollouts/{id}",                 HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(16),   "RolloutChange",   SCOPE_ROLLOUT, STEP_NONE,  rollout_change},
    {HTTP_GET,    "/api/rollouts/{id}/members",         HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  rollout_members},
    {HTTP_POST,   "/api/rollouts/{id}/pause",           HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(1),    NULL,              SCOPE_ROLLOUT, STEP_NONE,  rollout_pause},
    {HTTP_POST,   "/api/rollouts/{id}/resume",          HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(1),    NULL,              SCOPE_ROLLOUT, STEP_NONE,  rollout_resume},
    {HTTP_POST,   "/api/rollouts/{id}/abort",           HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(1),    NULL,              SCOPE_ROLLOUT, STEP_NONE,  rollout_abort},
    {HTTP_POST,   "/api/rollouts/{id}/rollback",        HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(1),    NULL,              SCOPE_ROLLOUT, STEP_FRESH, rollout_rollback},
    {HTTP_POST,   "/api/rollouts/{id}/advance",         HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(1),    NULL,              SCOPE_ROLLOUT, STEP_FRESH, rollout_advance},
    {HTTP_GET,    "/api/agents/{id}/updates",           HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  rollout_agent_updates},
    {HTTP_POST,   "/api/agents/{id}/update",            HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(1),    "AgentUpdate",     SCOPE_ROLLOUT, STEP_FRESH, rollout_agent_update},
    {HTTP_POST,   "/api/agents/{id}/k8s-rollout",       HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(1),    "AgentUpdate",     SCOPE_ROLLOUT, STEP_FRESH, rollout_agent_k8s},
    {HTTP_GET,    "/api/containers",                    HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  rollout_container_list},

    /* fleet: what agents call */
    {HTTP_POST,   "/api/agent/enroll",                  HTTP_AGENT, PERMISSION_PUBLIC,   CSRF_NONE,   KIB(16),   "Enroll",          SCOPE_NONE,    STEP_NONE,  fleet_enroll},
    {HTTP_POST,   "/api/agent/renew",                   HTTP_AGENT, PERMISSION_AGENT,    CSRF_NONE,   KIB(16),   "Renew",           SCOPE_NONE,    STEP_NONE,  fleet_renew},
    {HTTP_POST,   "/api/agent/heartbeat",               HTTP_AGENT, PERMISSION_AGENT,    CSRF_NONE,   KIB(16),   "Heartbeat",       SCOPE_NONE,    STEP_NONE,  fleet_heartbeat},
    {HTTP_POST,   "/api/agent/events",                  HTTP_AGENT, PERMISSION_AGENT,    CSRF_NONE,   KIB(1024), "Events",          SCOPE_NONE,    STEP_NONE,  fleet_events},
    {HTTP_POST,   "/api/agent/log",                     HTTP_AGENT, PERMISSION_AGENT,    CSRF_NONE,   KIB(64),   "AgentLog",        SCOPE_NONE,    STEP_NONE,  fleet_log},
    {HTTP_GET,    "/api/agent/commands",                HTTP_AGENT, PERMISSION_AGENT,    CSRF_NONE,   0,         NULL,              SCOPE_NONE,    STEP_NONE,  fleet_commands},
    {HTTP_GET,    "/api/agent/ca-bundle",               HTTP_AGENT, PERMISSION_AGENT,    CSRF_NONE,   0,         NULL,              SCOPE_NONE,    STEP_NONE,  fleet_ca_bundle},

    /* update: releases */
    {HTTP_GET,    "/api/releases",                      HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  release_route_list},
    {HTTP_GET,    "/api/releases/{version}",            HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  release_route_get},

    /* backup: as people see it */
    {HTTP_GET,    "/api/configs",                       HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  backup_config_list},
    {HTTP_POST,   "/api/configs",                       HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(64),   "ConfigChange",    SCOPE_BACKUP,  STEP_NONE,  backup_config_create},
    {HTTP_GET,    "/api/configs/{id}",                  HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  backup_config_get},
    {HTTP_PUT,    "/api/configs/{id}",                  HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(64),   "ConfigChange",    SCOPE_BACKUP,  STEP_NONE,  backup_config_change},
    {HTTP_DELETE, "/api/configs/{id}",                  HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  0,         NULL,              SCOPE_BACKUP,  STEP_ONCE,  backup_config_delete},
    {HTTP_POST,   "/api/configs/{id}/run",              HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(1),    NULL,              SCOPE_BACKUP,  STEP_NONE,  backup_config_run},
    {HTTP_GET,    "/api/runs",                          HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  backup_run_list},
    {HTTP_GET,    "/api/runs/{id}",                     HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  backup_run_get},
    {HTTP_POST,   "/api/runs/{id}/cancel",              HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(1),    NULL,              SCOPE_BACKUP,  STEP_NONE,  backup_run_cancel},
    {HTTP_GET,    "/api/agents/{id}/runs",              HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  backup_agent_runs},
    {HTTP_GET,    "/api/runs/{id}/files",               HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  backup_run_files},
    {HTTP_POST,   "/api/runs/{id}/restore",             HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(64),   "RunRestore",      SCOPE_RESTORE, STEP_FRESH, backup_run_restore},
    {HTTP_POST,   "/api/runs/{id}/verify",              HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(4),    "RunVerify",       SCOPE_BACKUP,  STEP_NONE,  backup_run_verify},
    {HTTP_GET,    "/api/jobs",                          HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  backup_job_list},
    {HTTP_GET,    "/api/jobs/{id}",                     HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  backup_job_get},
    {HTTP_POST,   "/api/jobs/{id}/cancel",              HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(1),    NULL,              SCOPE_BACKUP,  STEP_NONE,  backup_job_cancel},
    {HTTP_GET,    "/api/configs/{id}/chains",           HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  backup_chain_list},
    {HTTP_GET,    "/api/configs/{id}/retention",        HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  backup_retention_preview},
    {HTTP_PUT,    "/api/runs/{id}/pin",                 HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  KIB(1),    NULL,              SCOPE_BACKUP,  STEP_NONE,  backup_run_pin},
    {HTTP_DELETE, "/api/runs/{id}/pin",                 HTTP_ADMIN, PERMISSION_OPERATOR, CSRF_TOKEN,  0,         NULL,              SCOPE_BACKUP,  STEP_NONE,  backup_run_unpin},
    {HTTP_DELETE, "/api/chains/{id}",                   HTTP_ADMIN, PERMISSION_ADMIN,    CSRF_TOKEN,  0,         NULL,              SCOPE_BACKUP,  STEP_ONCE,  backup_chain_delete},
    {HTTP_GET,    "/api/storage",                       HTTP_ADMIN, PERMISSION_VIEWER,   CSRF_NONE,   0,         NULL,              SCOPE_READ,    STEP_NONE,  backup_storage},

    /* backup: what agents call */
    {HTTP_GET,    "/api/agent/configs",                 HTTP_AGENT, PERMISSION_AGENT,    CSRF_NONE,   0,         NULL,              SCOPE_NONE,    STEP_NONE,  backup_agent_configs},
    {HTTP_POST,   "/api/agent/backup/start",            HTTP_AGENT, PERMISSION_AGENT,    CSRF_NONE,   KIB(16),   "BackupStart",     SCOPE_NONE,    STEP_NONE,  backup_start},
    {HTTP_POST,   "/api/agent/backup/parts",            HTTP_AGENT, PERMISSION_AGENT,    CSRF_NONE,   KIB(16),   "BackupPart",      SCOPE_NONE,    STEP_NONE,  backup_part},
    {HTTP_POST,   "/api/agent/backup/progress",         HTTP_AGENT, PERMISSION_AGENT,    CSRF_NONE,   KIB(16),   "BackupProgress",  SCOPE_NONE,    STEP_NONE,  backup_progress},
    {HTTP_POST,   "/api/agent/backup/complete",         HTTP_AGENT, PERMISSION_AGENT,    CSRF_NONE,   KIB(1024), "BackupComplete",  SCOPE_NONE,    STEP_NONE,  backup_complete},
    {HTTP_POST,   "/api/agent/restore",                 HTTP_AGENT, PERMISSION_AGENT,    CSRF_NONE,   KIB(16),   "Restore",         SCOPE_NONE,    STEP_NONE,  backup_restore},
    {HTTP_POST,   "/api/agent/backup/verified",         HTTP_AGENT, PERMISSION_AGENT,    CSRF_NONE,   KIB(16),   "BackupVerified",  SCOPE_NONE,    STEP_NONE,  backup_verified},
    {HTTP_POST,   "/api/agent/backup/job",              HTTP_AGENT, PERMISSION_AGENT,    CSRF_NONE,   KIB(1024), "BackupJob",       SCOPE_NONE,    STEP_NONE,  backup_job_report},
    {HTTP_GET,    "/api/agent/backups",                 HTTP_AGENT, PERMISSION_AGENT,    CSRF_NONE,   0,         NULL,              SCOPE_NONE,    STEP_NONE,  backup_agent_backups},

    /* backup: the local object store; bodies never reach the app (nginx writes them to a file) */
    {HTTP_GET,    "/objects/{path...}",                 HTTP_AGENT, PERMISSION_SIGNED,   CSRF_NONE,   0,         NULL,              SCOPE_NONE,    STEP_NONE,  backup_object_get},
    {HTTP_HEAD,   "/objects/{path...}",                 HTTP_AGENT, PERMISSION_SIGNED,   CSRF_NONE,   0,         NULL,              SCOPE_NONE,    STEP_NONE,  backup_object_get},
    {HTTP_PUT,    "/objects/{path...}",                 HTTP_AGENT, PERMISSION_SIGNED,   CSRF_NONE,   0,         NULL,              SCOPE_NONE,    STEP_NONE,  backup_object_put},

    {.path = NULL},
};
/* clang-format on */
