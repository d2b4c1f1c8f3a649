/* init: everything an installation needs before its first start. Safe to repeat: what is there stays. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "auth/auth.h"
#include "auth/first_admin.h"
#include "auth/password.h"
#include "auth/secrets.h"
#include "command.h"
#include "common/buf.h"
#include "common/config.h"
#include "common/encode.h"
#include "common/file.h"
#include "common/wipe.h"
#include "db/backup.h"
#include "db/migrate.h"
#include "db/writer.h"
#include "fleet/ca.h"
#include "ops/ops.h"

const char ops_init_details[] = "Makes what is missing: the secrets, the certificate authority and the web server's "
                                "certificate, the database, and\n"
                                "the first admin. The admin is the one of MUSTER_ADMIN_EMAIL and "
                                "MUSTER_ADMIN_PASSWORD_HASH(_FILE); without them it\n"
                                "is admin@localhost with a random password, which is printed once, as KEY=\"value\" "
                                "lines or JSON, and nowhere else.\n"
                                "A second run changes nothing.";

enum { PASSWORD_LEN = 24, HOST_MAX = 254, HOSTS_MAX = 6 };

struct init {
    const struct settings *settings;
    struct app *app;
    int64_t now_ms;
    bool new_secrets, new_database, new_admin;
    char email[256];
    char password[PASSWORD_LEN + 1]; /* "" unless it was made here */
    char hash[PASSWORD_HASH_SIZE];
};

/* --- the pieces --- */

/* "https://[::1]:8443" -> "::1" */
static void host_of(const char *url, char ret[HOST_MAX])
{
    const char *host = strstr(url, "://");
    host = host != NULL ? host + 3 : url;
    bool bracket = host[0] == '[';
    host += bracket ? 1 : 0;
    (void)snprintf(ret, HOST_MAX, "%.*s", (int)strcspn(host, bracket ? "]" : ":/"), host);
}

static int make_secrets(struct init *i, struct err *err)
{
    char public_host[HOST_MAX], agent_host[HOST_MAX], root[DB_PATH_MAX];
    const struct settings *s = i->settings;
    int len = snprintf(root, sizeof root, "%s/ca.pem", s->secrets_dir);
    if (len < 0 || (size_t)len >= sizeof root)
        return err_set(err, ERR_TOO_BIG, "MUSTER_SECRETS_DIR is too long");
    i->new_secrets = access(root, F_OK) != 0;
    host_of(s->public_url, public_host);
    host_of(s->agent_url, agent_host);
    const char *hosts[HOSTS_MAX] = {"localhost", "127.0.0.1", "::1"};
    size_t count = 3;
    const char *const named[] = {public_host, agent_host};
    for (size_t n = 0; n < 2; n++) {
        bool known = false;
        for (size_t h = 0; h < count; h++)
            known |= strcmp(hosts[h], named[n]) == 0;
        if (!known)
            hosts[count++] = named[n];
    }
    int rc = secrets_init(s->secrets_dir, err);
    if (rc == 0)
        rc = ca_init(&(struct ca_init_options){.dir = s->secrets_dir, .hosts = hosts, .now_ms = i->now_ms}, err);
    return rc;
}

static int make_directory_of(const char *path, struct err *err)
{
    char dir[DB_PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path)
        return 0;
    if ((size_t)(slash - path) >= sizeof dir)
        return err_set(err, ERR_TOO_BIG, "path too long: %s", path);
    memcpy(dir, path, (size_t)(slash - path));
    dir[slash - path] = '\0';
    return file_mkdirs(dir, 0700, err);
}

static int make_database(struct init *i, struct err *err)
{
    const struct settings *s = i->settings;
    struct migrate_result result;
    int lock = -1;
    int rc = make_directory_of(s->db_path, err);
    if (rc == 0)
        rc = db_lock(s->db_path, false, &lock, err);
    if (rc == 0) {
        i->new_database = access(s->db_path, F_OK) != 0;
        rc = db_migrate(
            &(struct migrate_options){
                .path = s->db_path, .create = true, .backup_dir = s->backup_dir, .now_ms = i->now_ms},
            &result, err);
    }
    if (lock >= 0)
        (void)close(lock);
    return rc;
}

/* Characters drawn evenly: bytes that would favour the first few of the alphabet are drawn again. */
static int make_password(char ret[PASSWORD_LEN + 1], struct err *err)
{
    size_t len = 0;
    while (len < PASSWORD_LEN) {
        unsigned char byte;
        if (!token_random(&byte, 1))
            return err_set(err, ERR_UNAVAILABLE, "no random numbers");
        if (byte < 62 * 4)
            ret[len++] = base62_alphabet[byte % 62];
    }
    ret[len] = '\0';
    return 0;
}

