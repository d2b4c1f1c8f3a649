/* size_check.h: a backup that is much smaller than those before it: a disk was not mounted, or somebody has emptied
 * what is backed up. Private to backup/. */
#ifndef MUSTER_BACKUP_SIZE_CHECK_H
#define MUSTER_BACKUP_SIZE_CHECK_H

#include "db/db.h"

/* Inside the write that ends a run with an object, behind it: raises the alert backup.shrunk when what the run found is
 * below half of the median of the ten good runs before it. Compared is what the tree holds where agents say so, else
 * the size of full archives; a run that says neither is not judged. Raised once for runs in a row. */
int size_check(struct db *db, const char *run_id, int64_t now_ms, struct err *err) MUSTER_NODISCARD;

#endif
