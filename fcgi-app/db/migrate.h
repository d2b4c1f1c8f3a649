/* migrate.h: bringing a database to this program's schema.
 *
 * Migrations (sql/migrations, append-only) run forward, each in one transaction that first takes the write lock and
 * then looks whether another process has run it meanwhile; so any number of programs may start at once. A database that
 * holds data is copied before (backup.h). A schema made by a newer program is fine as long as it says that this one may
 * use it: migrations expand first and contract a release later. */
#ifndef MUSTER_DB_MIGRATE_H
#define MUSTER_DB_MIGRATE_H

#include "db/db.h"

struct migration {
    int64_t version; /* 0 is run at every start */
    const char *name;
    const char *least_app; /* the least program version that can run on the schema it leaves; "": any */
    const char *sha256;    /* of the file, so that one that was changed after the fact is noticed */
    const char *sql;
};
extern const struct migration migrations[]; /* generated; ended by an entry without sql */

struct migrate_options {
    const char *path;              /* of the database; made when it is not there and create is set */
    bool create;                   /* false: ERR_NOT_FOUND when there is none */
    const char *backup_dir;        /* where the copy before goes; NULL: no copy */
    const struct migration *table; /* NULL: migrations */
    const char *app_version;       /* NULL: this program's */
    int64_t now_ms;
};

struct migrate_result {
    int64_t from, to; /* schema versions; from 0: the database was empty */
    size_t applied;
    char backup[256]; /* the copy that was made before, or "" */
};

/* Blocks. ERR_CONFLICT when the schema needs a newer program, ERR_CORRUPT when an applied migration differs from ours.
 * A migration that fails leaves the database as the one before it left it. */
int db_migrate(const struct migrate_options *options, struct migrate_result *ret, struct err *err) MUSTER_NODISCARD;

#endif
