/* codes_json.h: the one reply that shows backup codes. Private to mfa/. */
#ifndef MUSTER_MFA_CODES_JSON_H
#define MUSTER_MFA_CODES_JSON_H

#include <jansson.h>

#include "mfa/backup_code.h"

/* {"success": true, "backupCodes": […]}; NULL: out of memory. */
json_t *backup_codes_json(char codes[][BACKUP_CODE_SIZE], int count);

/* Inside a write closure: there are new ones, so the alert that few are left is over. */
int backup_codes_told(struct db *db, const char *user_id, int64_t now_ms, struct err *err) MUSTER_NODISCARD;

#endif
