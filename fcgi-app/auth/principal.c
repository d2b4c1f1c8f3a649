#include "auth/principal.h"

#include <string.h>

static const char *const names[] = {
    [ROLE_NONE] = "none", [ROLE_VIEWER] = "viewer", [ROLE_OPERATOR] = "operator", [ROLE_ADMIN] = "admin"};

enum role role_parse(const char *name)
{
    for (int role = ROLE_VIEWER; role <= ROLE_ADMIN; role++)
        if (strcmp(name, names[role]) == 0)
            return (enum role)role;
    return ROLE_NONE;
}

const char *role_name(enum role role)
{
    return names[role];
}
