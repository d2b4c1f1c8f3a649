/* The life of live streams, by a clock that stands still until the test moves it: clients that take nothing, the end
 * after a quarter of an hour, sessions that are revoked, and how many there may be. */
#include "fixture_http.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <time.h>

#include "auth/digest.h"
#include "common/buf.h"
#include "common/uuid.h"
#include "live/live.h"
#include "ops/changes.h"

enum {
    SECOND_MS = 1000,
    LIFE_MS = 15 * 60 * SECOND_MS,
    BEHIND_MS = 45 * SECOND_MS,
    HEARTBEAT_MS = 15 * SECOND_MS,
    PLACES = 40, /* a quarter of the site's max_parked, and one */
    PLACES_OF_ONE = 32,
    STUCK = 6, /* more than there are threads that could be held up */
};

/* --- time --- */

static _Atomic int64_t passed_ms;

static int64_t moved_now(void *ctx)
{
    (void)ctx;
    return INT64_C(1750000000000) + atomic_load(&passed_ms);
}

static int64_t moved_monotonic(void *ctx)
{
    (void)ctx;
    return 1000000 + atomic_load(&passed_ms);
}

static const struct clock moved_clock = {.now_ms = moved_now, .monotonic_ms = moved_monotonic};

/* --- the hall: a site whose counters of changes are read when the test says so --- */

static int hall_up(void **state)
{
    struct err err = {0};
    atomic_store(&passed_ms, 0);
    struct site *s = site_open(&moved_clock);
    *state = s;
    expect_ok(live_watch(s->app, &err), &err);
    expect_ok(changes_poll(s->app->changes, s->f->db, &err), &err); /* the first one calls everybody */
    return 0;
}

static int hall_down(void **state)
{
    site_close(*state);
    return 0;
}

static void poll_changes(struct site *s)
{
    struct err err = {0};
    expect_ok(changes_poll(s->app->changes, s->f->db, &err), &err);
}

static void change(struct site *s, const char *topic)
{
    char sql[160];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO changes (topic, counter) VALUES ('%s', 1)"
                   " ON CONFLICT (topic) DO UPDATE SET counter = counter + 1",
                   topic);
    fixture_script(s->f, sql);
    poll_changes(s);
}

static size_t open_streams(struct site *s)
{
    return live_count(s->app->live);
}

static bool at_rest(struct site *s)
{
    return park_count(s->app->park) == open_streams(s);
}

static bool none_open(struct site *s)
{
    return open_streams(s) == 0;
}

static bool one_open(struct site *s)
{
    return open_streams(s) == 1;
}

static bool one_has_left(struct site *s)
{
    return open_streams(s) == PLACES - 1;
}

static void wait_until(struct site *s, bool (*condition)(struct site *))
{
    struct timespec pause = {.tv_nsec = 1000000};
    time_t until = time(NULL) + PATIENCE_S;
    while (!condition(s)) {
        if (time(NULL) > until)
            fail_msg("waited in vain: %zu streams, %zu of them parked", open_streams(s), park_count(s->app->park));
        (void)nanosleep(&pause, NULL);
    }
}

/* Until every stream has done what it does at this time: each is woken, and has parked again or ended. Twice, since one
 * that was awake already may have read the clock before it moved. */
static void settle(struct site *s)
{
    for (int i = 0; i < 2; i++) {
        park_wake_all(s->app->park);
        wait_until(s, at_rest);
    }
}

static void pass(struct site *s, int64_t ms)
{
    atomic_fetch_add(&passed_ms, ms);
    settle(s);
}

/* --- people --- */

struct session {
    char cookie[80];
    char id[UUID_SIZE];
};

static void add_person(struct site *s, int number)
{
    char sql[400];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO users (id, email, email_lower, password_hash, role, created_ms, updated_ms)"
                   " VALUES ('01900000-0000-7000-8000-%012d', 'p%d@x.y', 'p%d@x.y', '', 'operator', 1, 1)",
                   number, number, number);
    fixture_script(s->f, sql);
}

