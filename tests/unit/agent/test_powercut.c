/* Power cuts during an update: after every file operation of the agent's half and of the launcher's, with every
 * combination of what had not been synced, the launcher is started on what is left, and what it runs must be the whole
 * old binary or the whole new one. */
#include "../unit.h"

#include <signal.h>
#include <sys/wait.h>

#include "agent-static/launcher/watch.h"
#include "tempdir.h"
#include "update/swap.h"

#include "powercut.h"

/* A program that says who it is, and does what the scenario's play says. Long, so that half of it is not all of it. */
#define PROGRAM(who)                                                                                                   \
    "#!/bin/sh\n"                                                                                                      \
    "who=" who "\n"                                                                                                    \
    "[ \"$POWERCUT_BAD\" != $who ] || ! grep -qs '^phase trial' \"${POWERCUT_RAN%/ran}/A.trial\" || exit 3\n"          \
    "[ -z \"$POWERCUT_RAN\" ] || { echo $who >\"$POWERCUT_RAN\"; kill -TERM $PPID; exit 0; }\n"                        \
    "say() { echo \"$@\" >/proc/self/fd/$fd; }\n"                                                                      \
    "phase() { grep -q \"^phase $1\" \"$POWERCUT_DIR/A.trial\"; }\n"                                                   \
    "end() { kill -TERM $PPID; exit 0; }\n"                                                                            \
    "healthy() { while :; do say tick; say ack; say replayed 0123456789abcdef 7; \"$@\" && end; sleep 0.02; done; }\n" \
    "deaf() { while :; do say tick; \"$@\" && end; sleep 0.02; done; }\n"                                              \
    "fd=$3\n"                                                                                                          \
    "eval \"$POWERCUT_PLAY\"\n"                                                                                        \
    "exit 9\n"

static const char old_program[] = PROGRAM("old");
static const char new_program[] = PROGRAM("new");

struct scene {
    struct tempdir dir;
    char agent[PATH_MAX];
    struct swap_state start;
};

static void lay(const struct scene *s, const char *suffix, const char *text)
{
    char path[PATH_MAX];
    (void)snprintf(path, sizeof path, "%s%s", s->agent, suffix);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fputs(text, f) >= 0 && fclose(f) == 0 && chmod(path, 0755) == 0, 1);
}

static int setup(void **state)
{
    static struct scene s;
    tempdir_make(&s.dir);
    (void)snprintf(s.agent, sizeof s.agent, "%s/A", s.dir.path);
    s.start = (struct swap_state){.version = "new", .previous = "old", .trial_s = 1, .evidence = "/nonexistent"};
    (void)strcpy(s.start.log.epoch, "0123456789abcdef");
    (void)strcpy(s.start.log.boot_id, "unknown-boot");
    s.start.log.seq = s.start.log.replayed = 5;
    lay(&s, "", old_program);
    lay(&s, ".new", new_program);
    (void)unsetenv("POWERCUT_RAN");
    pc.no_links = false;
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    pc.recording = false;
    tempdir_remove(&s->dir);
    return 0;
}

/* --- after the cut --- */

static size_t read_whole(const char *path, char ret[PC_BYTES])
{
    FILE *f = fopen(path, "re");
    size_t n = f != NULL ? fread(ret, 1, PC_BYTES, f) : 0;
    if (f != NULL)
        (void)fclose(f);
    return n;
}

