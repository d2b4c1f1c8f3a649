#include "http/server.h"

#include <errno.h>
#include <grp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "app.h"
#include "common/file.h"
#include "common/log.h"
#include "http/exchange.h"
#include "http/turns.h"

enum {
    BACKLOG = 65535,        /* what a whole fleet that comes back at once needs */
    BACKLOG_WANTED = 16384, /* below this the kernel's cap is worth a warning */
    ACCEPT_PAUSE_NS = 10 * 1000 * 1000,
    TURNS_LEAST = 2,
};

struct http_server {
    struct app *app;
    int fd;
    atomic_bool stopping;
    struct turns *turns;
    unsigned thread_count;
    pthread_t threads[];
};

/* --- the socket --- */

static void warn_backlog(void)
{
    char *text = NULL;
    uint64_t cap;
    if (file_read("/proc/sys/net/core/somaxconn", 32, &text, NULL, NULL) != 0)
        return;
    text[strcspn(text, "\n")] = '\0';
    if (cursor_parse_uint(text, INT32_MAX, &cap) && cap < BACKLOG_WANTED)
        log_warning("net.core.somaxconn is %llu: if more agents than that come back at once, some are refused and try "
                    "again; 'sysctl -w net.core.somaxconn=65535' before the start avoids it",
                    (unsigned long long)cap);
    free(text);
}

static bool somebody_answers(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool answers = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) == 0;
    if (fd >= 0)
        (void)close(fd);
    return answers;
}

/* The socket is made with no rights at all (umask 077), and opened to nginx's group when all is set. */
static int open_to_group(const struct settings *settings, struct err *err)
{
    if (settings->socket_group != NULL) {
        char scratch[4096];
        struct group entry, *group = NULL;
        (void)getgrnam_r(settings->socket_group, &entry, scratch, sizeof scratch, &group);
        if (group == NULL)
            return err_set(err, ERR_INVALID, "MUSTER_SOCKET_GROUP: there is no group %s", settings->socket_group);
        if (chown(settings->socket_path, (uid_t)-1, group->gr_gid) != 0)
            return err_sys(err, ERR_IO, "give %s to group %s", settings->socket_path, settings->socket_group);
    }
    if (chmod(settings->socket_path, 0660) != 0)
        return err_sys(err, ERR_IO, "chmod %s", settings->socket_path);
    return 0;
}

static int listen_at(const struct settings *settings, int *ret_fd, struct err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const char *path = settings->socket_path;
    if (strlen(path) >= sizeof address.sun_path)
        return err_set(err, ERR_INVALID, "MUSTER_SOCKET: a socket's path has at most %zu bytes",
                       sizeof address.sun_path - 1);
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (somebody_answers(&address))
        return err_set(err, ERR_CONFLICT, "%s: another server is running", path);
    (void)unlink(path); /* left by one that died */
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = 0;
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        rc = err_sys(err, ERR_IO, "bind %s", path);
    else if (listen(fd, BACKLOG) != 0)
        rc = err_sys(err, ERR_IO, "listen on %s", path);
    else
        rc = open_to_group(settings, err);
    if (rc != 0) {
        if (fd >= 0)
            (void)close(fd);
        return rc;
    }
    *ret_fd = fd;
    return 0;
}

/* --- the threads --- */

/* False when the server is to end. An accept that fails otherwise (out of descriptors, say) is tried again, after a
 * pause in which some may become free. */
static bool accept_next(struct http_server *s, struct http_exchange *x)
{
    for (bool complained = false;;) {
        int rc = FCGX_Accept_r(&x->fcgi);
        if (rc == 0)
            return true;
        if (atomic_load(&s->stopping))
            return false;
        if (!complained)
            log_error("accepting a request: %s", rc > -4096 && rc < 0 ? strerror(-rc) : "protocol error");
        complained = true;
        (void)nanosleep(&(struct timespec){.tv_nsec = ACCEPT_PAUSE_NS}, NULL);
    }
}

