#include "tuf/tuf_search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tuf/tuf_path.h"

int tuf_search_init(struct tuf_search *s, const char *path, struct err *err)
{
    *s = (struct tuf_search){.path = path};
    s->stack = calloc(TUF_STACK_MAX, sizeof s->stack[0]);
    if (s->stack == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    return tuf_digest_hex(TUF_SHA256, span_of(path), s->digest, err);
}

static void drop_stack(struct tuf_search *s)
{
    while (s->depth > 0)
        tuf_role_done(&s->stack[--s->depth].role);
}

void tuf_search_done(struct tuf_search *s)
{
    drop_stack(s);
    tuf_role_done(&s->step.role);
    free(s->stack);
    s->stack = NULL;
}

static bool covers(const struct tuf_search *s, const json_t *delegation)
{
    const json_t *paths = json_object_get(delegation, "paths");
    const json_t *prefixes = json_object_get(delegation, "path_hash_prefixes");
    for (size_t i = 0; i < json_array_size(paths); i++)
        if (tuf_path_match(json_string_value(json_array_get(paths, i)), s->path))
            return true;
    for (size_t i = 0; i < json_array_size(prefixes); i++) {
        const char *prefix = json_string_value(json_array_get(prefixes, i));
        if (strncmp(s->digest, prefix, strlen(prefix)) == 0)
            return true;
    }
    return false;
}

/* How many delegations of the role count: up to the first that covers the path and is terminating, which it includes
 * and which ends what waited before too. */
static size_t count_until_terminating(struct tuf_search *s, const json_t *roles)
{
    for (size_t i = 0; i < json_array_size(roles); i++) {
        const json_t *delegation = json_array_get(roles, i);
        if (json_is_true(json_object_get(delegation, "terminating")) && covers(s, delegation)) {
            drop_stack(s);
            return i + 1;
        }
    }
    return json_array_size(roles);
}

int tuf_search_enter(struct tuf_search *s, const struct tuf_meta *targets, struct err *err)
{
    const json_t *roles = json_object_get(json_object_get(targets->body, "delegations"), "roles");
    for (size_t i = count_until_terminating(s, roles); i > 0; i--) {
        const json_t *delegation = json_array_get(roles, i - 1);
        if (!covers(s, delegation))
            continue;
        if (s->depth == TUF_STACK_MAX)
            return err_set(err, ERR_TOO_BIG, "more than %d delegations wait", TUF_STACK_MAX);
        struct tuf_step *step = &s->stack[s->depth++];
        (void)snprintf(step->name, sizeof step->name, "%s", json_string_value(json_object_get(delegation, "name")));
        tuf_role_of_delegation(targets, delegation, &step->role);
    }
    return 0;
}

static bool visited(const struct tuf_search *s, const char *name)
{
    for (size_t i = 0; i < s->visited_count; i++)
        if (strcmp(s->visited[i], name) == 0)
            return true;
    return false;
}

const struct tuf_step *tuf_search_next(struct tuf_search *s)
{
    tuf_role_done(&s->step.role);
    while (s->depth > 0 && s->visited_count < TUF_VISITED_MAX) {
        s->step = s->stack[--s->depth];
        if (!visited(s, s->step.name)) {
            (void)snprintf(s->visited[s->visited_count++], sizeof s->visited[0], "%s", s->step.name);
            return &s->step;
        }
        tuf_role_done(&s->step.role);
    }
    return NULL;
}
