#include "update/release_binary.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/jsonread.h"

enum { RUN_MS = 10 * 1000, ANSWER_MAX = 4096 };

const char *const release_arch_names[RELEASE_ARCHES + 1] = {"amd64", "arm64", NULL};

static const Elf64_Half machines[RELEASE_ARCHES] = {EM_X86_64, EM_AARCH64};

#if defined(__x86_64__)
static const enum release_arch native = RELEASE_AMD64;
#elif defined(__aarch64__)
static const enum release_arch native = RELEASE_ARM64;
#else
static const enum release_arch native = RELEASE_ARCHES;
#endif

static int check_elf(const char *data, size_t len, enum release_arch arch, struct err *err)
{
    Elf64_Ehdr header;
    if (len < sizeof header || memcmp(data, ELFMAG, SELFMAG) != 0)
        return err_set(err, ERR_INVALID, "not an ELF program");
    memcpy(&header, data, sizeof header);
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
        (header.e_type != ET_EXEC && header.e_type != ET_DYN))
        return err_set(err, ERR_INVALID, "not a 64-bit ELF program");
    if (header.e_machine != machines[arch])
        return err_set(err, ERR_INVALID, "not for %s: its machine is %u, not %u", release_arch_names[arch],
                       (unsigned)header.e_machine, (unsigned)machines[arch]);
    return 0;
}

/* As a string of its own: a longer version that begins or ends alike is another. */
static int check_string(const char *data, size_t len, const char *version, struct err *err)
{
    static const char of_versions[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.+-";
    size_t want = strlen(version);
    const char *end = data + len;
    for (const char *p = data; (p = memmem(p, (size_t)(end - p), version, want)) != NULL; p++)
        if (p > data && (p[-1] == '\0' || strchr(of_versions, p[-1]) == NULL) && p + want < end && p[want] == '\0')
            return 0;
    return err_set(err, ERR_INVALID, "does not say that it is version %s", version);
}

/* --- asking the program itself --- */

static void run_child(const char *path, int out)
{
    char program[PATH_MAX], version[] = "version", json[] = "--json";
    char *const argv[] = {program, version, json, NULL};
    char *const env[] = {NULL};
    (void)snprintf(program, sizeof program, "%s", path);
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0)
        _exit(126);
    (void)execve(path, argv, env);
    _exit(127);
}

static int64_t monotonic_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What the child writes until it closes its output, ANSWER_MAX or the deadline. */
static size_t read_answer(int fd, int64_t deadline_ms, char answer[ANSWER_MAX])
{
    size_t len = 0;
    while (len < ANSWER_MAX) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = deadline_ms - monotonic_ms();
        int ready = left > 0 ? poll(&p, 1, (int)left) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        ssize_t n = ready > 0 ? read(fd, answer + len, ANSWER_MAX - len) : 0;
        if (n <= 0)
            break;
        len += (size_t)n;
    }
    return len;
}

static bool says(const char *answer, size_t len, const char *version)
{
    struct err ignored = {0};
    json_t *json = jsonread_parse((struct span){answer, len}, &ignored);
    const char *said = json_string_value(json_object_get(json, "version"));
    bool ok = said != NULL && strcmp(said, version) == 0;
    json_decref(json);
    return ok;
}

static int ask(const char *path, const char *version, struct err *err)
{
    char answer[ANSWER_MAX];
    int pipes[2], status = 0;
    int64_t deadline_ms = monotonic_ms() + RUN_MS;
    if (pipe2(pipes, O_CLOEXEC) != 0)
        return err_sys(err, ERR_IO, "pipe");
    pid_t pid = fork();
    if (pid == 0)
        run_child(path, pipes[1]);
    (void)close(pipes[1]);
    size_t len = pid > 0 ? read_answer(pipes[0], deadline_ms, answer) : 0;
    (void)close(pipes[0]);
    if (pid < 0)
        return err_sys(err, ERR_IO, "fork");
    const struct timespec pause = {.tv_nsec = 5 * 1000000L};
    pid_t done;
    while ((done = waitpid(pid, &status, WNOHANG)) == 0 && monotonic_ms() < deadline_ms)
        (void)nanosleep(&pause, NULL);
    if (done == 0) {
        (void)kill(pid, SIGKILL);
        (void)waitpid(pid, &status, 0);
        return err_set(err, ERR_INVALID, "'version --json' has not ended after %d s", RUN_MS / 1000);
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return err_set(err, ERR_INVALID, "'version --json' fails when it is run");
    return says(answer, len, version) ? 0 : err_set(err, ERR_INVALID, "is not version %s when it is asked", version);
}

int release_binary_read(const char *path, enum release_arch arch, const char *version, char **ret_data, size_t *ret_len,
                        struct err *err)
{
    char *data = NULL;
    size_t len = 0;
    int rc = file_read(path, RELEASE_BINARY_MAX, &data, &len, err);
    if (rc != 0)
        return rc;
    rc = check_elf(data, len, arch, err);
    if (rc == 0)
        rc = check_string(data, len, version, err);
    if (rc == 0 && arch == native)
        rc = ask(path, version, err);
    if (rc != 0) {
        (void)err_prefix(err, "%.150s", path);
        free(data);
        return rc;
    }
    *ret_data = data;
    *ret_len = len;
    return 0;
}
