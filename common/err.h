/* err.h: how a function of this project says what went wrong.
 *
 * A function that can fail returns int: 0 or a negative enum err_code. The story for a human goes into the caller's
 * struct err, in one line, without secrets. Library code never logs; whoever handles the request or the command logs
 * once. Outputs named ret_* are untouched on failure. */
#ifndef MUSTER_COMMON_ERR_H
#define MUSTER_COMMON_ERR_H

enum err_code {
    ERR_NOMEM = -1,       /* memory or a stated cap is used up */
    ERR_IO = -2,          /* the operating system refused; sys_errno says why */
    ERR_INVALID = -3,     /* bytes from outside are not what they should be */
    ERR_TOO_BIG = -4,     /* more than the stated limit */
    ERR_NOT_FOUND = -5,   /* what was named does not exist, or is not the caller's to see */
    ERR_CONFLICT = -6,    /* the state does not allow it */
    ERR_DENIED = -7,      /* the caller may not */
    ERR_UNAVAILABLE = -8, /* not now; trying again may help */
    ERR_TIMEOUT = -9,     /* took longer than allowed */
    ERR_CORRUPT = -10,    /* stored data fails its own check */
    ERR_INTERNAL = -11,   /* our own bug */
};

struct err {
    int code;      /* an enum err_code, or 0 */
    int sys_errno; /* errno at the failure, or 0 */
    char msg[320]; /* one line, no line break, no secret */
};

#define MUSTER_NODISCARD         __attribute__((warn_unused_result))
#define MUSTER_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* What err_set and err_sys do; those are macros only so that compilers and analyzers see which code comes back. */
void err_record(struct err *e, int code, const char *fmt, ...) MUSTER_PRINTF(3, 4);
void err_record_sys(struct err *e, int code, const char *fmt, ...) MUSTER_PRINTF(3, 4);

/* Fills *e (which may be NULL) and returns code, so that `return err_set(e, ERR_INVALID, …)` reads as one act. Control
 * characters in the text become '?'. */
#define err_set(e, code, ...) (err_record((e), (code), __VA_ARGS__), (code))

/* As err_set, with errno kept in sys_errno and its text appended: "open /x: No such file or directory". */
#define err_sys(e, code, ...) (err_record_sys((e), (code), __VA_ARGS__), (code))

/* Puts "context: " in front of the message that is there. Returns e->code. */
int err_prefix(struct err *e, const char *fmt, ...) MUSTER_PRINTF(2, 3);

/* "not found" for ERR_NOT_FOUND, and so on. Never NULL. */
const char *err_name(int code);

#endif
