#include "backup/pipeline.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <mbedtls/sha256.h>

#include "age/age.h"
#include "backup/parts.h"
#include "backup/progress.h"
#include "backup/retry.h"
#include "backup/upload.h"
#include "common/encode.h"

enum {
    TICK_MS = 200,
    JOIN_MS = 3000,
    UPLOADERS = 2,
    STACK_SIZE =
        512 * 1024, /* musl's 128 KiB is too little for libarchive and zstd; what is not touched costs nothing */
};

struct pipeline {
    struct pipeline_options options;
    struct parts *parts;
    struct upload upload;
    atomic_bool stop;
    int signal_fd;
    int cancel_fd;
    pthread_mutex_t lock;
    struct err failure; /* the first one, of any thread */
    struct progress progress;
    int64_t next_report_ms;
    mbedtls_sha256_context sha256; /* the caller's thread alone, and so what follows */
    struct pipeline_result result;
    char piece[PART_PIECE];
};

/* --- stopping ---------------------------------------------------------------------------------------------------- */

/* The first failure is the one that is told; all threads end after it. */
static void stop(struct pipeline *p, const struct err *why)
{
    (void)pthread_mutex_lock(&p->lock);
    if (p->failure.code == 0)
        p->failure = *why;
    (void)pthread_mutex_unlock(&p->lock);
    atomic_store(&p->stop, true);
    (void)eventfd_write(p->cancel_fd, 1);
    parts_stop(p->parts);
}

static bool signalled(const struct pipeline *p)
{
    struct pollfd pfd = {.fd = p->signal_fd, .events = POLLIN};
    return poll(&pfd, 1, 0) > 0;
}

