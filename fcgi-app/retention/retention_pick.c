#include "retention/retention_pick.h"

#include <stdlib.h>
#include <string.h>

const char *const retention_chain_sorts[] = {"newest", "size", "runs", NULL};
const char *const retention_preview_sorts[] = {"newest", "size", "runs", "action", NULL};

/* --- which --- */

static bool matches_id(const struct retention_kept *k, const struct list_ask *ask)
{
    bool found = list_found(ask, k->chain_id);
    for (size_t i = 0; !found && i < k->runs.count; i++)
        found = list_found(ask, k->run_ids[i]);
    return found;
}

static bool matches_reason(const struct retention_kept *k, const struct list_ask *ask)
{
    bool found = false;
    for (const struct retention_reason *r = k->verdict.reasons; !found && r != NULL; r = r->next)
        found = list_found(ask, r->text);
    return found;
}

static bool is_asked_for(const struct retention_kept *k, const struct retention_pick *pick)
{
    const char *only = pick->only != NULL ? pick->only : "", *action = pick->action != NULL ? pick->action : "";
    if (strcmp(only, "restorable") == 0 && !k->verdict.restorable)
        return false;
    if (strcmp(only, "broken") == 0 && k->verdict.restorable)
        return false;
    if (strcmp(only, "pinned") == 0 && !k->pinned)
        return false;
    if (action[0] != '\0' && k->verdict.keep != (strcmp(action, "keep") == 0))
        return false;
    return matches_id(k, &pick->ask) || (pick->action != NULL && matches_reason(k, &pick->ask));
}

/* --- in which order --- */

static int compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int by_newest(const void *a, const void *b)
{
    const struct retention_kept *c = a, *d = b;
    int order = compare(c->verdict.newest_ms, d->verdict.newest_ms);
    return order != 0 ? order : strcmp(c->chain_id, d->chain_id);
}

static int by_size(const void *a, const void *b)
{
    int order = compare(((const struct retention_kept *)a)->size, ((const struct retention_kept *)b)->size);
    return order != 0 ? order : by_newest(a, b);
}

static int by_runs(const void *a, const void *b)
{
    int order = compare((int64_t)((const struct retention_kept *)a)->runs.count,
                        (int64_t)((const struct retention_kept *)b)->runs.count);
    return order != 0 ? order : by_newest(a, b);
}

/* What goes stands before what stays. */
static int by_action(const void *a, const void *b)
{
    int order =
        compare(((const struct retention_kept *)a)->verdict.keep, ((const struct retention_kept *)b)->verdict.keep);
    return order != 0 ? order : by_newest(a, b);
}

static void turn_around(struct retention_view *view)
{
    for (size_t i = 0; i < view->count / 2; i++) {
        struct retention_kept first = view->chains[i];
        view->chains[i] = view->chains[view->count - 1 - i];
        view->chains[view->count - 1 - i] = first;
    }
}

void retention_pick(struct retention_view *view, const struct retention_pick *pick)
{
    static int (*const orders[])(const void *, const void *) = {by_newest, by_size, by_runs, by_action};
    size_t count = 0, order = 0;
    for (size_t i = 0; i < view->count; i++)
        if (is_asked_for(&view->chains[i], pick))
            view->chains[count++] = view->chains[i];
    view->count = count;
    while (retention_preview_sorts[order + 1] != NULL && strcmp(retention_preview_sorts[order], pick->ask.sort) != 0)
        order++;
    qsort(view->chains, view->count, sizeof *view->chains, orders[order]);
    if (pick->ask.descending)
        turn_around(view);
}
