#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include "common/blocking.h"
#include "http/turns.h"

/* A thread that has a turn until it is let go. */
struct taker {
    struct turns *turns;
    pthread_t thread;
    atomic_bool has_turn, let_go, lends, lent;
};

static void wait_until(atomic_bool *what)
{
    while (!atomic_load(what))
        (void)usleep(100);
}

static void *take(void *arg)
{
    struct taker *t = arg;
    turns_take(t->turns);
    atomic_store(&t->has_turn, true);
    if (atomic_load(&t->lends)) {
        blocking_begin();
        atomic_store(&t->lent, true);
        wait_until(&t->let_go);
        blocking_end();
        turns_renew(t->turns);
    } else {
        wait_until(&t->let_go);
    }
    turns_give(t->turns);
    return NULL;
}

static void start(struct taker *t, struct turns *turns, bool lends)
{
    *t = (struct taker){.turns = turns};
    atomic_store(&t->lends, lends);
    assert_int_equal(pthread_create(&t->thread, NULL, take, t), 0);
}

static void let_go(struct taker *t)
{
    atomic_store(&t->let_go, true);
    assert_int_equal(pthread_join(t->thread, NULL), 0);
}

static void a_turn_is_had_by_so_many_at_a_time(void **state)
{
    (void)state;
    struct turns *turns = turns_new(2);
    struct taker a, b, c;
    start(&a, turns, false);
    start(&b, turns, false);
    wait_until(&a.has_turn);
    wait_until(&b.has_turn);
    start(&c, turns, false);
    (void)usleep(20000); /* long enough to do what it must not */
    assert_false(atomic_load(&c.has_turn));
    let_go(&a);
    wait_until(&c.has_turn);
    let_go(&b);
    let_go(&c);
    turns_free(turns);
}

static void who_blocks_lends_the_turn_and_is_not_kept_waiting_for_it(void **state)
{
    (void)state;
    struct turns *turns = turns_new(1);
    struct taker waits, works, next;
    start(&waits, turns, true);
    wait_until(&waits.lent);
    start(&works, turns, false);
    wait_until(&works.has_turn);
    atomic_store(&waits.let_go, true); /* back while the only turn is another's; turns_renew then waits */
    start(&next, turns, false);
    (void)usleep(20000);
    assert_false(atomic_load(&next.has_turn));
    atomic_store(&next.let_go, true); /* which of the two comes first is open */
    let_go(&works);
    let_go(&waits);
    let_go(&next);
    assert_true(atomic_load(&next.has_turn));
    turns_free(turns);
}

static void a_nested_wait_is_one_wait(void **state)
{
    (void)state;
    struct turns *turns = turns_new(1);
    struct taker other;
    turns_take(turns);
    blocking_begin();
    blocking_begin();
    blocking_end();
    start(&other, turns, false);
    wait_until(&other.has_turn); /* still lent */
    let_go(&other);
    blocking_end();
    turns_give(turns);
    turns_free(turns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_turn_is_had_by_so_many_at_a_time),
        cmocka_unit_test(who_blocks_lends_the_turn_and_is_not_kept_waiting_for_it),
        cmocka_unit_test(a_nested_wait_is_one_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
