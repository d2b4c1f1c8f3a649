#include "restore/watch.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "backup/retry.h"
#include "restore/remote_restore.h"

enum { EVERY_MS = 2000, END_RETRY_MS = 5 * 60 * 1000, END_RETRY_STOPPED_MS = 3000, STACK_SIZE = 256 * 1024 };

struct watch {
    const struct agent *agent;
    const char *job_id;
    struct report *report;
    struct api *api; /* the thread's, later watch_end's */
    int signal_fd;
    int end_fd; /* wakes the thread up for its end */
    bool running;
    pthread_t thread;
    atomic_uint_fast64_t total_bytes;
};

static bool readable(int fd, int wait_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, wait_ms) > 0;
}

static int tell(struct watch *w, const char *status, const char *detail, json_t *errors, bool *ret_cancel,
                struct err *err)
{
    const struct remote_job job = {
        .job_id = w->job_id,
        .status = status,
        .detail = detail,
        .files = atomic_load(&w->report->files),
        .bytes = atomic_load(&w->report->sent),
        .total_bytes = atomic_load(&w->total_bytes),
        .error_count = report_problems(w->report),
        .errors = errors,
    };
    return remote_job(w->api, &job, ret_cancel, err);
}

static void *watch_main(void *arg)
{
    struct watch *w = arg;
    bool cancelled = false;
    do {
        bool cancel = false;
        struct err err;
        if (tell(w, "running", "", NULL, &cancel, &err) == 0 && cancel && !cancelled) {
            cancelled = true;
            (void)kill(getpid(), SIGTERM);
        }
    } while (!readable(w->end_fd, EVERY_MS));
    return NULL;
}

static int start_thread(struct watch *w, struct err *err)
{
    pthread_attr_t attr;
    int rc = api_open(w->agent, &w->api, err);
    if (rc != 0)
        return rc;
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, STACK_SIZE);
    w->running = pthread_create(&w->thread, &attr, watch_main, w) == 0;
    (void)pthread_attr_destroy(&attr);
    return w->running ? 0 : err_set(err, ERR_NOMEM, "cannot start a thread");
}

static void stop_thread(struct watch *w)
{
    if (!w->running)
        return;
    (void)eventfd_write(w->end_fd, 1);
    (void)pthread_join(w->thread, NULL);
    w->running = false;
}

int watch_new(const struct agent *agent, const char *job_id, struct report *report, struct watch **ret, struct err *err)
{
    sigset_t stop;
    struct watch *w = calloc(1, sizeof *w);
    if (w == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, SIGTERM);
    (void)sigaddset(&stop, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &stop, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    *w = (struct watch){.agent = agent, .job_id = job_id, .report = report};
    w->signal_fd = signalfd(-1, &stop, SFD_CLOEXEC | SFD_NONBLOCK);
    w->end_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = w->signal_fd < 0 || w->end_fd < 0 ? err_sys(err, ERR_IO, "signalfd") : 0;
    if (rc == 0 && job_id != NULL)
        rc = start_thread(w, err);
    if (rc == 0)
        *ret = w;
    else
        watch_free(w);
    return rc;
}

void watch_expect(struct watch *w, uint64_t total_bytes)
{
    atomic_store(&w->total_bytes, total_bytes);
}

int watch_fd(const struct watch *w)
{
    return w->signal_fd;
}

bool watch_stopped(const struct watch *w)
{
    return readable(w->signal_fd, 0);
}

bool watch_sleep(const struct watch *w, int ms)
{
    return !readable(w->signal_fd, ms);
}

int watch_end(struct watch *w, const char *status, const char *detail, struct err *err)
{
    struct retry retry;
    bool cancel;
    char shown[REPORT_MESSAGE_MAX];
    if (w->job_id == NULL)
        return 0;
    stop_thread(w);
    bool stopped = watch_stopped(w);
    json_t *errors = report_errors_json(w->report);
    report_printable(detail, shown, sizeof shown);
    retry_init(&retry, w->agent->clock, stopped ? END_RETRY_STOPPED_MS : END_RETRY_MS);
    for (;;) {
        int rc = tell(w, status, shown, errors, &cancel, err);
        int wait = retry_worth(rc) ? retry_next_ms(&retry, NULL) : -1;
        if (wait < 0) {
            json_decref(errors);
            return rc;
        }
        retry_sleep(wait);
    }
}

void watch_free(struct watch *w)
{
    if (w == NULL)
        return;
    stop_thread(w);
    api_close(w->api);
    if (w->signal_fd >= 0)
        (void)close(w->signal_fd);
    if (w->end_fd >= 0)
        (void)close(w->end_fd);
    free(w);
}
