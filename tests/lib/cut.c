/* Loaded into a program (LD_PRELOAD), kills it in front of its n-th call that changes what is on disk; MUSTER_CUT_AT is
 * n. With it a test goes through every state that a crash can leave. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int calls;

static void step(void)
{
    const char *at = getenv("MUSTER_CUT_AT");
    if (at != NULL && __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) == atoi(at))
        (void)kill(getpid(), SIGKILL);
}

#define NEXT(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

int rename(const char *from, const char *to)
{
    step();
    return NEXT(rename)(from, to);
}

int link(const char *from, const char *to)
{
    step();
    return NEXT(link)(from, to);
}

int unlink(const char *path)
{
    step();
    return NEXT(unlink)(path);
}

int mkdir(const char *path, mode_t mode)
{
    step();
    return NEXT(mkdir)(path, mode);
}

int rmdir(const char *path)
{
    step();
    return NEXT(rmdir)(path);
}

int fsync(int fd)
{
    step();
    return NEXT(fsync)(fd);
}

int fdatasync(int fd)
{
    step();
    return NEXT(fdatasync)(fd);
}

int utimensat(int fd, const char *path, const struct timespec times[2], int flags)
{
    step();
    return NEXT(utimensat)(fd, path, times, flags);
}
