/* config_options.h: what a backup config says beside its name, its sources and its agent. Private to backup/.
 *
 * Stored as a complete JSON object, which agents and people get as it is:
 *
 *     type "full" | "incremental"       compression, encryption: booleans    method "zstd" | "gzip", level
 *     recipients [age1…]; []: the host's own                               excludes [patterns as in .gitignore]
 *     oneFileSystem                     maxFileSize bytes | null             skipTags [file names]
 *     schedule null | {"cron", "timeZone"} | {"everyHours"}
 *     window null | {"from": "22:00", "to": "06:00", "timeZone"}
 *     maxRuntimeMinutes | null          rateLimitKbps; 0: no limit           fullEvery; 0: never by count
 *     preHook, postHook: names | null   alertAfterHours | null
 *     verifyEveryDays; 0: off           verifyAgentId | null
 *     retentionDays | null: no limit    retention {keepLast, keepDaily, keepWeekly, keepMonthly, keepYearly}; 0: off
 *
 * What was stored by a version that knew fewer options gets the defaults of the others when it is read. */
#ifndef MUSTER_BACKUP_CONFIG_OPTIONS_H
#define MUSTER_BACKUP_CONFIG_OPTIONS_H

#include <jansson.h>

#include "common/jsonread.h"

/* Reads and checks the field "options" of what a person sent, with defaults for what is left out. What is wrong stands
 * in the reader's error. The caller json_decref()s it. NULL: out of memory. */
json_t *config_options_read(struct jsonread *config);

/* Stored options with every key. The caller json_decref()s it. NULL: out of memory, or no JSON object. */
json_t *config_options_complete(const char *stored);

#endif
