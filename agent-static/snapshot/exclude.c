#include "snapshot/exclude.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct pattern {
    const char *text; /* without the marks that the flags stand for */
    bool take_in;     /* "!" */
    bool directories; /* "/" at the end */
    bool tied;        /* to the source; else it is matched against the name alone */
    bool rooted;      /* a slash in front: may be a whole path */
    bool plain;       /* no wildcard in it */
};

struct excludes {
    size_t count;
    struct pattern *patterns;
    char *texts; /* one block for all */
};

/* --- globs ------------------------------------------------------------------------------------------------------- */

typedef int class_test(int c);

static bool in_class(const char *name, size_t len, unsigned char c)
{
    static const struct {
        const char *name;
        class_test *test;
    } classes[] = {
        {"alnum", isalnum}, {"alpha", isalpha}, {"blank", isblank}, {"cntrl", iscntrl},
        {"digit", isdigit}, {"graph", isgraph}, {"lower", islower}, {"print", isprint},
        {"punct", ispunct}, {"space", isspace}, {"upper", isupper}, {"xdigit", isxdigit},
    };
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (strlen(classes[i].name) == len && memcmp(classes[i].name, name, len) == 0)
            return c < 0x80 && classes[i].test(c) != 0;
    return false;
}

/* One item of a bracket: a class, a range or a character; *at moves past it. False when the bracket does not end. */
static bool bracket_item(const char **at, unsigned char c, bool *ret_hit)
{
    const char *p = *at;
    if (p[0] == '[' && p[1] == ':') {
        const char *end = strchr(p + 2, ']');
        if (end == NULL)
            return false;
        if (end > p + 2 && end[-1] == ':') { /* else it is a bracket with these characters in it */
            *ret_hit = in_class(p + 2, (size_t)(end - p - 3), c);
            *at = end + 1;
            return true;
        }
    }
    if (*p == '\\')
        p++;
    unsigned char low = (unsigned char)*p++;
    unsigned char high = low;
    if (low == '\0')
        return false;
    if (p[0] == '-' && p[1] != ']' && p[1] != '\0') {
        p += p[1] == '\\' ? 2 : 1;
        high = (unsigned char)*p++;
        if (high == '\0')
            return false;
    }
    *ret_hit = c >= low && c <= high;
    *at = p;
    return true;
}

/* Whether c is in the bracket that starts at *at, behind its "["; *at moves past its end. */
static bool bracket_matches(const char **at, unsigned char c)
{
    const char *p = *at;
    bool negated = *p == '!' || *p == '^';
    bool any = false;
    if (negated)
        p++;
    do {
        bool hit = false;
        if (!bracket_item(&p, c, &hit))
            return false;
        any = any || hit;
    } while (*p != ']');
    *at = p + 1;
    return any != negated && c != '/';
}

/* One character of text, which is not its end, against one item of the pattern that is no star; *at moves past it. */
static bool item_matches(const char **at, unsigned char c)
{
    const char *p = (*at)++;
    switch (*p) {
    case '\0': return false;
    case '?': return c != '/';
    case '[': return bracket_matches(at, c);
    case '\\':
        if (p[1] == '\0')
            return false;
        (*at)++;
        return (unsigned char)p[1] == c;
    default: return (unsigned char)*p == c;
    }
}

/* "**" as a whole component of the pattern; *ret_after is then what follows it and its slash. */
static bool is_double_star(const char *pattern, const char *p, const char **ret_after)
{
    if (p[0] != '*' || p[1] != '*' || (p > pattern && p[-1] != '/'))
        return false;
    while (*p == '*')
        p++;
    if (*p != '\0' && *p != '/')
        return false;
    *ret_after = *p == '/' ? p + 1 : p;
    return true;
}

/* Two places to come back to are enough: what an earlier star could match instead, the last one of its kind can, too.
 */
