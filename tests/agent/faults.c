/* What is wrong with a release that the tests publish: -DFAULT_<name>. Only `muster-agent run` has the fault, so that a
 * self-test before the update does not see it. */
#include <fcntl.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef FAULT_none

static int is_the_service(void)
{
    char line[4096];
    int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof line - 1);
    if (fd >= 0)
        (void)close(fd);
    if (n <= 0)
        return 0;
    line[n] = '\0';
    size_t first = strlen(line) + 1;
    return first < (size_t)n && strcmp(line + first, "run") == 0;
}

#if defined(FAULT_crash)
static void fail(void)
{
    (void)fprintf(stderr, "the fault of this release: it aborts\n");
    abort();
}
#elif defined(FAULT_hang)
static void fail(void)
{
    (void)fprintf(stderr, "the fault of this release: it hangs\n");
    for (;;)
        (void)pause();
}
#elif defined(FAULT_exit)
/* Works, and ends after the seconds of MUSTER_TEST_EXIT_S [20]. */
static void leave(int signal)
{
    (void)signal;
    static const char why[] = "the fault of this release: it ends\n";
    if (write(STDERR_FILENO, why, sizeof why - 1) < 0)
        _exit(5);
    _exit(4);
}
static void fail(void)
{
    const char *seconds = getenv("MUSTER_TEST_EXIT_S");
    (void)signal(SIGALRM, leave);
    (void)alarm(seconds != NULL ? (unsigned)atoi(seconds) : 20);
}
#elif defined(FAULT_deaf)
/* Cannot reach the server: nothing listens where it is sent. */
static void fail(void)
{
    (void)setenv("SERVER_URL", "https://localhost:1", 1);
}
#elif defined(FAULT_shred)
/* Writes over every segment of the event log before it starts. */
static void fail(void)
{
    const char *state = getenv("MUSTER_TEST_STATE_DIR");
    char path[4096];
    glob_t files;
    if (state == NULL)
        abort();
    (void)snprintf(path, sizeof path, "%s/events/[0-9]*", state);
    if (glob(path, 0, NULL, &files) != 0)
        abort();
    for (size_t i = 0; i < files.gl_pathc; i++) {
        int fd = open(files.gl_pathv[i], O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, "shredded", 8) != 8)
            abort();
        (void)close(fd);
    }
    globfree(&files);
}
#else
#error "no such fault"
#endif

__attribute__((constructor)) static void begin(void)
{
    if (is_the_service())
        fail();
}

#endif
