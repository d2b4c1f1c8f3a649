/* GET /api/search: a few of each kind of thing whose name has a text in it, and the pages themselves. What a person may
 * not see is not found. */
#include <string.h>

#include "http/list.h"
#include "http/problem.h"
#include "ops/ops.h"
#include "ops/viewer.h"

enum { OF_EACH = 6 };

static const struct kind {
    const char *name;
    enum db_statement statement;
    const char *place; /* of its page, before the id */
} kinds[] = {
    {"agent", DB_SEARCH_AGENTS, "/agents/"},       {"config", DB_SEARCH_CONFIGS, "/configs/"},
    {"run", DB_SEARCH_RUNS, "/backups/"},          {"release", DB_SEARCH_RELEASES, "/releases/"},
    {"rollout", DB_SEARCH_ROLLOUTS, "/rollouts/"}, {"user", DB_SEARCH_USERS, "/users/"},
};

static const struct page {
    const char *title, *href, *words; /* what it may be looked for by besides */
    enum role least;
} pages[] = {
    {"Overview", "/", "home start health", ROLE_VIEWER},
    {"Agents", "/agents", "hosts fleet", ROLE_VIEWER},
    {"Add an agent", "/add", "enrol one-time password", ROLE_OPERATOR},
    {"Backups", "/backups", "runs storage", ROLE_VIEWER},
    {"Add a backup", "/configs/new", "config schedule", ROLE_OPERATOR},
    {"Releases", "/releases", "updates versions", ROLE_VIEWER},
    {"Rollouts", "/rollouts", "updates", ROLE_VIEWER},
    {"Start a rollout", "/rollouts/new", "update", ROLE_OPERATOR},
    {"Containers", "/containers", "images updates", ROLE_VIEWER},
    {"My account", "/account", "password second factor passkeys sessions devices tokens", ROLE_VIEWER},
    {"Users", "/users", "people invitations roles", ROLE_ADMIN},
    {"Audit log", "/audit", "trail who did what", ROLE_ADMIN},
    {"Settings", "/settings", "rules limits retention", ROLE_ADMIN},
};

static int add(json_t *results, const char *kind, const char *id, const char *title, const char *detail, json_t *href,
               struct err *err)
{
    json_t *item =
        json_pack("{s:s,s:s,s:s,s:s,s:o}", "kind", kind, "id", id, "title", title, "detail", detail, "href", href);
    return json_array_append_new(results, item) == 0 ? 0 : err_set(err, ERR_NOMEM, "out of memory");
}

/* The pattern is "%text%". */
static bool has(const char *text, const char *pattern)
{
    char lower[LIST_PATTERN_SIZE];
    list_pattern(text, lower);
    size_t wanted = strlen(pattern) >= 2 ? strlen(pattern) - 2 : 0;
    return memmem(lower, strlen(lower), pattern + (wanted > 0), wanted) != NULL;
}

static int add_pages(const struct req *r, const char *pattern, json_t *results, struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof pages / sizeof pages[0]; i++) {
        const struct page *p = &pages[i];
        if (r->principal.role >= p->least && (pattern[0] == '\0' || has(p->title, pattern) || has(p->words, pattern)))
            rc = add(results, "page", p->href, p->title, "", json_string(p->href), err);
    }
    return rc;
}

static int add_kind(struct req *r, const struct kind *kind, const char *pattern, json_t *results, struct err *err)
{
    struct db_rows rows;
    int rc = db_query(r->db, kind->statement,
                      DB_ARGS(DB_TEXT("q", pattern), DB_TEXT("start", pattern + 1),
                              DB_TEXT("viewer", viewer_of(&r->principal)), DB_INT("limit", OF_EACH)),
                      &rows, err);
    while (rc == 0 && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        const char *id = db_rows_text(&rows, 0);
        rc = add(results, kind->name, id, db_rows_text(&rows, 1), db_rows_text(&rows, 2),
                 json_sprintf("%s%s", kind->place, id), err);
    }
    db_rows_done(&rows);
    return rc;
}

void ops_search(struct req *r)
{
    char pattern[LIST_PATTERN_SIZE];
    struct err err = {0};
    const char *q = list_filter(r, "q", "");
    if (strlen(q) > LIST_Q_MAX) {
        reply_invalid_field(r, "", "q", "q may have at most 120 bytes");
        return;
    }
    list_pattern(q, pattern);
    json_t *results = json_array();
    int rc = add_pages(r, pattern, results, &err);
    for (size_t i = 0; rc == 0 && pattern[0] != '\0' && i < sizeof kinds / sizeof kinds[0]; i++)
        rc = add_kind(r, &kinds[i], pattern, results, &err);
    if (rc != 0) {
        json_decref(results);
        reply_error(r, &err);
        return;
    }
    reply_json(r, 200, json_pack("{s:o}", "results", results));
}
