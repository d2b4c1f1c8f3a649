/* repo.h: the update repository on disk, MUSTER_UPDATE_DIR.
 *
 *   public/                  what nginx serves under /updates/, and nothing else is
 *     tuf/timestamp.json, tuf/N.root.json, tuf/N.snapshot.json, tuf/N.targets.json
 *     tuf/targets/<version>/<sha256>.agent-linux-<arch>[.from-<version>.zst]
 *     agent-linux-<arch>, manifest.json, helm-values.yaml     of the newest stable release (release_public.h)
 *   staging/<version>/       releases that were made and are not published
 *   pending/                 metadata that waits for signatures made elsewhere
 *   lock                     held by whoever changes any of it
 *
 * Every change is written in an order that leaves a repository that clients accept at any point: files, then N.targets,
 * then N.snapshot, then timestamp.json, which makes it visible. What a change that was cut short has left is written
 * over by the next one. All of it blocks. */
#ifndef MUSTER_UPDATE_REPO_H
#define MUSTER_UPDATE_REPO_H

#include <jansson.h>
#include <stdint.h>

#include "update/tuf_document.h"

enum { REPO_PATH_SIZE = 4096, REPO_TARGET_MAX = 256 << 20 };

struct repo {
    char dir[REPO_PATH_SIZE / 2];
    int lock;                                      /* -1 when it was opened to be read */
    char fingerprint[7 + DIGEST_HEX_SIZE];         /* "sha256:…" of 1.root.json: what hosts pin */
    json_t *root, *targets, *snapshot, *timestamp; /* the newest; NULL in one that is being made */
};

enum repo_mode {
    REPO_READ,   /* without the lock: somebody may change it meanwhile */
    REPO_TRY,    /* ERR_UNAVAILABLE when another holds the lock */
    REPO_WAIT,   /* waits for it for half a minute */
    REPO_CREATE, /* as WAIT, and makes the directories; ERR_CONFLICT when there is a repository */
};

/* Opens and checks that root, timestamp, snapshot and targets fit together and are signed; whether they have expired is
 * not judged. ERR_NOT_FOUND: there is none yet. */
int repo_open(const char *dir, enum repo_mode mode, struct repo **ret, struct err *err) MUSTER_NODISCARD;
void repo_close(struct repo *repo); /* NULL does nothing */

/* What to change. Whatever is given must be signed already; snapshot and timestamp are made and signed here. */
struct repo_change {
    const json_t *root;               /* the next root, or NULL */
    const json_t *targets;            /* the next targets, or NULL */
    bool timestamp_only;              /* neither of them, and the snapshot stays */
    const struct tuf_keyring *server; /* snapshot and timestamp keys */
    int64_t now_ms, snapshot_life_s, timestamp_life_s;
};

/* Checks all of it first: versions that follow, signatures, files of targets (taken from staging), and that the
 * repository fits the old root as well as the new one at every step. Only where the old root's keys cannot sign any
 * more is the new root written first, and clients have to wait for the rest. After 0 the repo holds what is new.
 * ERR_CONFLICT: not the next version; ERR_DENIED: signatures are missing; ERR_NOT_FOUND: a file or key is. */
int repo_commit(struct repo *repo, const struct repo_change *change, struct err *err) MUSTER_NODISCARD;

/* Checks everything as a client would that trusts 1.root.json, expiry and every file included. ERR_CORRUPT,
 * ERR_DENIED, ERR_TIMEOUT (expired) name the first thing that is wrong. */
int repo_check(const struct repo *repo, int64_t now_ms, struct err *err) MUSTER_NODISCARD;

/* Removes metadata that nothing refers to since before then, and a version's files that targets does not list. */
int repo_prune_metadata(const struct repo *repo, int64_t before_ms, struct err *err) MUSTER_NODISCARD;
int repo_prune_version(const struct repo *repo, const char *version, struct err *err) MUSTER_NODISCARD;

/* Removes from staging the versions that targets lists: their files are in public by now. */
int repo_drop_staged(const struct repo *repo, struct err *err) MUSTER_NODISCARD;

/* --- for the files around it --- */

/* "dir/<formatted>". ERR_INVALID when it is too long. */
int repo_path(const struct repo *repo, char ret[REPO_PATH_SIZE], struct err *err, const char *fmt, ...)
    MUSTER_PRINTF(4, 5) MUSTER_NODISCARD;

/* The place of a target under public/tuf/targets, by its path and hash. ERR_INVALID: not a path of ours. */
int repo_target_path(const struct repo *repo, const char *target, const json_t *info, char ret[REPO_PATH_SIZE],
                     struct err *err) MUSTER_NODISCARD;

/* Replaces a file whose name stays. nginx's ETag is made of size and seconds, so it gets a time of its own. A file that
 * is the same already is left alone. */
int repo_write(const char *path, const void *data, size_t len, struct err *err) MUSTER_NODISCARD;

/* Whether the file has this length and hash: 0, ERR_NOT_FOUND or ERR_CORRUPT. */
int repo_file_check(const char *path, const json_t *info, struct err *err) MUSTER_NODISCARD;

/* Removes a directory of files, and it too, as far as they are there. */
int repo_remove_dir(const char *path, struct err *err) MUSTER_NODISCARD;

#endif
