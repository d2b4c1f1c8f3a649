#include "watch.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "evidence.h"
#include "say.h"
#include "store.h"
#include "trial.h"

enum { GO_ON = -1, RETRY_MS = 30 * 1000 };

struct watch {
    const struct watch_options *o;
    int signal_fd;
    sigset_t original_mask;
    struct child child;
    struct store store;
    struct trial trial;
    struct evidence evidence;
    int64_t wait_ms;   /* of rules_wait_after */
    int64_t due_ms;    /* when the agent is started again */
    bool acknowledged; /* said so, of this agent */
    bool started;      /* an agent was, ever */
    bool unsaved;      /* the state is not on disk */
    bool unplaced;     /* A is not what the state says, so what runs is not judged */
    int64_t retry_ms;  /* when these two are tried again */
    bool stopping;     /* init wants us to end */
    bool ending;       /* we want the agent to end, and another to be started */
    int64_t kill_ms;   /* of either: the end of patience */
};

/* --- what a trial leads to --- */

static void end_agent(struct watch *w, int signal)
{
    if (w->child.pid == 0)
        return;
    if (!w->stopping)
        w->kill_ms = child_now_ms() + RULES_FAREWELL_MS;
    w->ending = true;
    (void)kill(w->child.pid, signal);
}

static void tell(const struct watch *w, enum state_phase before)
{
    const struct state *s = &w->trial.state;
    switch (s->phase) {
    case STATE_TRIAL:
        if (before == STATE_RESTORED) /* which it may not have been a moment ago */
            say("warning", "%s reaches the server: %s gets another trial, the last one", s->previous, s->version);
        say("info", "%s gets trial number %u", s->version, s->round);
        break;
    case STATE_COMMITTED: say("info", "%s is committed", s->version); break;
    case STATE_WAITING:
        say("warning",
            "%s does not reach the server either: %s gets another trial in %lld s, or when the server answers",
            s->previous, s->version, (long long)(trial_backoff_ms(s) / 1000));
        break;
    case STATE_RESTORED:
    case STATE_REJECTED:
        if (before == STATE_TRIAL)
            say("error", "%s %s: putting %s back", s->version, s->reason, s->previous);
        else
            say("error", "%s reaches the server and %s did not: it is rejected", s->previous, s->version);
        break;
    case STATE_NONE: break;
    }
}

static void step(struct watch *w, const struct trial_input *in);

static void place(struct watch *w)
{
    struct store_why why = {.text = ""};
    enum state_phase phase = w->trial.state.phase;
    w->unplaced = false;
    if (phase == STATE_NONE || phase == STATE_COMMITTED)
        return;
    enum store_put put = store_put(&w->store, phase == STATE_TRIAL ? w->store.made_new : w->store.backup, &why);
    if (put == STORE_PUT || (put == STORE_MISSING && phase == STATE_REJECTED)) /* the agent has tidied up */
        return;
    if (phase != STATE_TRIAL)
        say("error", "%s cannot be put back: %s: running what is there", w->trial.state.previous, why.text);
    if (phase == STATE_TRIAL || put == STORE_MISSING)
        step(w, &(struct trial_input){.kind = TRIAL_UNPLACED, .why = why.text});
    else
        w->unplaced = true;
}

static void settle(struct watch *w)
{
    struct store_why why = {.text = ""};
    if (w->unsaved) {
        w->unsaved = !store_save(&w->store, &w->trial.state, &why);
        if (w->unsaved)
            say("error", "the trial's state: %s", why.text);
    }
    if (w->unplaced)
        place(w);
    w->retry_ms = child_now_ms() + RETRY_MS;
}

static void step(struct watch *w, const struct trial_input *in)
{
    enum state_phase before = w->trial.state.phase;
    unsigned todo = trial_step(&w->trial, in, child_now_ms());
    if (w->trial.state.phase != before && (in->kind != TRIAL_UNPLACED || before == STATE_TRIAL))
        tell(w, before);
    if ((todo & TRIAL_EVIDENCE) != 0) {
        child_relay(&w->child, &w->evidence, true);
        if (!evidence_write(&w->evidence, &w->trial.state))
            say("error", "evidence in %s: %s", w->trial.state.evidence, strerror(errno));
    }
    w->unsaved = w->unsaved || (todo & TRIAL_SAVE) != 0;
    w->unplaced = w->unplaced || (todo & TRIAL_PLACE) != 0;
    if (todo != 0)
        settle(w);
    if ((todo & (TRIAL_END | TRIAL_KILL)) != 0)
        end_agent(w, (todo & TRIAL_KILL) != 0 ? SIGKILL : SIGTERM);
}