/* The person's session of this number, which is of all people's. */
static struct session sign_in(struct site *s, int person, int number)
{
    struct session made;
    char token[44], hash[DIGEST_HEX_SIZE], sql[800];
    (void)snprintf(token, sizeof token, "%043d", number);
    digest_token(token, hash);
    (void)snprintf(made.cookie, sizeof made.cookie, "__Host-muster=%s", token);
    (void)snprintf(made.id, sizeof made.id, "01900000-0000-7000-9000-%012d", number);
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO sessions (id_hash, id, user_id, csrf_token, address, user_agent, created_ms,"
                   " last_used_ms, expires_ms, authenticated_ms) VALUES ('%s', '%s',"
                   " '01900000-0000-7000-8000-%012d', 'csrf', '', '', 1, %lld, %lld, 1)",
                   hash, made.id, person, (long long)moved_now(NULL), (long long)moved_now(NULL) + 2 * LIFE_MS);
    fixture_script(s->f, sql);
    return made;
}

static struct session add_and_sign_in(struct site *s, int person)
{
    add_person(s, person);
    return sign_in(s, person, person);
}

/* --- streams --- */

struct stream {
    int fd;
    struct buf text; /* since something was last heard */
};

/* The next record's type; what it says is added to the text. 0: the connection has ended. */
static unsigned char next_record(struct stream *stream)
{
    char text[REPLY_MAX];
    size_t len = 0;
    unsigned char type = receive_record(stream->fd, text, &len);
    if (type == FCGI_STDOUT)
        buf_add(&stream->text, text, len);
    return type;
}

static void hear(struct stream *stream, const char *words)
{
    while (strstr(buf_str(&stream->text), words) == NULL)
        if (next_record(stream) != FCGI_STDOUT)
            fail_msg("the stream has ended, and did not say: %s", words);
    buf_clear(&stream->text);
}

static struct stream ask_for_stream(struct site *s, const struct session *session, const char *uri)
{
    struct call c = {.method = "GET", .uri = uri, .listener = "admin", .headers = {"HTTP_COOKIE", session->cookie}};
    struct stream stream = {.fd = open_call(s, &c)};
    buf_init(&stream.text, 1024 * 1024);
    return stream;
}

static struct stream begin_stream(struct site *s, const struct session *session, const char *uri)
{
    struct stream stream = ask_for_stream(s, session, uri);
    hear(&stream, "event: begun");
    return stream;
}

static void leave(struct stream *stream)
{
    (void)close(stream->fd);
    buf_done(&stream->text);
}

static int untaken(const struct stream *stream)
{
    int bytes = 0;
    assert_int_equal(ioctl(stream->fd, FIONREAD, &bytes), 0);
    return bytes;
}

/* Takes what has been sent. */
static void catch_up(struct stream *stream)
{
    while (untaken(stream) > 0)
        assert_int_equal(next_record(stream), FCGI_STDOUT);
}

/* Whether the stream was ended in good order (or its connection broken off). What was sent came in whole pieces. */
static bool ended_well(struct stream *stream)
{
    unsigned char type;
    while ((type = next_record(stream)) == FCGI_STDOUT)
        continue;
    if (stream->text.len > 0)
        assert_string_equal(buf_str(&stream->text) + stream->text.len - 2, "\n\n");
    return type == FCGI_END_REQUEST;
}

/* Tells these clients, who take nothing, of changes until none of their sockets takes any more. */
static void fill(struct site *s, const struct stream *streams, size_t count)
{
    for (int before = -1, now = 0; now != before;) {
        before = now;
        change(s, "agents");
        settle(s);
        now = 0;
        for (size_t i = 0; i < count; i++)
            now += untaken(&streams[i]);
    }
}

/* --- clients that take nothing --- */

static void a_client_that_takes_nothing_for_45_seconds_is_cut_and_not_before(void **state)
{
    struct site *s = *state;
    struct session person = add_and_sign_in(s, 1);
    struct stream stuck = begin_stream(s, &person, "/api/live");
    fill(s, &stuck, 1);
    int sent = untaken(&stuck);
    pass(s, BEHIND_MS - 1);
    assert_int_equal(open_streams(s), 1);
    pass(s, 1);
    assert_int_equal(open_streams(s), 0);
    assert_int_equal(untaken(&stuck), sent);
    assert_false(ended_well(&stuck));
    leave(&stuck);
}