static int launch(const char *agent)
{
    pid_t pid = fork();
    if (pid == 0) {
        int null = __real_open("/dev/null", O_WRONLY);
        (void)dup2(null, STDERR_FILENO);
        (void)alarm(20);
        _exit(watch_run(&(struct watch_options){.agent = agent}));
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

struct verdict {
    const char *always; /* who must run, whatever was lost; NULL: either */
    const char *done;   /* who must run once all was done, whatever was not synced */
    int old;
    int new;
    unsigned ran[PC_OPS + 1]; /* after so many operations: 1 the old one, 2 the new one, 3 either */
};

/* Has the launcher start what is there. Whether it was the new one, which (bad) ends when it is on trial. */
static bool recover(const char *dir, bool bad)
{
    char agent[64];
    char ran[64];
    char who[PC_BYTES] = "";
    char bytes[PC_BYTES];
    (void)snprintf(agent, sizeof agent, "%s/A", dir);
    (void)snprintf(ran, sizeof ran, "%s/ran", dir);
    (void)setenv("POWERCUT_RAN", ran, 1);
    (void)setenv("POWERCUT_BAD", bad ? "new" : "", 1);
    assert_int_equal(launch(agent), WATCH_STOPPED);
    (void)unsetenv("POWERCUT_RAN");
    (void)unsetenv("POWERCUT_BAD");
    assert_int_equal(read_whole(ran, who), 4);
    who[3] = '\0';
    bool is_new = strcmp(who, "new") == 0;
    const char *wanted = is_new ? new_program : old_program;
    assert_int_equal(read_whole(agent, bytes), strlen(wanted));
    assert_memory_equal(bytes, wanted, strlen(wanted));
    return is_new;
}

static void runs_whole(const char *dir, int count, void *ctx)
{
    struct verdict *v = ctx;
    bool is_new = recover(dir, false);
    if (v->always != NULL)
        assert_string_equal(is_new ? "new" : "old", v->always);
    if (count == pc.op_count && v->done != NULL)
        assert_string_equal(is_new ? "new" : "old", v->done);
    v->old += is_new ? 0 : 1;
    v->new += is_new ? 1 : 0;
    v->ran[count] |= is_new ? 2 : 1;
}

/* The same disk, but the new one turns out bad: while it is on trial, the old one must be there. */
static void falls_back(const char *dir, int count, void *ctx)
{
    char agent[64];
    struct swap_state trial;
    struct err err = {0};
    (void)count;
    (void)ctx;
    (void)snprintf(agent, sizeof agent, "%s/A", dir);
    bool on_trial = swap_state_read(agent, &trial, &err) == 0 && trial.phase == SWAP_TRIAL;
    bool is_new = recover(dir, true);
    if (on_trial)
        assert_false(is_new);
}

/* What has been decided for good stays so: from the one to the other it goes once. */
static void assert_one_turn(const struct verdict *v)
{
    int turns = 0;
    unsigned last = 0;
    for (int i = 0; i <= pc.op_count; i++) {
        if (v->ran[i] == 3)
            continue;
        turns += last != 0 && v->ran[i] != last ? 1 : 0;
        last = v->ran[i];
    }
    assert_true(turns <= 1);
}

static void judge(struct verdict v, int least)
{
    int states = powercut_each(runs_whole, falls_back, &v);
    print_message("           %d operations, %d disks: %d times the old one, %d times the new one\n", pc.op_count,
                  states, v.old, v.new);
    assert_true(states >= least);
    assert_one_turn(&v);
    if (v.always == NULL)
        assert_true(v.old > 0 && v.new > 0);
}

/* --- what is cut --- */

static void begin(struct scene *s)
{
    struct err err = {0};
    if (swap_begin(s->agent, &s->start, &err) != 0)
        fail_msg("%s", err.msg);
}

/* The launcher with agents that play, in this process, so that what it does is recorded. */
static void play(struct scene *s, const char *what)
{
    sigset_t mask;
    assert_int_equal(sigprocmask(SIG_BLOCK, NULL, &mask), 0);
    (void)setenv("POWERCUT_DIR", s->dir.path, 1);
    (void)setenv("POWERCUT_PLAY", what, 1);
    int kept = dup(STDERR_FILENO);
    int null = __real_open("/dev/null", O_WRONLY);
    (void)dup2(null, STDERR_FILENO);
    int code = watch_run(&(struct watch_options){.agent = s->agent});
    (void)dup2(kept, STDERR_FILENO);
    (void)close(kept);
    (void)close(null);
    assert_int_equal(sigprocmask(SIG_SETMASK, &mask, NULL), 0);
    assert_int_equal(code, WATCH_STOPPED);
}

static void assert_phase(const struct scene *s, enum swap_phase phase)
{
    struct swap_state now;
    struct err err = {0};
    assert_int_equal(swap_state_read(s->agent, &now, &err), 0);
    assert_int_equal(now.phase, phase);
}

static void clear(struct scene *s)
{
    struct err err = {0};
    powercut_record(s->dir.path);
    if (swap_clear(s->agent, &err) != 0)
        fail_msg("%s", err.msg);
}

/* --- the tests --- */

static void the_agents_half(void **state)
{
    struct scene *s = *state;
    powercut_record(s->dir.path);
    begin(s);
    judge((struct verdict){.done = "new"}, 20);
}

static void the_agents_half_where_there_are_no_links(void **state)
{
    struct scene *s = *state;
    pc.no_links = true;
    powercut_record(s->dir.path);
    begin(s);
    judge((struct verdict){.done = "new"}, 30);
}

static void the_agents_half_after_one_that_was_cut_before(void **state)
{
    struct scene *s = *state;
    lay(s, ".backup.tmp", "half a bina");
    lay(s, ".trial.tmp", "muster-tri");
    lay(s, ".backup", "of the update before");
    powercut_record(s->dir.path);
    begin(s);
    judge((struct verdict){.done = "new"}, 30);
}

static void a_trial_that_ends_well(void **state)
{
    struct scene *s = *state;
    begin(s);
    powercut_record(s->dir.path);
    play(s, "healthy phase committed");
    judge((struct verdict){.always = "new"}, 30);
    assert_phase(s, SWAP_COMMITTED);
    clear(s);
    judge((struct verdict){.always = "new"}, 10);
}

static void a_trial_that_ends_badly(void **state)
{
    struct scene *s = *state;
    begin(s);
    powercut_record(s->dir.path);
    play(s, "[ $who = new ] || end");
    judge((struct verdict){.done = "old"}, 40);
    assert_phase(s, SWAP_REJECTED);
    clear(s);
    judge((struct verdict){.always = "old"}, 10);
}

static void a_trial_that_ends_badly_where_there_are_no_links(void **state)
{
    struct scene *s = *state;
    pc.no_links = true;
    begin(s);
    powercut_record(s->dir.path);
    play(s, "[ $who = new ] || end");
    judge((struct verdict){.done = "old"}, 60);
    assert_phase(s, SWAP_REJECTED);
}

static void an_outage_and_the_trial_after_it(void **state)
{
    struct scene *s = *state;
    begin(s);
    powercut_record(s->dir.path);
    play(s, "[ $who = new ] || deaf phase waiting; grep -q '^round 2' $POWERCUT_DIR/A.trial || deaf false; exit 1");
    judge((struct verdict){.done = "old"}, 50);
    assert_phase(s, SWAP_WAITING);
    powercut_record(s->dir.path);
    play(s, "[ $who = old ] && healthy false; healthy phase committed");
    judge((struct verdict){.done = "new"}, 40);
    assert_phase(s, SWAP_COMMITTED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_agents_half),
        TEST(the_agents_half_where_there_are_no_links),
        TEST(the_agents_half_after_one_that_was_cut_before),
        TEST(a_trial_that_ends_well),
        TEST(a_trial_that_ends_badly),
        TEST(a_trial_that_ends_badly_where_there_are_no_links),
        TEST(an_outage_and_the_trial_after_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