/* Reads what the agent may have left for us. In the launcher's own phases nobody else writes. */
static void look_for_trial(struct watch *w)
{
    struct state found = {.phase = STATE_NONE};
    struct store_why why = {.text = ""};
    char boot[STATE_BOOT_SIZE];
    enum state_phase phase = w->trial.state.phase;
    if (w->unsaved || phase == STATE_TRIAL || phase == STATE_RESTORED || phase == STATE_WAITING)
        return;
    if (store_load(&w->store, &found, &why) == STORE_REFUSED)
        say("error", "%s is not looked at: %s: running what is there", w->store.trial, why.text);
    store_boot_id(boot);
    trial_adopt(&w->trial, &found, boot);
    if (found.phase == STATE_TRIAL)
        w->evidence.total = 0;
}

/* --- starting --- */

static void plan_restart(struct watch *w, int code, int64_t lived_ms)
{
    int64_t wait_ms = rules_wait_after(code, &w->wait_ms, lived_ms);
    w->due_ms = child_now_ms() + wait_ms;
    if (wait_ms > 0)
        say("info", "starting it again in %lld s", (long long)(wait_ms / 1000));
}

/* Returns an exit code for the launcher, or GO_ON. */
static int start_agent(struct watch *w)
{
    look_for_trial(w);
    step(w, &(struct trial_input){.kind = TRIAL_STARTING});
    const struct state *s = &w->trial.state;
    bool on_trial = s->phase == STATE_TRIAL && !w->unplaced;
    if (!w->started && s->phase == STATE_NONE && access(w->o->agent, X_OK) != 0) {
        say("error", "%s: %s", w->o->agent, strerror(errno));
        return WATCH_MISUSE;
    }
    if (on_trial)
        say("info", "%s is on trial for %u s (start %u)", s->version, s->trial_s, s->starts);
    w->started = true;
    w->acknowledged = false;
    struct child_options options = {
        .agent = w->o->agent, .config = w->o->config, .mask = &w->original_mask, .on_trial = on_trial};
    if (child_start(&w->child, &options))
        step(w, &(struct trial_input){.kind = TRIAL_STARTED});
    else
        plan_restart(w, -1, 0);
    return GO_ON;
}

/* --- watching --- */

static void heard(void *ctx, enum rules_word word, const struct rules_replayed *replayed)
{
    struct watch *w = ctx;
    if (word == RULES_ACKNOWLEDGED && !w->acknowledged) {
        w->acknowledged = true;
        say("info", "the server has acknowledged the agent");
    }
    if (w->unplaced || w->stopping)
        return;
    step(w, &(struct trial_input){.kind = word == RULES_ACKNOWLEDGED ? TRIAL_ACKNOWLEDGED
                                          : word == RULES_REPLAYED   ? TRIAL_REPLAYED
                                                                     : TRIAL_SIGN,
                                  .replayed = *replayed});
}

static int64_t silent_at_ms(const struct watch *w)
{
    return w->child.sign_ms + trial_silence_ms(&w->trial);
}

static void check_silence(struct watch *w)
{
    if (w->child.pid == 0 || w->child.silent || w->ending || child_now_ms() < silent_at_ms(w))
        return;
    say("error", "no sign of life from process %d for %lld s: killing it", (int)w->child.pid,
        (long long)(trial_silence_ms(&w->trial) / 1000));
    w->child.silent = true;
    (void)kill(w->child.pid, SIGKILL);
}

static void tell_end(const struct watch *w, int code, int status)
{
    bool wanted = (w->stopping || w->ending) && code == 0;
    if (code >= 0)
        say(wanted || code == RULES_EXIT_RESTART ? "info" : "warning", "process %d ended with exit code %d",
            (int)w->child.pid, code);
    else
        say("warning", "process %d was ended by signal %d", (int)w->child.pid, WTERMSIG(status));
}

/* The agent has ended. Returns an exit code for the launcher, or GO_ON. */
static int agent_ended(struct watch *w, int status)
{
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    struct trial_input in = {.kind = TRIAL_ENDED, .code = code, .silent = w->child.silent};
    in.signal = code < 0 ? WTERMSIG(status) : 0;
    enum state_phase before = w->trial.state.phase;
    bool ending = w->ending;
    tell_end(w, code, status);
    child_relay(&w->child, &w->evidence, true);
    child_ended(&w->child);
    w->ending = false;
    if (w->stopping)
        return in.signal == SIGKILL ? WATCH_KILLED : WATCH_STOPPED;
    if (!w->unplaced)
        step(w, &in);
    if (ending || w->trial.state.phase != before) {
        w->due_ms = child_now_ms();
        return GO_ON;
    }
    if (code == RULES_EXIT_MISUSE) {
        say("error", "the agent's configuration is bad; starting it again would not help");
        return WATCH_MISUSE;
    }
    plan_restart(w, code, child_now_ms() - w->child.started_ms);
    return GO_ON;
}