/* A request whose handler has returned: to its end, or to where it waits; *x is NULL then, for it belongs to the park
 * or to a line. Whoever had a place in a line goes on with the next one there. */
static void serve_on(struct http_exchange **x, struct db *db)
{
    for (;;) {
        const struct line_place place = (*x)->place;
        if (!place.waits) {
            struct http_exchange *next;
            if (exchange_conclude(*x))
                *x = NULL;
            if (place.line == NULL || (next = line_next(&place)) == NULL)
                return;
            exchange_free(*x);
            *x = next;
        } else if (line_commit(*x)) {
            *x = NULL;
            return;
        }
        (*x)->req.db = db;
        exchange_dispatch_again(*x);
    }
}

/* One request from its arrival on. False when the server is to end. */
static bool serve_one(struct http_server *s, struct http_exchange **x, struct db *db)
{
    if (*x == NULL && (*x = exchange_new(s->app, s->fd)) == NULL) {
        log_error("a worker ends: out of memory");
        return false;
    }
    if (!accept_next(s, *x))
        return false;
    (*x)->req.db = db;
    exchange_dispatch(*x);
    serve_on(x, db);
    return true;
}

static void *worker_main(void *arg)
{
    struct http_server *s = arg;
    struct http_exchange *x = NULL;
    struct db *db = NULL;
    struct err err = {0};
    struct db_options options = {.path = ((const struct settings *)s->app->settings)->db_path, .read_only = true};
    if (db_open(&options, &db, &err) != 0) {
        log_error("a worker cannot read the database: %s", err.msg);
        return NULL;
    }
    turns_take(s->turns);
    while (serve_one(s, &x, db))
        turns_renew(s->turns);
    turns_give(s->turns);
    exchange_free(x);
    db_close(db);
    return NULL;
}

/* One for each core; whoever waits for anything but a core lends its turn. */
static unsigned turn_count(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return (unsigned)(cores > TURNS_LEAST ? cores : TURNS_LEAST);
}

int http_server_start(struct app *app, struct http_server **ret, struct err *err)
{
    const struct settings *settings = app->settings;
    struct http_server *s = calloc(1, sizeof *s + settings->threads * sizeof s->threads[0]);
    if (s == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    s->app = app;
    s->fd = -1;
    s->turns = turns_new(turn_count());
    if (s->turns == NULL) {
        free(s);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    int rc = FCGX_Init() == 0 ? listen_at(settings, &s->fd, err) : err_set(err, ERR_INTERNAL, "FCGX_Init failed");
    while (rc == 0 && s->thread_count < settings->threads) {
        if (pthread_create(&s->threads[s->thread_count], NULL, worker_main, s) == 0)
            s->thread_count++;
        else
            rc = err_set(err, ERR_NOMEM, "cannot start thread %u of %u", s->thread_count + 1, settings->threads);
    }
    if (rc != 0) {
        (void)http_server_stop(s, 1000);
        return rc;
    }
    warn_backlog();
    *ret = s;
    return 0;
}

bool http_server_stop(struct http_server *s, int timeout_ms)
{
    if (s == NULL)
        return true;
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += timeout_ms / 1000;
    atomic_store(&s->stopping, true);
    /* On a listening unix socket this refuses new connections and lets accept(2) hand out the waiting ones before it
     * fails: nothing that nginx has handed over is lost. */
    if (s->fd >= 0)
        (void)shutdown(s->fd, SHUT_RDWR);
    for (unsigned i = 0; i < s->thread_count; i++)
        if (pthread_timedjoin_np(s->threads[i], NULL, &until) != 0)
            return false;
    if (s->fd >= 0) {
        const struct settings *settings = s->app->settings;
        (void)close(s->fd);
        (void)unlink(settings->socket_path);
    }
    turns_free(s->turns);
    free(s);
    return true;
}
