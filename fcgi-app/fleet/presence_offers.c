/* Updates in the presence table: what agents are offered, and what they say.
 *
 * An offer is part of what the database says of an agent and is read with the rest. When offers change, the entries
 * they are for hear of it one by one: having all entries read again, as other changes do, would cost a hundred thousand
 * readings for every handful of offers, second after second for as long as a rollout lasts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/encode.h"
#include "fleet/presence_private.h"

enum { OFFERS_AT_ONCE = 500, COLUMN_OFFER = 20, COLUMN_REV = 25, COLUMN_REPORT = 26 };

/* --- offers --- */

/* False when memory is out: the entry keeps what it had. */
static bool set_offer(struct updates *u, const struct update_offer *offer, int64_t rev)
{
    if (offer != NULL && u->offer == NULL) {
        u->offer = malloc(sizeof *u->offer);
        if (u->offer == NULL)
            return false;
    }
    if (offer != NULL) {
        *u->offer = *offer;
    } else {
        free(u->offer);
        u->offer = NULL;
    }
    u->offer_rev = rev;
    return true;
}

static bool is_idle(const struct update_report *r)
{
    return r->state == UPDATE_IDLE && r->version[0] == '\0' && r->reason[0] == '\0' && r->rollout_id[0] == '\0' &&
           r->workload[0] == '\0';
}

/* A copy of the report in *slot; NULL stands for an idle one. False when memory is out. */
static bool keep(struct update_report **slot, const struct update_report *report)
{
    if (is_idle(report)) {
        free(*slot);
        *slot = NULL;
        return true;
    }
    if (*slot == NULL)
        *slot = malloc(sizeof **slot);
    if (*slot != NULL)
        **slot = *report;
    return *slot != NULL;
}

void presence_updates_load(struct presence_entry *fresh, const struct db_rows *rows)
{
    struct update_offer offer;
    struct update_report report;
    bool offered = update_offer_of_row(rows, COLUMN_OFFER, &offer);
    if (!set_offer(&fresh->updates, offered ? &offer : NULL, db_rows_int(rows, COLUMN_REV, 0)))
        fresh->updates.offer_rev = 0;
    update_report_of_row(rows, COLUMN_REPORT, &report);
    (void)keep(&fresh->updates.written, &report); /* without memory it is written once more */
}

void presence_updates_refresh(struct presence_entry *e, struct presence_entry *fresh)
{
    struct updates *u = &e->updates, *f = &fresh->updates;
    if (f->offer_rev > u->offer_rev) {
        struct update_offer *old = u->offer;
        u->offer = f->offer;
        u->offer_rev = f->offer_rev;
        f->offer = old;
    }
    /* Another server may have written later; what waits here to be written is later still. */
    if (u->report == NULL) {
        struct update_report *old = u->written;
        u->written = f->written;
        f->written = old;
    }
}

bool presence_offer(struct presence_entry *e, struct update_offer *ret)
{
    presence_lock(e);
    bool offered = e->updates.offer != NULL;
    if (offered)
        *ret = *e->updates.offer;
    presence_unlock(e);
    return offered;
}

/* --- offers that changed --- */

struct news {
    unsigned char key[DIGEST_SIZE];
    bool offered;
    struct update_offer offer;
    int64_t rev;
};

struct page {
    struct news list[OFFERS_AT_ONCE];
    size_t count;
};

static int read_page(struct db *db, struct offers_place *place, struct page *page, struct err *err)
{
    struct db_rows rows;
    page->count = 0;
    int rc =
        db_query(db, DB_UPDATE_OFFER_SINCE,
                 DB_ARGS(DB_INT("rev", place->rev), DB_TEXT("agent", place->agent_id), DB_INT("limit", OFFERS_AT_ONCE)),
                 &rows, err);
    while (rc == 0 && page->count < OFFERS_AT_ONCE && (rc = db_rows_next(&rows, err)) == DB_ROW) {
        struct news *n = &page->list[page->count];
        const char *hash = db_rows_text(&rows, 0), *id = db_rows_text(&rows, 7);
        n->offered = update_offer_of_row(&rows, 1, &n->offer);
        n->rev = db_rows_int(&rows, 6, place->rev);
        place->rev = n->rev;
        (void)snprintf(place->agent_id, sizeof place->agent_id, "%s", id != NULL ? id : "");
        bool ok = hash != NULL && hex_decode(hash, n->key, sizeof n->key);
        page->count++;
        rc = ok ? 0 : err_set(err, ERR_CORRUPT, "the key's hash of agent %s is none", place->agent_id);
    }
    db_rows_done(&rows);
    return rc;
}

static void tell(struct presence *p, const struct news *n)
{
    struct presence_entry *e = presence_find_locked(p, n->key);
    if (e == NULL)
        return;
    if (n->rev > e->updates.offer_rev && !set_offer(&e->updates, n->offered ? &n->offer : NULL, n->rev))
        e->generation = 0; /* to be read again, when there is memory */
    presence_unlock(e);
}

/* The table is empty when the server starts, so what was offered before need not be told. */
static int begin(struct presence *p, struct db *db, struct err *err)
{
    struct db_rows rows;
    int rc = db_query_one(db, DB_CHANGE_GET, DB_ARGS(DB_TEXT("topic", "rollouts")), &rows, err);
    if (rc != DB_ROW)
        return rc;
    p->offers_told = (struct offers_place){.rev = db_rows_int(&rows, 0, 0), .agent_id = "~"};
    db_rows_done(&rows);
    atomic_fetch_add(&p->offers_epoch, 1);
    p->offers_begun = true;
    return 0;
}

/* The epoch moves after the reading and before the telling. Whoever has read an entry's row before that reading, and
 * puts the entry into the table after the telling, sees that it moved; see presence_acquire. */
int presence_offers_changed(struct presence *p, struct db *db, struct err *err)
{
    if (!p->offers_begun)
        return begin(p, db, err);
    struct page *page = malloc(sizeof *page);
    if (page == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    int rc = 0;
    do {
        struct offers_place place = p->offers_told;
        rc = read_page(db, &place, page, err);
        if (rc != 0)
            break;
        atomic_fetch_add(&p->offers_epoch, 1);
        for (size_t i = 0; i < page->count; i++)
            tell(p, &page->list[i]);
        p->offers_told = place;
    } while (page->count == OFFERS_AT_ONCE);
    free(page);
    return rc;
}

/* --- reports --- */

void presence_report(struct presence_entry *e, const struct update_report *report)
{
    static const struct update_report idle = {.state = UPDATE_IDLE, .percent = UPDATE_NO_PERCENT};
    presence_lock(e);
    struct updates *u = &e->updates;
    if (update_report_differs(u->written != NULL ? u->written : &idle, report)) {
        struct update_report *queued = u->report != NULL ? u->report : malloc(sizeof *queued);
        if (queued != NULL && keep(&u->written, report)) {
            *queued = *report;
            u->report = queued;
            e->dirty = true;
        } else if (queued != u->report) {
            free(queued); /* it says so again with its next heartbeat */
        }
    }
    presence_unlock(e);
}