static void one_that_takes_again_in_time_is_told_what_it_missed(void **state)
{
    struct site *s = *state;
    struct session person = add_and_sign_in(s, 1);
    struct stream slow = begin_stream(s, &person, "/api/live");
    fill(s, &slow, 1);
    change(s, "runs");
    pass(s, BEHIND_MS - 1);
    catch_up(&slow);
    assert_null(strstr(buf_str(&slow.text), "runs"));
    settle(s);
    hear(&slow, "\"runs\"");
    pass(s, BEHIND_MS); /* counted anew, and there is room for signs of life */
    hear(&slow, ": here");
    assert_int_equal(open_streams(s), 1);
    leave(&slow);
}

static void clients_that_take_nothing_hold_nobody_up(void **state)
{
    struct site *s = *state;
    struct session person = add_and_sign_in(s, 1), other = add_and_sign_in(s, 2);
    struct stream stuck[STUCK], reader;
    for (size_t i = 0; i < STUCK; i++)
        stuck[i] = begin_stream(s, &person, "/api/live");
    fill(s, stuck, STUCK);
    reader = begin_stream(s, &other, "/api/live");
    for (int i = 0; i < 3 * STUCK; i++) {
        pass(s, SECOND_MS);
        change(s, "runs");
        hear(&reader, "\"runs\"");
        struct answer a = site_ask(s, (struct call){.method = "GET",
                                                    .uri = "/api/auth/session",
                                                    .listener = "admin",
                                                    .headers = {"HTTP_COOKIE", person.cookie}});
        assert_int_equal(a.status, 200);
    }
    assert_int_equal(open_streams(s), STUCK + 1);
    for (size_t i = 0; i < STUCK; i++)
        leave(&stuck[i]);
    wait_until(s, one_open);
    leave(&reader);
}

/* --- the end --- */

static void a_stream_shows_life_every_15_seconds_and_ends_after_15_minutes(void **state)
{
    struct site *s = *state;
    struct session person = add_and_sign_in(s, 1);
    struct stream stream = begin_stream(s, &person, "/api/live");
    for (int64_t at = HEARTBEAT_MS; at < LIFE_MS; at += HEARTBEAT_MS) {
        pass(s, HEARTBEAT_MS - 1);
        assert_int_equal(untaken(&stream), 0);
        pass(s, 1);
        hear(&stream, ": here");
    }
    pass(s, HEARTBEAT_MS - 1);
    assert_int_equal(open_streams(s), 1);
    assert_int_equal(untaken(&stream), 0);
    pass(s, 1);
    assert_int_equal(open_streams(s), 0);
    assert_true(ended_well(&stream));
    leave(&stream);
}

static void an_end_that_would_have_to_wait_for_the_client_breaks_off(void **state)
{
    struct site *s = *state;
    struct session person = add_and_sign_in(s, 1);
    struct stream stream = begin_stream(s, &person, "/api/live");
    while (atomic_load(&passed_ms) < LIFE_MS - HEARTBEAT_MS) {
        pass(s, HEARTBEAT_MS);
        catch_up(&stream);
    }
    fill(s, &stream, 1);
    pass(s, HEARTBEAT_MS);
    assert_int_equal(open_streams(s), 0);
    assert_false(ended_well(&stream));
    leave(&stream);
}