bool exclude_glob(const char *pattern, const char *text)
{
    const char *p = pattern;
    const char *star = NULL, *star_text = NULL; /* behind the last "*", and how far it reaches */
    const char *deep = NULL, *deep_text = NULL; /* behind the last double star */
    for (;;) {
        const char *after;
        if (is_double_star(pattern, p, &after)) {
            if (*after == '\0') /* at the end: all that is inside, or, after its slash, what is a directory */
                return *text != '\0';
            p = deep = after;
            deep_text = text;
            star = NULL;
            continue;
        }
        if (*p == '*') {
            while (*p == '*')
                p++;
            star = p;
            star_text = text;
            continue;
        }
        if (*text == '\0' && *p == '\0')
            return true;
        if (*text != '\0' && item_matches(&p, (unsigned char)*text)) {
            text++;
            continue;
        }
        if (star != NULL && *star_text != '\0' && *star_text != '/') {
            p = star;
            text = ++star_text;
            continue;
        }
        const char *slash = deep == NULL ? NULL : strchr(deep_text, '/');
        if (slash == NULL)
            return false;
        p = deep;
        text = deep_text = slash + 1;
        star = NULL;
    }
}

/* --- patterns ---------------------------------------------------------------------------------------------------- */

/* The length without the spaces at the end, unless a backslash keeps one. */
static size_t trimmed_length(const char *s)
{
    size_t len = 0;
    for (size_t i = 0; s[i] != '\0'; i++) {
        if (s[i] == '\\' && s[i + 1] != '\0')
            len = ++i + 1;
        else if (s[i] != ' ')
            len = i + 1;
    }
    return len;
}

/* Puts the pattern's text at room, which has space for all of source. False: it is a comment or blank. */
static bool parse(const char *source, char *room, struct pattern *ret)
{
    size_t len = trimmed_length(source);
    struct pattern p = {.text = room};
    if (len == 0 || source[0] == '#')
        return false;
    if (source[0] == '!') {
        p.take_in = true;
        source++;
        len--;
    }
    if (len > 0 && source[len - 1] == '/') {
        p.directories = true;
        len--;
    }
    p.rooted = len > 0 && source[0] == '/';
    p.tied = p.rooted || memchr(source, '/', len) != NULL;
    memcpy(room, source, len);
    room[len] = '\0';
    p.plain = strpbrk(room, "*?[\\") == NULL;
    *ret = p;
    return len > 0;
}

int excludes_new(const char *const *patterns, size_t count, struct excludes **ret, struct err *err)
{
    size_t bytes = 1;
    for (size_t i = 0; i < count; i++)
        bytes += strlen(patterns[i]) + 1;
    struct excludes *e = calloc(1, sizeof *e);
    if (e == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    e->patterns = calloc(count == 0 ? 1 : count, sizeof *e->patterns);
    e->texts = malloc(bytes);
    if (e->patterns == NULL || e->texts == NULL) {
        excludes_free(e);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    char *room = e->texts;
    for (size_t i = 0; i < count; i++) {
        if (!parse(patterns[i], room, &e->patterns[e->count]))
            continue;
        e->count++;
        room += strlen(room) + 1;
    }
    *ret = e;
    return 0;
}

void excludes_free(struct excludes *e)
{
    if (e == NULL)
        return;
    free(e->patterns);
    free(e->texts);
    free(e);
}

static bool text_matches(const struct pattern *p, const char *pattern, const char *text)
{
    return p->plain ? strcmp(pattern, text) == 0 : exclude_glob(pattern, text);
}

/* path: whole; below: without the source and its slash. */
static bool pattern_matches(const struct pattern *p, const char *path, size_t source_len, const char *below,
                            const char *name)
{
    if (!p->tied)
        return text_matches(p, p->text, name);
    if (!p->rooted)
        return text_matches(p, p->text, below);
    if (text_matches(p, p->text + 1, below))
        return true;
    return strncmp(p->text, path, source_len) == 0 && p->text[source_len] == '/' &&
           text_matches(p, p->text + source_len + 1, below);
}

bool excludes_match(const struct excludes *e, const char *path, size_t source_len, bool directory)
{
    if (e == NULL || e->count == 0)
        return false;
    const char *below = path + source_len;
    if (*below == '/')
        below++;
    const char *slash = strrchr(below, '/');
    const char *name = slash == NULL ? below : slash + 1;
    for (size_t i = e->count; i-- > 0;) {
        const struct pattern *p = &e->patterns[i];
        if ((!p->directories || directory) && pattern_matches(p, path, source_len, below, name))
            return !p->take_in;
    }
    return false;
}
