/* personal.h: personal access tokens: looking one up by what a program sent. */
#ifndef MUSTER_TOKEN_PERSONAL_H
#define MUSTER_TOKEN_PERSONAL_H

#include "http/request.h"

enum {
    PERSONAL_DAYS = 90,
    PERSONAL_DAYS_MAX = 365,
    PERSONAL_MAX = 50, /* a person's that are in force */
    PERSONAL_NAME_MAX = 100,
    PERSONAL_KEPT_DAYS = 30, /* an expired one is listed that long */
};

/* Fills *ret from a well-formed token and notes the use. ERR_NOT_FOUND when nobody has it, or its owner may nothing any
 * more; ERR_DENIED when it has expired. */
int personal_find(struct req *r, const char *token, struct principal *ret, struct err *err) MUSTER_NODISCARD;

#endif
