#include "agent.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/log.h"
#include "net/trusttime.h"
#include "settings.h"

/* The public struct borrows from here. */
struct agent_owner {
    struct agent agent; /* first, so that one pointer serves for both */
    char config_path[PATH_MAX];
    char state_dir[PATH_MAX];
    char server_url[512];
};

static const char *given_text(const struct config *c, const char *key)
{
    const char *text = config_text(c, key);
    return text != NULL && text[0] != '\0' ? text : NULL;
}

static int copy_text(const char *from, char *to, size_t size, const char *what, struct err *err)
{
    if (snprintf(to, size, "%s", from) >= (int)size)
        return err_set(err, ERR_INVALID, "%s: too long", what);
    return 0;
}

static void start_log(const struct config *c)
{
    enum log_level level = LOG_INFO;
    enum log_format format = LOG_TEXT;
    (void)log_level_parse(config_text(c, "LOG_LEVEL"), &level);
    (void)log_format_parse(config_text(c, "LOG_FORMAT"), &format);
    log_init(STDERR_FILENO, level, format);
}

/* Whoever can put files there decides which CA we trust, and so who may ask for what this host backs up. */
static int check_state_dir(const char *dir, struct err *err)
{
    struct stat st;
    if (stat(dir, &st) != 0)
        return err_sys(err, ERR_IO, "%s", dir);
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return err_set(err, ERR_DENIED, "%.200s belongs to another user", dir);
    return 0;
}

static int open_state_dir(struct agent_owner *o, bool look_only, struct err *err)
{
    int rc = copy_text(config_text(o->agent.config, "STATE_DIR"), o->state_dir, sizeof o->state_dir, "STATE_DIR", err);
    if (rc != 0)
        return rc;
    for (size_t len = strlen(o->state_dir); len > 1 && o->state_dir[len - 1] == '/'; len--)
        o->state_dir[len - 1] = '\0';
    o->agent.state_dir = o->state_dir;
    if (look_only && access(o->state_dir, F_OK) != 0 && errno == ENOENT)
        return 0;
    rc = look_only ? 0 : file_mkdirs(o->state_dir, 0700, err);
    if (rc == 0 && access(o->state_dir, W_OK | X_OK) != 0)
        rc = err_sys(err, ERR_IO, "%s", o->state_dir);
    if (rc == 0)
        rc = check_state_dir(o->state_dir, err);
    if (rc != 0) {
        (void)err_prefix(err, "STATE_DIR");
        return ERR_IO; /* whatever it was, it is not the configuration's fault */
    }
    char clock_path[PATH_MAX];
    rc = agent_state_path(&o->agent, "clock", clock_path, err);
    if (rc == 0)
        trusttime_load(clock_path);
    return rc;
}

static int load_identity(struct agent *a, struct err *err)
{
    char path[PATH_MAX];
    const char *id = given_text(a->config, "AGENT_ID");
    if (id != NULL) { /* settings.c saw to it that API_KEY is there too, and that both fit */
        (void)snprintf(a->identity.id, sizeof a->identity.id, "%s", id);
        (void)snprintf(a->identity.api_key, sizeof a->identity.api_key, "%s", config_text(a->config, "API_KEY"));
    } else {
        int rc = agent_state_path(a, "identity.json", path, err);
        if (rc == 0)
            rc = identity_load(path, &a->identity, err);
        if (rc != 0 && rc != ERR_NOT_FOUND)
            return rc == ERR_DENIED ? ERR_DENIED : ERR_CORRUPT;
    }
    int rc = agent_state_path(a, "ca.pem", path, err);
    if (rc == 0)
        a->identity.ca_rev = identity_ca_rev(path);
    return rc;
}

/* agent.conf names the server; without that, the one where this host enrolled. */
static int find_server(struct agent_owner *o, struct err *err)
{
    const char *url = given_text(o->agent.config, "SERVER_URL");
    if (url == NULL && o->agent.identity.server_url[0] != '\0')
        url = o->agent.identity.server_url;
    if (url == NULL)
        return 0;
    int rc = copy_text(url, o->server_url, sizeof o->server_url, "SERVER_URL", err);
    if (rc != 0)
        return rc;
    for (size_t len = strlen(o->server_url); len > 0 && o->server_url[len - 1] == '/'; len--)
        o->server_url[len - 1] = '\0';
    o->agent.server_url = o->server_url;
    return 0;
}

static int fill(struct agent_owner *o, const char *config_path, bool look_only, struct err *err)
{
    struct agent *a = &o->agent;
    int rc = settings_load(config_path, &a->config, err);
    if (rc != 0)
        return rc;
    start_log(a->config);
    if (config_path != NULL) {
        rc = copy_text(config_path, o->config_path, sizeof o->config_path, "--config", err);
        a->config_path = o->config_path;
    }
    a->clock = trusttime_clock();
    if (rc == 0)
        rc = open_state_dir(o, look_only, err);
    if (rc == 0)
        rc = load_identity(a, err);
    if (rc == 0)
        rc = find_server(o, err);
    if (rc != 0)
        return rc;
    a->deployment = deployment_detect(config_text(a->config, "DEPLOYMENT_MODE"), getenv("KUBERNETES_SERVICE_HOST"), "");
    if (gethostname(a->hostname, sizeof a->hostname) != 0 || a->hostname[0] == '\0')
        (void)snprintf(a->hostname, sizeof a->hostname, "localhost");
    a->hostname[sizeof a->hostname - 1] = '\0';
    return 0;
}

static int open_agent(const char *config_path, bool look_only, struct agent **ret, struct err *err)
{
    struct agent_owner *o = calloc(1, sizeof *o);
    if (o == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = fill(o, config_path, look_only, err);
    if (rc != 0) {
        agent_close(&o->agent);
        return rc;
    }
    *ret = &o->agent;
    return 0;
}

int agent_open(const char *config_path, struct agent **ret, struct err *err)
{
    return open_agent(config_path, false, ret, err);
}

int agent_look(const char *config_path, struct agent **ret, struct err *err)
{
    return open_agent(config_path, true, ret, err);
}

void agent_close(struct agent *a)
{
    if (a == NULL)
        return;
    identity_done(&a->identity);
    config_free(a->config);
    free(a); /* the first member of its owner */
}

bool agent_enrolled(const struct agent *a)
{
    return a->identity.id[0] != '\0';
}

int agent_state_path(const struct agent *a, const char *name, char *ret, struct err *err)
{
    if (snprintf(ret, PATH_MAX, "%s/%s", a->state_dir, name) >= PATH_MAX)
        return err_set(err, ERR_TOO_BIG, "STATE_DIR: path too long");
    return 0;
}
