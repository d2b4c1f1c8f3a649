/* The line in front of costly work, with exchanges that nobody answers. */
#include "unit.h"

#include <pthread.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "app.h"
#include "http/exchange.h"

/* A request whose client is at `client`. */
struct guest {
    struct http_exchange *x;
    int client;
};

static struct app app;

/* A second of work takes a stranger's place for an hour. */
enum { LONG_WORK_MS = 1000, LONG_SHARE = 3600, SHARE = 10 };

static struct line *new_line_of(const struct line_options *options)
{
    struct line *l = line_new(options);
    assert_non_null(l);
    return l;
}

static struct line *new_line(unsigned abreast, size_t longest)
{
    return new_line_of(&(struct line_options){abreast, longest, .share = SHARE});
}

static int64_t now_ms(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t);
    return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

/* As if a stranger had been at work for so long. */
static struct http_exchange *next_after(struct line *l, int64_t worked_ms)
{
    return line_next(&(struct line_place){.line = l, .since_ms = now_ms(CLOCK_THREAD_CPUTIME_ID) - worked_ms});
}

static struct http_exchange *next(struct line *l)
{
    return next_after(l, 0);
}

static void arrive(struct guest *g)
{
    int fds[2];
    g->x = exchange_new(&app, -1);
    assert_non_null(g->x);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    g->x->fcgi.ipcFd = fds[0];
    g->client = fds[1];
}

static void leave(struct guest *g)
{
    exchange_free(g->x);
    (void)close(g->client);
}

/* Asks, and stands in line when it has to. */
static bool passes_known(struct guest *g, struct line *l, bool known)
{
    arrive(g);
    if (line_passed(&g->x->req, l, known))
        return true;
    assert_true(g->x->place.waits);
    assert_true(line_commit(g->x));
    return false;
}

static bool passes(struct guest *g, struct line *l)
{
    return passes_known(g, l, false);
}

static void as_many_as_may_pass_and_the_others_follow_in_their_order(void **state)
{
    (void)state;
    struct line *l = new_line(2, 10);
    struct guest g[5];
    for (int i = 0; i < 5; i++)
        assert_int_equal(passes(&g[i], l), i < 2);
    for (int i = 2; i < 5; i++) {
        assert_ptr_equal(next(l), g[i].x);
        assert_true(line_passed(&g[i].x->req, l, false)); /* asked again, as its handler does */
    }
    assert_null(next(l));
    assert_null(next(l));
    for (int i = 0; i < 5; i++)
        leave(&g[i]);
    line_free(l);
}

static void a_place_that_was_given_back_is_had_again(void **state)
{
    (void)state;
    struct line *l = new_line(1, 10);
    struct guest a, b;
    assert_true(passes(&a, l));
    assert_null(next(l));
    assert_true(passes(&b, l));
    leave(&a);
    leave(&b);
    line_free(l);
}

static void whoever_goes_to_wait_while_a_place_comes_free_takes_it(void **state)
{
    (void)state;
    struct line *l = new_line(1, 10);
    struct guest a, b, c;
    assert_true(passes(&a, l));
    arrive(&b);
    assert_false(line_passed(&b.x->req, l, false));
    assert_null(next(l)); /* a was answered, and nobody stood there yet */
    assert_false(line_commit(b.x));
    assert_false(b.x->place.waits);
    assert_true(line_passed(&b.x->req, l, false));
    assert_false(passes(&c, l)); /* it is taken indeed */
    assert_ptr_equal(next(l), c.x);
    leave(&a);
    leave(&b);
    leave(&c);
    line_free(l);
}

static void a_line_that_is_full_refuses(void **state)
{
    (void)state;
    struct line *l = new_line(1, 1);
    struct guest a, b, c;
    assert_true(passes(&a, l));
    assert_false(passes(&b, l));
    arrive(&c);
    assert_false(line_passed(&c.x->req, l, false));
    assert_false(c.x->place.waits);
    assert_null(c.x->place.line);
    assert_int_equal(c.x->reply.status, 503);
    assert_ptr_equal(next(l), b.x);
    leave(&a);
    leave(&b);
    leave(&c);
    line_free(l);
}