static int choose_admin(struct init *i, struct err *err)
{
    const struct settings *s = i->settings;
    if (s->admin_email != NULL) {
        (void)snprintf(i->email, sizeof i->email, "%s", s->admin_email);
        (void)snprintf(i->hash, sizeof i->hash, "%s", s->admin_password_hash);
        return 0;
    }
    (void)snprintf(i->email, sizeof i->email, "admin@localhost");
    int rc = make_password(i->password, err);
    return rc != 0 ? rc : password_hash(i->password, strlen(i->password), i->hash, err);
}

/* Looks again inside the write: two inits at once make one admin. */
static int admin_write(struct db *db, void *ctx, struct err *err)
{
    struct init *i = ctx;
    bool exists = false;
    char id[UUID_SIZE];
    int rc = auth_admin_exists(db, &exists, err);
    if (rc != 0 || exists)
        return rc;
    struct auth_user_new user = {
        .email = i->email, .role = ROLE_ADMIN, .password_hash = i->hash, .actor = command_actor(), .now_ms = i->now_ms};
    rc = auth_user_create(db, secrets_audit_key(i->app->secrets), &user, id, err);
    i->new_admin = rc == 0;
    return rc;
}

static int make_admin(struct init *i, struct err *err)
{
    struct db *db = NULL;
    bool exists = false;
    int rc = db_open(&(struct db_options){.path = i->settings->db_path, .read_only = true}, &db, err);
    if (rc == 0)
        rc = auth_admin_exists(db, &exists, err);
    db_close(db);
    if (rc != 0 || exists)
        return rc;
    rc = choose_admin(i, err);
    return rc != 0 ? rc : db_write(i->app->writer, admin_write, i, err);
}

/* --- what is said of it --- */

static void print_text(const struct init *i)
{
    struct buf b;
    buf_init(&b, 4096);
    if (!i->new_secrets && !i->new_database && !i->new_admin)
        (void)fprintf(stderr, "nothing to do: secrets, database and an admin are there\n");
    if (i->new_secrets)
        (void)fprintf(stderr, "made the secrets and the certificate authority in %s\n", i->settings->secrets_dir);
    if (i->new_database)
        (void)fprintf(stderr, "made the database %s\n", i->settings->db_path);
    if (i->new_admin)
        (void)fprintf(stderr, "made the first admin, %s\n", i->email);
    (void)fprintf(stderr, "the root's fingerprint: %s\n", ca_fingerprint(i->app->ca));
    if (i->new_admin && config_write_line(&b, "MUSTER_ADMIN_EMAIL", i->email, NULL) == 0 &&
        (i->password[0] == '\0' || config_write_line(&b, "MUSTER_ADMIN_PASSWORD", i->password, NULL) == 0))
        (void)fputs(buf_str(&b), stdout);
    buf_done_secret(&b);
}

static void print_json(const struct init *i)
{
    json_t *admin = i->new_admin ? json_pack("{s:s, s:s?}", "email", i->email, "password",
                                             i->password[0] != '\0' ? i->password : NULL)
                                 : json_null();
    command_print_json(json_pack("{s:{s:b, s:b, s:b}, s:o, s:s}", "created", "secrets", i->new_secrets ? 1 : 0,
                                 "database", i->new_database ? 1 : 0, "admin", i->new_admin ? 1 : 0, "admin", admin,
                                 "caFingerprint", ca_fingerprint(i->app->ca)));
}

int ops_command_init(const struct cli_args *args, void *ctx)
{
    (void)ctx;
    struct settings *settings = NULL;
    struct err err = {0};
    int exit_code = CLI_OK;
    if (command_settings(args, &settings, &exit_code) != 0)
        return exit_code;
    struct init i = {.settings = settings, .now_ms = clock_now_ms(clock_system())};
    int rc = first_admin_check(settings, &err);
    if (rc == 0)
        rc = make_secrets(&i, &err);
    if (rc == 0)
        rc = make_database(&i, &err);
    if (rc == 0)
        rc = app_open(settings, &(struct app_options){.server = false}, &i.app, &err);
    if (rc == 0)
        rc = make_admin(&i, &err);
    if (rc != 0)
        exit_code = cli_fail(args, CLI_FAILED, &err);
    else if (cli_switch(args, "json"))
        print_json(&i);
    else
        print_text(&i);
    app_close(i.app);
    settings_free(settings);
    wipe(&i, sizeof i);
    return exit_code;
}
