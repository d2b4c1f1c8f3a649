/* Loaded into a program (LD_PRELOAD), adds a byte to the file MUSTER_ARGON2_COUNT for every password that is compared,
 * be it with a hash or for nobody. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

static void count(void)
{
    const char *path = getenv("MUSTER_ARGON2_COUNT");
    int fd = path != NULL ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
    if (fd >= 0 && write(fd, "x", 1) != 1)
        abort();
    if (fd >= 0)
        (void)close(fd);
}

int argon2id_verify(const char *encoded, const void *pwd, size_t pwdlen)
{
    int (*real)(const char *, const void *, size_t) =
        (int (*)(const char *, const void *, size_t))dlsym(RTLD_NEXT, "argon2id_verify");
    count();
    return real(encoded, pwd, pwdlen);
}

int argon2id_hash_raw(uint32_t t, uint32_t m, uint32_t p, const void *pwd, size_t pwdlen, const void *salt,
                      size_t saltlen, void *hash, size_t hashlen)
{
    int (*real)(uint32_t, uint32_t, uint32_t, const void *, size_t, const void *, size_t, void *, size_t) =
        (int (*)(uint32_t, uint32_t, uint32_t, const void *, size_t, const void *, size_t, void *, size_t))dlsym(
            RTLD_NEXT, "argon2id_hash_raw");
    count();
    return real(t, m, p, pwd, pwdlen, salt, saltlen, hash, hashlen);
}
