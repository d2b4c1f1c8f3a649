/* A whole refresh whose files are pieces of the input, divided by zero bytes, in the order in which they are asked for.
 * Whatever comes: versions never go back, and nothing is trusted that has expired. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "tuf/tuf_trust.h"
#include "tuf_seeds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW_MS = 1000 };

static struct span next_piece(struct cursor *c)
{
    struct span piece = {.ptr = "", .len = 0};
    (void)cursor_field(c, '\0', &piece);
    return piece;
}

static void next_root(struct tuf_trust *t, struct cursor *c)
{
    struct err err = {0};
    bool rotated;
    int64_t before = t->root->version;
    int rc = tuf_trust_next_root(t, next_piece(c), &rotated, &err);
    assert(t->root->version == before + (rc == 0));
}

static int timestamp(struct tuf_trust *t, struct cursor *c)
{
    struct err err = {0};
    bool new = false;
    (void)!tuf_trust_stored_timestamp(t, next_piece(c), &err);
    int64_t before = t->timestamp != NULL ? t->timestamp->version : 0;
    int rc = tuf_trust_timestamp(t, next_piece(c), &new, &err);
    assert(t->timestamp == NULL || t->timestamp->version >= before);
    assert(!new || t->timestamp->version > before);
    return rc == 0 ? tuf_trust_last_timestamp(t, &err) : rc;
}

static int snapshot(struct tuf_trust *t, struct cursor *c)
{
    struct err err = {0};
    struct tuf_file promised;
    struct tuf_wanted wanted;
    assert(t->timestamp->expires_ms > NOW_MS && tuf_meta_file(t->timestamp, "snapshot.json", &promised));
    (void)!tuf_trust_stored_snapshot(t, next_piece(c), &err);
    (void)!tuf_trust_want(t, "snapshot", &wanted, &err);
    int rc = tuf_trust_snapshot(t, next_piece(c), &err);
    if (rc == 0)
        assert(t->snapshot->version == promised.version && t->snapshot->expires_ms > NOW_MS);
    return tuf_trust_last_snapshot(t, &err);
}

static void targets(struct tuf_trust *t, struct cursor *c)
{
    struct err err = {0};
    struct tuf_file promised;
    struct tuf_wanted wanted;
    (void)!tuf_trust_want(t, "targets", &wanted, &err);
    if (tuf_trust_targets(t, next_piece(c), &err) == 0)
        assert(tuf_meta_file(t->snapshot, "targets.json", &promised) && t->targets->version == promised.version &&
               t->targets->expires_ms > NOW_MS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tuf_trust t;
    struct cursor c;
    struct err err = {0};
    cursor_init(&c, (struct span){.ptr = (const char *)data, .len = size});
    int rc = tuf_trust_init(&t, next_piece(&c), NOW_MS, &err);
    if (rc == 0)
        next_root(&t, &c);
    if (rc == 0)
        rc = tuf_trust_last_root(&t, &err);
    if (rc == 0)
        rc = timestamp(&t, &c);
    if (rc == 0)
        rc = snapshot(&t, &c);
    if (rc == 0)
        targets(&t, &c);
    tuf_trust_done(&t);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static const char text[] = SEED_ROOT("1") "\0" SEED_ROOT("2") "\0" SEED_TIMESTAMP("1") "\0" SEED_TIMESTAMP(
        "2") "\0" SEED_SNAPSHOT("1") "\0" SEED_SNAPSHOT("2") "\0" SEED_TARGETS("2");
    (void)seed;
    return tuf_mutate(text, sizeof text - 1, data, size, max_size);
}