static void who_is_known_goes_first_and_finds_room_when_the_others_have_filled_theirs(void **state)
{
    (void)state;
    struct line *l = new_line(1, 2);
    struct guest at_work, others[2], known[2], more;
    assert_true(passes(&at_work, l));
    for (int i = 0; i < 2; i++)
        assert_false(passes(&others[i], l));
    for (int i = 0; i < 2; i++)
        assert_false(passes_known(&known[i], l, true));
    arrive(&more);
    assert_false(line_passed(&more.x->req, l, true));
    assert_int_equal(more.x->reply.status, 503); /* theirs is no longer either */
    for (int i = 0; i < 2; i++)
        assert_ptr_equal(next(l), known[i].x);
    for (int i = 0; i < 2; i++)
        assert_ptr_equal(next(l), others[i].x);
    assert_null(next(l));
    leave(&at_work);
    leave(&more);
    for (int i = 0; i < 2; i++) {
        leave(&others[i]);
        leave(&known[i]);
    }
    line_free(l);
}

static void strangers_in_a_crowd_get_their_share_of_the_time(void **state)
{
    (void)state;
    struct line *l = new_line_of(&(struct line_options){1, 10, .share = SHARE, .crowd_ms = 100});
    struct guest a, b, c, d;
    assert_true(passes(&a, l));
    assert_null(next_after(l, 1000000)); /* while nobody waits, nothing is counted */
    assert_true(passes(&b, l));
    assert_false(passes(&c, l));
    assert_false(passes(&d, l));
    int64_t then_ms = now_ms(CLOCK_MONOTONIC);
    assert_ptr_equal(next_after(l, 100), c.x); /* the crowd's first moments */
    assert_ptr_equal(next_after(l, 30), d.x);
    assert_true(now_ms(CLOCK_MONOTONIC) - then_ms >= SHARE * 30);
    assert_null(next_after(l, 1000000));
    leave(&a);
    leave(&b);
    leave(&c);
    leave(&d);
    line_free(l);
}

static void *come_known(void *arg)
{
    const struct guest *g = arg;
    assert_true(line_commit(g->x));
    return NULL;
}

static void who_is_known_ends_a_rest(void **state)
{
    (void)state;
    struct line *l = new_line_of(&(struct line_options){1, 10, .share = LONG_SHARE});
    struct guest at_work, stranger, known;
    pthread_t thread;
    assert_true(passes(&at_work, l));
    assert_false(passes(&stranger, l));
    arrive(&known);
    assert_false(line_passed(&known.x->req, l, true));
    assert_int_equal(pthread_create(&thread, NULL, come_known, &known), 0);
    assert_ptr_equal(next_after(l, LONG_WORK_MS), known.x); /* not in an hour: the stranger would have it then */
    assert_int_equal(pthread_join(thread, NULL), 0);
    line_hurry(l);
    assert_ptr_equal(next(l), stranger.x);
    assert_null(next(l));
    leave(&at_work);
    leave(&stranger);
    leave(&known);
    line_free(l);
}

static void a_server_that_ends_rests_no_more(void **state)
{
    (void)state;
    struct line *l = new_line_of(&(struct line_options){1, 10, .share = LONG_SHARE});
    struct guest a, b;
    assert_true(passes(&a, l));
    assert_false(passes(&b, l));
    line_hurry(l);
    assert_ptr_equal(next_after(l, LONG_WORK_MS), b.x); /* not in an hour */
    assert_null(next(l));
    leave(&a);
    leave(&b);
    line_free(l);
}

static void who_has_left_is_passed_over(void **state)
{
    (void)state;
    struct line *l = new_line(1, 10);
    struct guest a, b, c;
    assert_true(passes(&a, l));
    assert_false(passes(&b, l));
    assert_false(passes(&c, l));
    (void)close(b.client);
    assert_ptr_equal(next(l), c.x); /* b is the line's to free */
    assert_null(next(l));
    leave(&a);
    leave(&c);
    line_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_as_may_pass_and_the_others_follow_in_their_order),
        cmocka_unit_test(a_place_that_was_given_back_is_had_again),
        cmocka_unit_test(whoever_goes_to_wait_while_a_place_comes_free_takes_it),
        cmocka_unit_test(a_line_that_is_full_refuses),
        cmocka_unit_test(who_is_known_goes_first_and_finds_room_when_the_others_have_filled_theirs),
        cmocka_unit_test(strangers_in_a_crowd_get_their_share_of_the_time),
        cmocka_unit_test(who_is_known_ends_a_rest),
        cmocka_unit_test(a_server_that_ends_rests_no_more),
        cmocka_unit_test(who_has_left_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
