#include "update/image.h"

#include <stdio.h>
#include <string.h>

#include "common/cursor.h"

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGIT "0123456789"

enum { DIGEST_HEX = 64 };

static size_t span_run(struct span s, const char *of)
{
    size_t n = 0;
    while (n < s.len && s.ptr[n] != '\0' && strchr(of, s.ptr[n]) != NULL)
        n++;
    return n;
}

static bool all_of(struct span s, const char *of)
{
    return s.len > 0 && span_run(s, of) == s.len;
}

/* Groups of letters and digits with ".", "_", "__" or dashes between them. */
static bool is_path_component(struct span s)
{
    while (s.len > 0) {
        size_t n = span_run(s, LOWER DIGIT);
        if (n == 0)
            return false;
        s = (struct span){.ptr = s.ptr + n, .len = s.len - n};
        if (s.len == 0)
            return true;
        n = s.ptr[0] == '-' ? span_run(s, "-") : span_run(s, s.ptr[0] == '.' ? "." : "_");
        if (n == 0 || (s.ptr[0] == '.' && n > 1) || (s.ptr[0] == '_' && n > 2))
            return false;
        s = (struct span){.ptr = s.ptr + n, .len = s.len - n};
    }
    return false;
}

/* A host name or IPv4 address, perhaps with a port. */
static bool is_registry(struct span s)
{
    struct cursor c;
    struct span host;
    struct span label;
    cursor_init(&c, s);
    if (!cursor_field(&c, ':', &host))
        return false;
    bool port_fits = host.len == s.len || all_of((struct span){.ptr = c.at, .len = (size_t)(c.end - c.at)}, DIGIT);
    cursor_init(&c, host);
    bool any = false;
    while (cursor_field(&c, '.', &label)) {
        any = true;
        if (!all_of(label, LOWER UPPER DIGIT "-") || label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
            return false;
    }
    return any && port_fits && host.len > 0 && host.ptr[host.len - 1] != '.';
}

static bool is_repository(struct span s)
{
    struct cursor c;
    struct span part;
    bool first = true;
    cursor_init(&c, s);
    if (s.len == 0 || s.len >= IMAGE_REPOSITORY_SIZE || s.ptr[s.len - 1] == '/')
        return false;
    while (cursor_field(&c, '/', &part)) {
        bool alone = part.len == s.len;
        if (!is_path_component(part) && !(first && !alone && is_registry(part)))
            return false;
        first = false;
    }
    return true;
}

static bool is_tag(struct span s)
{
    return s.len < IMAGE_TAG_SIZE && all_of(s, LOWER UPPER DIGIT "_.-") && s.ptr[0] != '.' && s.ptr[0] != '-';
}

static bool is_digest(struct span s)
{
    static const char prefix[] = "sha256:";
    size_t skip = sizeof prefix - 1;
    return s.len == skip + DIGEST_HEX && memcmp(s.ptr, prefix, skip) == 0 &&
           all_of((struct span){.ptr = s.ptr + skip, .len = DIGEST_HEX}, DIGIT "abcdef");
}

/* Cuts what comes after the last mark off s; an empty span when the mark is not there. */
static struct span cut_last(struct span *s, char mark)
{
    for (size_t i = s->len; i > 0 && s->ptr[i - 1] != '/'; i--) {
        if (s->ptr[i - 1] != mark)
            continue;
        struct span tail = {.ptr = s->ptr + i, .len = s->len - i};
        s->len = i - 1;
        return tail;
    }
    return (struct span){.ptr = NULL, .len = 0};
}

static void keep(char *to, size_t size, struct span s)
{
    (void)snprintf(to, size, "%.*s", (int)s.len, s.ptr != NULL ? s.ptr : "");
}

int image_parse(const char *text, struct image *ret, struct err *err)
{
    struct span rest = span_of(text);
    if (rest.len >= IMAGE_SIZE)
        return err_set(err, ERR_INVALID, "an image reference of more than %d bytes", IMAGE_SIZE - 1);
    struct span digest = cut_last(&rest, '@');
    struct span tag = cut_last(&rest, ':');
    if (digest.ptr != NULL && !is_digest(digest))
        return err_set(err, ERR_INVALID, "\"%.200s\": the digest is not sha256: and 64 hex digits", text);
    if (tag.ptr != NULL && !is_tag(tag))
        return err_set(err, ERR_INVALID, "\"%.200s\": what follows the colon is no tag", text);
    if (!is_repository(rest))
        return err_set(err, ERR_INVALID, "\"%.200s\" is not an image as registry/name:tag", text);
    keep(ret->repository, sizeof ret->repository, rest);
    keep(ret->tag, sizeof ret->tag, tag);
    keep(ret->digest, sizeof ret->digest, digest);
    return 0;
}

bool image_is_exact(const struct image *image)
{
    return image->tag[0] != '\0' || image->digest[0] != '\0';
}