/* The clock stands still, so nothing ends because somebody has looked every few seconds. */
static void a_revoked_session_ends_its_streams_at_once_and_no_others(void **state)
{
    struct site *s = *state;
    struct session revoked = add_and_sign_in(s, 1), own = sign_in(s, 1, 2);
    fixture_script(s->f, "INSERT INTO agents (id, name, name_lower, user_id, api_key_hash, created_ms, updated_ms)"
                         " VALUES ('01900000-0000-7000-a000-000000000001', 'a', 'a',"
                         " '01900000-0000-7000-8000-000000000001', 'h', 1, 1)");
    change(s, "runs"); /* what follows within a second waits for the next tick, but for this */
    struct stream topics = begin_stream(s, &revoked, "/api/live");
    struct stream log = begin_stream(s, &revoked, "/api/live?agent=01900000-0000-7000-a000-000000000001");
    struct stream other = begin_stream(s, &own, "/api/live");
    char uri[80];
    (void)snprintf(uri, sizeof uri, "/api/auth/sessions/%s", revoked.id);
    struct answer a = site_ask(s, (struct call){.method = "DELETE",
                                                .uri = uri,
                                                .listener = "admin",
                                                .headers = {"HTTP_COOKIE", own.cookie, "HTTP_X_CSRF_TOKEN", "csrf"}});
    assert_int_equal(a.status, 200);
    poll_changes(s);
    assert_true(ended_well(&topics));
    assert_true(ended_well(&log));
    wait_until(s, one_open);
    change(s, "runs");
    settle(s);
    hear(&other, "\"runs\"");
    leave(&topics);
    leave(&log);
    leave(&other);
}

static void somebody_who_is_shut_out_loses_the_streams_at_once(void **state)
{
    struct site *s = *state;
    struct session person = add_and_sign_in(s, 1);
    change(s, "runs");
    struct stream stream = begin_stream(s, &person, "/api/live");
    fixture_script(s->f, "UPDATE users SET disabled_ms = 1");
    change(s, "users");
    assert_true(ended_well(&stream));
    wait_until(s, none_open);
    leave(&stream);
}

/* --- how many --- */

static void expect_refused(struct site *s, const struct session *session)
{
    struct answer a = site_ask(
        s, (struct call){
               .method = "GET", .uri = "/api/live", .listener = "admin", .headers = {"HTTP_COOKIE", session->cookie}});
    assert_int_equal(a.status, 429);
    assert_non_null(strstr(a.text, "Retry-After: 30\r\n"));
    assert_non_null(strstr(a.text, "\"type\":\"/problems/rate-limited\""));
    assert_non_null(strstr(a.text, "too many live views open; close some"));
}

static void each_person_and_all_together_have_a_number_of_streams(void **state)
{
    struct site *s = *state;
    struct session person = add_and_sign_in(s, 1), same = sign_in(s, 1, 2), other = add_and_sign_in(s, 3);
    struct stream streams[PLACES];
    size_t count = 0;
    for (; count < PLACES_OF_ONE; count++)
        streams[count] = begin_stream(s, count % 2 == 0 ? &person : &same, "/api/live");
    expect_refused(s, &person);
    expect_refused(s, &same);
    for (; count < PLACES; count++)
        streams[count] = begin_stream(s, &other, "/api/live");
    expect_refused(s, &other);
    leave(&streams[0]);
    wait_until(s, one_has_left);
    streams[0] = begin_stream(s, &other, "/api/live");
    expect_refused(s, &person); /* all places are taken again */
    for (size_t i = 0; i < PLACES; i++)
        leave(&streams[i]);
}

#define IN_HALL(test) cmocka_unit_test_setup_teardown(test, hall_up, hall_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_HALL(a_client_that_takes_nothing_for_45_seconds_is_cut_and_not_before),
        IN_HALL(one_that_takes_again_in_time_is_told_what_it_missed),
        IN_HALL(clients_that_take_nothing_hold_nobody_up),
        IN_HALL(a_stream_shows_life_every_15_seconds_and_ends_after_15_minutes),
        IN_HALL(an_end_that_would_have_to_wait_for_the_client_breaks_off),
        IN_HALL(a_revoked_session_ends_its_streams_at_once_and_no_others),
        IN_HALL(somebody_who_is_shut_out_loses_the_streams_at_once),
        IN_HALL(each_person_and_all_together_have_a_number_of_streams),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    (void)alarm(10 * PATIENCE_S); /* a server that a client holds up cannot be ended otherwise */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
