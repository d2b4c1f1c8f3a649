/* problem.h: the table of problems, for replies and for the test that compares it with the documentation. */
#ifndef MUSTER_HTTP_PROBLEM_H
#define MUSTER_HTTP_PROBLEM_H

#include "http/request.h"

struct problem_text {
    const char *slug; /* stable: the type is "/problems/<slug>" */
    int status;
    const char *title;
};

const struct problem_text *problem_text(enum problem problem);

/* 403 step-up-required. action and target: what POST /api/auth/step-up has to be sent with what is asked for, "factor"
 * or "password" (member proof). */
void reply_step_up(struct req *r, const char *action, const char *target);

/* A 422 that says where: a JSON pointer into the body, or the name of a query parameter (NULL: none). */
/* 403 step-up-required: what a factor has to be shown for, at POST /api/auth/step-up. */
void reply_step_up(struct req *r, const char *action, const char *target);

void reply_invalid_field(struct req *r, const char *pointer, const char *parameter, const char *reason);

#endif