/* Why the run must end now; 0: it may go on. */
static int check_end(const struct pipeline *p, struct err *err)
{
    if (signalled(p))
        return err_set(err, ERR_CONFLICT, "stopped by a signal");
    if (p->options.deadline_ms != 0 && clock_monotonic_ms(p->options.agent->clock) >= p->options.deadline_ms)
        return err_set(err, ERR_TIMEOUT, "it took longer than the configuration allows");
    return 0;
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

static int take_room(void *ctx, void **ret, size_t *ret_len, struct err *err)
{
    struct pipeline *p = ctx;
    return parts_room(p->parts, ret, ret_len, err);
}

static void give_filled(void *ctx, size_t len)
{
    struct pipeline *p = ctx;
    parts_filled(p->parts, len);
}

static int write_object(struct pipeline *p, const struct pipeline_content *content, struct err *err)
{
    const struct compress_receiver out = {.room = take_room, .filled = give_filled, .ctx = p};
    struct age_encrypt *age = NULL;
    int rc = 0;
    if (p->options.recipient_count > 0)
        rc = age_encrypt_new(p->options.recipients, p->options.recipient_count, &out, &age, err);
    if (rc == 0)
        rc = content->write(content->ctx, age != NULL ? age_encrypt_receiver(age) : &out, &p->stop, err);
    if (rc == 0 && age != NULL)
        rc = age_encrypt_finish(age, err);
    age_encrypt_free(age);
    if (rc == 0)
        parts_end_object(p->parts);
    return rc;
}

static void *write_main(void *arg)
{
    struct pipeline *p = arg;
    struct err err = {0};
    int rc = write_object(p, &p->options.archive, &err);
    if (rc == 0 && p->options.index.write != NULL)
        rc = write_object(p, &p->options.index, &err);
    if (rc == 0)
        parts_end(p->parts);
    else
        stop(p, &err);
    return NULL;
}

static void *upload_main(void *arg)
{
    struct pipeline *p = arg;
    struct err err = {0};
    if (upload_parts(&p->upload, &err) != 0)
        stop(p, &err);
    return NULL;
}

/* --- the controller ---------------------------------------------------------------------------------------------- */

static int report_progress(struct pipeline *p, struct err *err)
{
    struct report *r = p->options.report;
    progress_show(&p->progress, r);
    int64_t now = clock_monotonic_ms(p->options.agent->clock);
    if (now < p->next_report_ms)
        return 0;
    p->next_report_ms = now + PIPELINE_PROGRESS_MS;
    const struct remote_progress told = {
        .files = atomic_load(&r->files),
        .bytes = atomic_load(&r->bytes),
        .sent = atomic_load(&r->sent),
        .total_files = p->options.total_files,
        .total_bytes = p->options.total_bytes,
    };
    struct remote_orders orders = {0};
    struct err ignored; /* a server that does not answer now is met again by the parts */
    int rc = remote_progress(p->options.api, p->options.log_id, &told, &orders, &ignored);
    if (rc != 0 || !orders.cancel)
        return 0;
    bool why = orders.reason[0] != '\0';
    return err_set(err, ERR_CONFLICT, "cancelled by the server%s%s", why ? ": " : "", orders.reason);
}

static int tick(struct pipeline *p, struct err *err)
{
    int rc = check_end(p, err);
    return rc == 0 ? report_progress(p, err) : rc;
}

static int pause_for(struct pipeline *p, int ms, struct err *err)
{
    for (; ms > 0; ms -= TICK_MS) {
        int rc = check_end(p, err);
        if (rc != 0)
            return rc;
        if (parts_sleep(p->parts, ms < TICK_MS ? ms : TICK_MS) != 0)
            return err_set(err, ERR_CONFLICT, "stopped");
    }
    return 0;
}

static int ask_url(struct pipeline *p, struct part *part, struct err *err)
{
    struct retry retry;
    retry_init(&retry, p->options.agent->clock, PIPELINE_RETRY_MS);
    for (;;) {
        const struct remote_part asked = upload_part_of(part, p->options.digest, p->options.report);
        struct api_result result = {.retry_after_s = -1};
        int rc = remote_part_url(p->options.api, p->options.log_id, &asked, &part->url, &result, err);
        if (rc == 0)
            return 0;
        struct err end;
        int ended = check_end(p, &end);
        if (ended != 0) {
            *err = end;
            return ended;
        }
        int wait = retry_worth(rc) ? retry_next_ms(&retry, &result) : -1;
        if (wait < 0)
            return err_prefix(err, "part %llu", (unsigned long long)part->number);
        rc = pause_for(p, wait, err);
        if (rc != 0)
            return rc;
    }
}

static int add_to_sha256(struct pipeline *p, const struct part *part, struct err *err)
{
    const void *piece;
    size_t len;
    for (size_t at = 0; at < part->size; at += len) {
        int rc = part_read(part, at, p->piece, &piece, &len, err);
        if (rc != 0)
            return rc;
        if (mbedtls_sha256_update(&p->sha256, piece, len) != 0)
            return err_set(err, ERR_INTERNAL, "hashing failed");
    }
    return 0;
}

static int make_ready(struct pipeline *p, struct part *part, struct err *err)
{
    int rc = part->object == 0 ? add_to_sha256(p, part, err) : 0;
    if (rc != 0)
        return rc;
    struct pipeline_object *object = part->object == 0 ? &p->result.archive : &p->result.index;
    object->part_count = part->number;
    object->size += part->size;
    rc = ask_url(p, part, err);
    if (rc == 0)
        parts_pass(p->parts, part);
    return rc;
}

static int control(struct pipeline *p, struct err *err)
{
    struct part *part;
    int rc;
    do {
        rc = parts_wait_full(p->parts, TICK_MS, &part, err);
        if (rc == 0)
            rc = make_ready(p, part, err);
        if (rc == 0 || rc == ERR_TIMEOUT)
            rc = tick(p, err);
    } while (rc == 0);
    while (rc == ERR_NOT_FOUND) { /* every part is ready; now they must be sent */
        int drained = parts_drain(p->parts, TICK_MS);
        if (drained == 0)
            return 0;
        if (drained == ERR_CONFLICT)
            return err_set(err, ERR_CONFLICT, "stopped");
        if ((drained = tick(p, err)) != 0)
            rc = drained;
    }
    return rc;
}

/* --- threads ----------------------------------------------------------------------------------------------------- */

static int spawn(pthread_t *ret, void *(*entry)(void *), struct pipeline *p, struct err *err)
{
    pthread_attr_t attr;
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setstacksize(&attr, STACK_SIZE);
    int rc = pthread_create(ret, &attr, entry, p);
    (void)pthread_attr_destroy(&attr);
    errno = rc;
    return rc == 0 ? 0 : err_sys(err, ERR_NOMEM, "start a thread");
}

/* False when the thread does not end: one can hang in a read from a dead network file system for ever. */
static bool join(pthread_t thread)
{
    struct timespec deadline;
    (void)clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += JOIN_MS / 1000;
    return pthread_timedjoin_np(thread, NULL, &deadline) == 0;
}

static void pipeline_free(struct pipeline *p)
{
    if (p == NULL)
        return;
    if (p->signal_fd >= 0)
        (void)close(p->signal_fd);
    if (p->cancel_fd >= 0)
        (void)close(p->cancel_fd);
    mbedtls_sha256_free(&p->sha256);
    parts_free(p->parts);
    (void)pthread_mutex_destroy(&p->upload.lock);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}

static int pipeline_new(const struct pipeline_options *options, const sigset_t *signals, struct pipeline **ret,
                        struct err *err)
{
    struct pipeline *p = calloc(1, sizeof *p);
    if (p == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    p->options = *options;
    (void)pthread_mutex_init(&p->lock, NULL);
    mbedtls_sha256_init(&p->sha256);
    progress_init(&p->progress, options->agent->clock, options->progress);
    p->progress.total_files = options->total_files;
    p->progress.total_bytes = options->total_bytes;
    p->signal_fd = signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
    p->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = parts_new(options->part_size, options->digest, options->agent->state_dir, &p->parts, err);
    if (rc == 0 && (p->signal_fd < 0 || p->cancel_fd < 0))
        rc = err_sys(err, ERR_IO, "signalfd, eventfd");
    if (rc == 0 && mbedtls_sha256_starts(&p->sha256, 0) != 0)
        rc = err_set(err, ERR_INTERNAL, "hashing failed");
    if (rc != 0) {
        pipeline_free(p);
        return rc;
    }
    p->upload = (struct upload){.agent = options->agent,
                                .log_id = options->log_id,
                                .parts = p->parts,
                                .report = options->report,
                                .digest = options->digest,
                                .cancel_fd = p->cancel_fd,
                                .rate = options->rate,
                                .lock = PTHREAD_MUTEX_INITIALIZER};
    pace_init(&p->upload.pace, options->rate, clock_monotonic_ms(options->agent->clock));
    *ret = p;
    return 0;
}

/* Runs the threads and waits for their end. False: one hangs, and what they share must stay. */
static bool run_threads(struct pipeline *p)
{
    struct err err = {0};
    pthread_t threads[1 + UPLOADERS];
    size_t count = 0;
    int rc = 0;
    for (; rc == 0 && count < 1 + UPLOADERS; count += rc == 0)
        rc = spawn(&threads[count], count == 0 ? write_main : upload_main, p, &err);
    api_set_cancel(p->options.api, p->signal_fd);
    if (rc == 0)
        rc = control(p, &err);
    if (rc != 0)
        stop(p, &err);
    api_set_cancel(p->options.api, -1);
    bool ended = true;
    while (count > 0)
        ended = join(threads[--count]) && ended;
    return ended;
}

static int take_result(struct pipeline *p, struct pipeline_result *ret, struct err *err)
{
    unsigned char sha256[32];
    if (mbedtls_sha256_finish(&p->sha256, sha256) != 0)
        return err_set(err, ERR_INTERNAL, "hashing failed");
    hex_encode(sha256, sizeof sha256, p->result.sha256);
    *ret = p->result;
    return 0;
}

int pipeline_run(const struct pipeline_options *options, struct pipeline_result *ret, struct err *err)
{
    sigset_t signals, before;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &signals, &before);
    struct pipeline *p = NULL;
    int rc = pipeline_new(options, &signals, &p, err);
    if (rc != 0)
        goto out;
    bool ended = run_threads(p);
    progress_end(&p->progress);
    (void)pthread_mutex_lock(&p->lock);
    struct err failure = p->failure;
    (void)pthread_mutex_unlock(&p->lock);
    rc = failure.code;
    if (rc != 0)
        *err = failure;
    else
        rc = take_result(p, ret, err);
    struct signalfd_siginfo taken;
    while (read(p->signal_fd, &taken, sizeof taken) > 0)
        ;
    if (ended) /* else a hanging thread still uses it; the process is about to end anyway */
        pipeline_free(p);
out:
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}
