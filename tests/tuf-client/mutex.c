/* mbedTLS comes from the agent's libraries and has made room for musl's mutex, which on arm64 is smaller than that of
 * glibc, whose functions would write past its end. This program has one thread: the linker (--wrap) gives mbedTLS
 * these. */
int __wrap_pthread_mutex_init(void *mutex, const void *attr);
int __wrap_pthread_mutex_lock(void *mutex);
int __wrap_pthread_mutex_unlock(void *mutex);
int __wrap_pthread_mutex_destroy(void *mutex);

int __wrap_pthread_mutex_init(void *mutex, const void *attr)
{
    (void)mutex;
    (void)attr;
    return 0;
}

int __wrap_pthread_mutex_lock(void *mutex)
{
    (void)mutex;
    return 0;
}

int __wrap_pthread_mutex_unlock(void *mutex)
{
    (void)mutex;
    return 0;
}

int __wrap_pthread_mutex_destroy(void *mutex)
{
    (void)mutex;
    return 0;
}