/* Collects the agent and, as process 1, everybody else's orphans. */
static int collect(struct watch *w)
{
    int status;
    pid_t pid;
    int exit_code = GO_ON;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == w->child.pid)
            exit_code = agent_ended(w, status);
    return exit_code;
}

static void begin_stop(struct watch *w, int signal)
{
    if (!w->stopping)
        w->kill_ms = child_now_ms() + RULES_FAREWELL_MS;
    w->stopping = true;
    if (w->child.pid != 0)
        (void)kill(w->child.pid, signal);
}

/* Returns an exit code, or GO_ON. */
static int take_signals(struct watch *w)
{
    struct signalfd_siginfo info;
    int exit_code = GO_ON;
    while (read(w->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGCHLD) {
            int code = collect(w);
            exit_code = code >= 0 ? code : exit_code;
        } else if (info.ssi_signo == SIGHUP) {
            if (w->child.pid != 0)
                (void)kill(w->child.pid, SIGHUP);
        } else {
            begin_stop(w, (int)info.ssi_signo);
        }
    }
    if (exit_code < 0 && w->stopping && w->child.pid == 0)
        exit_code = WATCH_STOPPED;
    return exit_code;
}

/* --- what comes with time --- */

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int next_timeout(const struct watch *w)
{
    int64_t at_ms = INT64_MAX;
    if (w->stopping || w->ending)
        at_ms = w->kill_ms;
    if (!w->stopping && w->child.pid == 0)
        at_ms = earlier(at_ms, w->due_ms);
    if (!w->stopping && w->child.pid != 0 && !w->child.silent && !w->ending)
        at_ms = earlier(at_ms, silent_at_ms(w));
    if (!w->stopping && !w->unplaced)
        at_ms = earlier(at_ms, trial_due(&w->trial));
    if (w->unsaved || w->unplaced)
        at_ms = earlier(at_ms, w->retry_ms);
    int64_t left_ms = at_ms == INT64_MAX ? INT_MAX : at_ms - child_now_ms();
    return left_ms <= 0 ? 0 : left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

/* What the disk refused is tried again. If A has become what it must be, what runs is the wrong one. */
static void retry(struct watch *w)
{
    bool unplaced = w->unplaced;
    settle(w);
    if (unplaced && !w->unplaced)
        end_agent(w, SIGTERM);
}

static int pass_time(struct watch *w)
{
    int64_t now_ms = child_now_ms();
    if ((w->stopping || w->ending) && w->child.pid != 0 && now_ms >= w->kill_ms) {
        say("error", "process %d does not stop: killing it", (int)w->child.pid);
        (void)kill(w->child.pid, SIGKILL);
        w->kill_ms = now_ms + RULES_FAREWELL_MS;
    }
    if ((w->unsaved || w->unplaced) && now_ms >= w->retry_ms)
        retry(w);
    if (w->stopping)
        return GO_ON;
    check_silence(w);
    if (!w->unplaced && now_ms >= trial_due(&w->trial))
        step(w, &(struct trial_input){.kind = TRIAL_TIME});
    return w->child.pid == 0 && child_now_ms() >= w->due_ms ? start_agent(w) : GO_ON;
}

static int loop(struct watch *w)
{
    for (;;) {
        struct pollfd fds[3] = {{.fd = w->signal_fd, .events = POLLIN},
                                {.fd = w->child.sign_fd, .events = POLLIN},
                                {.fd = w->child.relay_fd, .events = POLLIN}};
        (void)poll(fds, 3, next_timeout(w));
        if (fds[2].revents != 0)
            child_relay(&w->child, &w->evidence, false);
        if (fds[1].revents != 0)
            child_listen(&w->child, heard, w);
        int exit_code = take_signals(w);
        if (exit_code == GO_ON)
            exit_code = pass_time(w);
        if (exit_code != GO_ON)
            return exit_code;
    }
}

/* --- the beginning --- */

static int open_signals(struct watch *w)
{
    sigset_t set;
    (void)signal(SIGPIPE, SIG_IGN); /* a log that nobody reads any more is no reason to end */
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, &w->original_mask) != 0)
        return -1;
    w->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return w->signal_fd < 0 ? -1 : 0;
}

int watch_run(const struct watch_options *o)
{
    struct watch w = {.o = o, .signal_fd = -1};
    child_init(&w.child);
    if (!store_init(&w.store, o->agent)) {
        say("error", "%.200s: path too long", o->agent);
        return WATCH_MISUSE;
    }
    if (open_signals(&w) != 0) {
        say("error", "signals: %s", strerror(errno));
        return WATCH_MISUSE;
    }
    w.due_ms = child_now_ms();
    return loop(&w);
}
