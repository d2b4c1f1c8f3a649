#include "backup/consent.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "age/age.h"
#include "backup/roots.h"

/* --- sources ----------------------------------------------------------------------------------------------------- */

/* The order of paths, with a directory before what is in it. */
static int compare_sources(const void *a, const void *b)
{
    const struct pipeline_source *left = a;
    const struct pipeline_source *right = b;
    return strcmp(left->path, right->path);
}

/* Cleans the paths, drops those that lie inside another one (they would be stored twice), and opens the rest. */
static int open_sources(const struct agent *agent, const struct remote_config *config, struct arena *arena,
                        struct report *report, struct consent *c, struct err *err)
{
    struct pipeline_source *sources = arena_array(arena, config->source_count, sizeof *sources);
    if (sources == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < config->source_count; i++) {
        char clean[PATH_MAX];
        int rc = roots_clean_path(config->sources[i], clean, err);
        if (rc != 0)
            return ERR_DENIED; /* whatever it is, it is inside no root */
        sources[i] = (struct pipeline_source){.path = arena_strdup(arena, clean), .fd = -1};
        if (sources[i].path == NULL)
            return err_set(err, ERR_NOMEM, "out of memory");
    }
    qsort(sources, config->source_count, sizeof *sources, compare_sources);
    c->sources = sources;
    for (size_t i = 0; i < config->source_count; i++) {
        struct pipeline_source source = sources[i];
        bool inside = false;
        for (size_t k = 0; k < c->source_count && !inside; k++)
            inside = roots_contain(sources[k].path, source.path);
        if (inside)
            continue;
        int rc = roots_open_source(agent, source.path, &source.fd, err);
        if (rc != 0 && rc != ERR_NOT_FOUND && rc != ERR_IO)
            return rc;
        if (rc != 0)
            report_outcome(report, source.path, REPORT_UNREADABLE, "%s",
                           rc == ERR_NOT_FOUND ? "is not there" : err->msg);
        sources[c->source_count++] = source;
    }
    return 0;
}

/* --- recipients -------------------------------------------------------------------------------------------------- */

static bool has(const char *const *list, size_t count, const char *item)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], item) == 0)
            return true;
    return false;
}

/* AGE_RECIPIENTS, each of which must be one. */
static int own_recipients(const struct agent *agent, struct arena *arena, const char ***ret, size_t *ret_count,
                          struct err *err)
{
    const char **list = arena_array(arena, AGE_RECIPIENTS_MAX, sizeof *list);
    const char *at = NULL, *word;
    size_t count = 0;
    if (list == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    while ((word = config_word(agent->config, "AGE_RECIPIENTS", &at)) != NULL) {
        if (count == AGE_RECIPIENTS_MAX)
            return err_set(err, ERR_DENIED, "AGE_RECIPIENTS has more than %d entries", AGE_RECIPIENTS_MAX);
        if (age_recipient_check(word, err) != 0) {
            (void)err_prefix(err, "AGE_RECIPIENTS");
            return ERR_DENIED;
        }
        list[count++] = word;
    }
    *ret = list;
    *ret_count = count;
    return 0;
}

static int choose_recipients(const struct agent *agent, const struct remote_config *config, struct arena *arena,
                             struct consent *c, struct err *err)
{
    const char **own = NULL;
    size_t own_count = 0;
    int rc = own_recipients(agent, arena, &own, &own_count, err);
    if (rc != 0)
        return rc;
    if (own_count == 0 && (config->encryption || config->recipient_count > 0))
        return err_set(err, ERR_DENIED, "the backup is to be encrypted, and AGE_RECIPIENTS of this host names nobody");
    for (size_t i = 0; i < config->recipient_count; i++)
        if (!has(own, own_count, config->recipients[i]))
            return err_set(err, ERR_DENIED, "recipient %.80s is not in AGE_RECIPIENTS of this host",
                           config->recipients[i]);
    if (config->recipient_count > AGE_RECIPIENTS_MAX)
        return err_set(err, ERR_DENIED, "there are more than %d recipients", AGE_RECIPIENTS_MAX);
    c->recipients = config->recipient_count > 0 ? config->recipients : own;
    c->recipient_count = config->recipient_count > 0 ? config->recipient_count : own_count;
    return 0;
}

/* --- all of it --------------------------------------------------------------------------------------------------- */

static int find_hooks(const struct agent *agent, const struct remote_config *config, struct arena *arena,
                      struct consent *c, struct err *err)
{
    int rc = 0;
    if (config->pre_hook != NULL)
        rc = hooks_find(agent, config->pre_hook, arena, &c->pre, err);
    if (rc == 0 && config->post_hook != NULL)
        rc = hooks_find(agent, config->post_hook, arena, &c->post, err);
    return rc;
}

static int64_t smaller_limit(int64_t a, int64_t b)
{
    return a == 0 ? b : b == 0 || a < b ? a : b;
}

int consent_ask(const struct agent *agent, const struct remote_config *config, struct arena *arena,
                struct report *report, struct consent *ret, struct err *err)
{
    enum { KIB = 1024 };
    *ret = (struct consent){.rate_bytes =
                                smaller_limit(config->rate_bytes, config_int(agent->config, "BACKUP_RATE_KBPS") * KIB)};
    int rc = choose_recipients(agent, config, arena, ret, err);
    if (rc == 0)
        rc = find_hooks(agent, config, arena, ret, err);
    return rc == 0 ? open_sources(agent, config, arena, report, ret, err) : rc;
}

void consent_close(struct consent *c)
{
    for (size_t i = 0; i < c->source_count; i++)
        if (c->sources[i].fd >= 0)
            (void)close(c->sources[i].fd);
    c->source_count = 0;
}
