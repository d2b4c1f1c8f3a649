/* Any bytes as one piece of TUF metadata; the first says of which kind. Every reader of what parsed then runs over it.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tuf/tuf_role.h"
#include "tuf/tuf_search.h"
#include "tuf_seeds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_role(const struct tuf_role *role, struct tuf_meta *m)
{
    struct err err = {0};
    int rc = tuf_role_verify(role, m, &err);
    assert(rc == 0 || rc == ERR_DENIED);
    assert(!tuf_role_rotated(role, role));
}

static void read_root(struct tuf_meta *m)
{
    for (int kind = 0; kind < TUF_KINDS; kind++) {
        struct tuf_role role;
        tuf_role_of_root(m, (enum tuf_kind)kind, &role);
        assert(role.threshold > 0);
        read_role(&role, m);
        tuf_role_done(&role);
    }
}

static void read_files(const struct tuf_meta *m, const char *must)
{
    struct err err;
    struct tuf_file file;
    assert(tuf_meta_file(m, must, &file) && file.version > 0);
    (void)!tuf_file_check(&file, span_of("muster"), &err);
}

/* The role delegates to itself under other names: as deep as it gets. */
static void search(struct tuf_meta *m, const char *path)
{
    struct err err;
    struct tuf_search s;
    const struct tuf_step *step;
    int rc = tuf_search_init(&s, path, &err);
    size_t steps = 0;
    while (rc == 0 && (rc = tuf_search_enter(&s, m, &err)) == 0 && (step = tuf_search_next(&s)) != NULL) {
        read_role(&step->role, m);
        assert(step->name[0] != '\0' && ++steps <= TUF_VISITED_MAX);
    }
    tuf_search_done(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tuf_meta *m = NULL;
    struct err err = {0};
    if (size == 0)
        return 0;
    enum tuf_kind kind = (enum tuf_kind)(data[0] % TUF_KINDS);
    struct span text = {.ptr = (const char *)data + 1, .len = size - 1};
    if (tuf_meta_parse(kind, text, &m, &err) != 0) {
        assert(err.code == ERR_INVALID && m == NULL);
        return 0;
    }
    assert(m->kind == kind && m->version > 0 && m->body != NULL);
    if (kind == TUF_ROOT)
        read_root(m);
    else if (kind == TUF_TIMESTAMP)
        read_files(m, "snapshot.json");
    else if (kind == TUF_SNAPSHOT)
        read_files(m, "targets.json");
    else {
        search(m, "a");
        search(m, "a/b");
    }
    tuf_meta_free(m);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    static const char *const seeds[TUF_KINDS] = {
        [TUF_ROOT] = "\0" SEED_ROOT("1"),
        [TUF_TIMESTAMP] = "\1" SEED_TIMESTAMP("1"),
        [TUF_SNAPSHOT] = "\2" SEED_SNAPSHOT("1"),
        [TUF_TARGETS] = "\3" SEED_TARGETS("1"),
    };
    const char *text = seeds[seed % TUF_KINDS];
    return tuf_mutate(text, 1 + strlen(text + 1), data, size, max_size);
}
