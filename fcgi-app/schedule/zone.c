#include "schedule/zone.h"

#include <glib.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DAY_S = 24 * 3600 };

struct zone {
    GTimeZone *tz;
};

/* GLib also takes paths and rules like "EST5EDT4,M3…"; and its file readers trust what they read. */
static bool name_is_plain(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";
    size_t len = strlen(name);
    return len > 0 && len <= ZONE_NAME_MAX && strspn(name, letters) == len && name[0] != '/' && name[len - 1] != '/' &&
           strstr(name, "//") == NULL;
}

/* tzdata's folder holds other files, too, and clocks that count leap seconds. */
static bool is_of_tzdata(const char *name)
{
    const char *dir = getenv("TZDIR"); /* as GLib does */
    char path[PATH_MAX];
    char magic[4] = "";
    if (strncmp(name, "right/", 6) == 0)
        return false;
    int len = snprintf(path, sizeof path, "%s/%s", dir != NULL ? dir : "/usr/share/zoneinfo", name);
    FILE *file = len < (int)sizeof path ? fopen(path, "re") : NULL;
    if (file == NULL)
        return false;
    bool is = fread(magic, 1, sizeof magic, file) == sizeof magic && memcmp(magic, "TZif", sizeof magic) == 0;
    (void)fclose(file);
    return is;
}

int zone_open(const char *name, struct zone **ret, struct err *err)
{
    bool utc = strcmp(name, "UTC") == 0; /* there also without tzdata */
    GTimeZone *tz = NULL;
    if (utc)
        tz = g_time_zone_new_utc();
    else if (name_is_plain(name) && is_of_tzdata(name))
        tz = g_time_zone_new_identifier(name);
    if (tz == NULL)
        return err_set(err, ERR_INVALID,
                       "there is no time zone \"%.64s\": write a name such as Europe/Berlin, America/New_York or UTC",
                       name);
    struct zone *z = calloc(1, sizeof *z);
    if (z == NULL) {
        g_time_zone_unref(tz);
        return err_set(err, ERR_NOMEM, "no memory for a time zone");
    }
    z->tz = tz;
    *ret = z;
    return 0;
}

void zone_close(struct zone *z)
{
    if (z == NULL)
        return;
    g_time_zone_unref(z->tz);
    free(z);
}

int64_t zone_offset_s(const struct zone *z, int64_t at_s)
{
    return g_time_zone_get_offset(z->tz, g_time_zone_find_interval(z->tz, G_TIME_TYPE_UNIVERSAL, at_s));
}

int64_t zone_change_s(const struct zone *z, int64_t from_s, int64_t to_s)
{
    int64_t before = zone_offset_s(z, from_s);
    if (zone_offset_s(z, to_s) == before)
        return to_s;
    while (to_s - from_s > 1) {
        int64_t middle = from_s + (to_s - from_s) / 2;
        if (zone_offset_s(z, middle) == before)
            from_s = middle;
        else
            to_s = middle;
    }
    return to_s;
}

/* No offset is as large as a day, so the moment and what is around it lie within a day of local_s read as UTC. */
int64_t zone_first_s(const struct zone *z, int64_t local_s)
{
    int64_t before = zone_offset_s(z, local_s - DAY_S);
    int64_t after = zone_offset_s(z, local_s + DAY_S);
    if (before == after)
        return local_s - before;
    int64_t change = zone_change_s(z, local_s - DAY_S, local_s + DAY_S);
    if (local_s < change + before)
        return local_s - before;
    return local_s < change + after ? change : local_s - after;
}
