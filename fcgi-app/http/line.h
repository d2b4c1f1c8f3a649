/* line.h: requests that wait in line, without a thread, for work of which a few may go on at a time.
 *
 * A handler whose work is costly (a password's hash) asks line_passed first. While as many as may are at work, its
 * request is put at the end of the line, and the handler is called again, from its beginning, when it is its turn: the
 * worker that has answered one goes on with the next. So a flood holds as many workers as may be at work and no more,
 * those in it get their turn in the order they came. Who is known passes them by. Strangers who come in crowds get a
 * share of one processor's time and no more: a core that is busy for good is felt by all who need one for a moment.
 * Cost of each that waits: as a parked request's (park.h). Thread-safe. */
#ifndef MUSTER_HTTP_LINE_H
#define MUSTER_HTTP_LINE_H

#include <stdbool.h>
#include <stddef.h>

struct line;
struct req;

struct line_options {
    unsigned abreast; /* how many are at work at the same time, at least 1 */
    size_t longest;   /* how many may wait, of those who are known and of the others each */
    int share;        /* strangers in a crowd get one part in so many of a processor's time … */
    int crowd_ms;     /* … once they have used up so much of it */
};

/* NULL when memory is out. */
struct line *line_new(const struct line_options *options);
void line_free(struct line *l); /* NULL does nothing; nobody may be in it */

/* True: go on; the place is given back when the request has been answered. False: return at once, for the request waits
 * or, when too many do, a 503 was set. known: before all who are not. Only in a handler, before anything has happened
 * that may not happen twice. */
bool line_passed(struct req *r, struct line *l, bool known);

/* From now on nobody rests: the server is to end. NULL does nothing. */
void line_hurry(struct line *l);

#endif
