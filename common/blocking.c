#include "common/blocking.h"

#include <stddef.h>

static _Thread_local const struct blocking_listener *listening;
static _Thread_local unsigned depth;

void blocking_listen(const struct blocking_listener *listener)
{
    listening = listener;
}

void blocking_begin(void)
{
    if (depth++ == 0 && listening != NULL)
        listening->begin(listening->ctx);
}

void blocking_end(void)
{
    if (--depth == 0 && listening != NULL)
        listening->end(listening->ctx);
}
