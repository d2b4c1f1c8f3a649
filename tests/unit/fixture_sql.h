/* fixture_sql.h: a fleet's database behind the server's back. */
#ifndef MUSTER_TESTS_FIXTURE_SQL_H
#define MUSTER_TESTS_FIXTURE_SQL_H

#include "fixture_fleet.h"

static inline void sql(struct fleet *f, const char *text)
{
    fixture_sql(f->base, text);
}

static inline int64_t number(struct fleet *f, const char *text)
{
    return fixture_number(f->base, text);
}

#endif
