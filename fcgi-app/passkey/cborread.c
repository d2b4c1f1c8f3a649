#include "passkey/cborread.h"

enum major { UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE };

enum { FALSE_VALUE = 20, TRUE_VALUE = 21, NULL_VALUE = 22 };

void cborread_init(struct cborread *c, struct span bytes)
{
    c->at = bytes.ptr;
    c->end = bytes.ptr + bytes.len;
}

bool cborread_done(const struct cborread *c)
{
    return c->at == c->end;
}

/* Only the shortest form: the same thing has one spelling, whoever reads it. */
static bool head(struct cborread *c, enum major *ret_major, uint64_t *ret_value)
{
    static const uint64_t least[] = {24, 0x100, 0x10000, 0x100000000};
    if (c->at == c->end)
        return false;
    unsigned char first = (unsigned char)*c->at;
    unsigned info = first & 31;
    uint64_t value = info;
    size_t extra = 0;
    if (info >= 24) {
        if (info > 27)
            return false;
        extra = (size_t)1 << (info - 24);
        if ((size_t)(c->end - c->at) - 1 < extra)
            return false;
        value = 0;
        for (size_t i = 1; i <= extra; i++)
            value = value << 8 | (unsigned char)c->at[i];
        if (value < least[info - 24])
            return false;
    }
    *ret_major = (enum major)(first >> 5);
    *ret_value = value;
    c->at += 1 + extra;
    return true;
}

static bool string(struct cborread *c, enum major want, struct span *ret)
{
    struct cborread from = *c;
    enum major major;
    uint64_t len;
    if (!head(&from, &major, &len) || major != want || len > (uint64_t)(from.end - from.at))
        return false;
    *ret = (struct span){from.at, (size_t)len};
    from.at += len;
    *c = from;
    return true;
}

bool cborread_text(struct cborread *c, struct span *ret)
{
    return string(c, TEXT, ret);
}

bool cborread_bytes(struct cborread *c, struct span *ret)
{
    return string(c, BYTES, ret);
}

bool cborread_map(struct cborread *c, size_t *ret_pairs)
{
    struct cborread from = *c;
    enum major major;
    uint64_t pairs;
    /* A pair takes two bytes at least. */
    if (!head(&from, &major, &pairs) || major != MAP || pairs > (uint64_t)(from.end - from.at) / 2)
        return false;
    *ret_pairs = (size_t)pairs;
    *c = from;
    return true;
}

bool cborread_int(struct cborread *c, int64_t *ret)
{
    struct cborread from = *c;
    enum major major;
    uint64_t value;
    if (!head(&from, &major, &value) || (major != UNSIGNED && major != NEGATIVE) || value > INT64_MAX)
        return false;
    *ret = major == UNSIGNED ? (int64_t)value : -1 - (int64_t)value;
    *c = from;
    return true;
}

static bool skip(struct cborread *c, int depth)
{
    struct cborread from = *c;
    struct span ignored;
    enum major major;
    uint64_t value;
    if (depth > CBORREAD_DEPTH_MAX || !head(&from, &major, &value))
        return false;
    switch (major) {
    case UNSIGNED:
    case NEGATIVE: break;
    case BYTES:
    case TEXT: return string(c, major, &ignored);
    case ARRAY:
    case MAP:
        if (value > (uint64_t)(from.end - from.at))
            return false;
        for (uint64_t items = major == MAP ? value * 2 : value; items > 0; items--)
            if (!skip(&from, depth + 1))
                return false;
        break;
    case SIMPLE:
        if (value < FALSE_VALUE || value > NULL_VALUE)
            return false;
        break;
    case TAG: return false;
    }
    *c = from;
    return true;
}

bool cborread_skip(struct cborread *c)
{
    return skip(c, 1);
}
