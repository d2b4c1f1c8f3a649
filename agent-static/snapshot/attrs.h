/* attrs.h: extended attributes and POSIX ACLs, from a file to an archive entry.
 *
 * ACLs are read as the attributes that the kernel keeps them in, through the file's own descriptor, because the ACL
 * library has no way to read a directory's default ACL but by path. */
#ifndef MUSTER_AGENT_SNAPSHOT_ATTRS_H
#define MUSTER_AGENT_SNAPSHOT_ATTRS_H

#include <archive_entry.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/err.h"
#include "snapshot/walk.h"

/* A reader of pax headers takes 1 MiB in all: two and a third times this, and the longest path. */
enum { ATTRS_MAX = 256 * 1024 };

/* Adds the attributes of what entry names. Problems with single attributes are told to problem(ctx, why); the rest is
 * still added. ERR_NOMEM only. */
int attrs_read(const struct walk_entry *entry, struct archive_entry *ret, void (*problem)(void *ctx, const char *why),
               void *ctx, struct err *err) MUSTER_NODISCARD;

/* Adds the ACL in the kernel's form (struct posix_acl_xattr_header) of ARCHIVE_ENTRY_ACL_TYPE_ACCESS or _DEFAULT.
 * False, and nothing added, when it is not one. */
bool attrs_acl_parse(const void *data, size_t len, int type, struct archive_entry *ret);

/* The other way round: the entry's ACL of this type as the kernel wants it. 0 when it has none; ERR_TOO_BIG when ret is
 * too small. */
int attrs_acl_build(struct archive_entry *entry, int type, unsigned char *ret, size_t size,
                    size_t *ret_len) MUSTER_NODISCARD;

/* Gives the open directory the entry's attributes and ACLs. Problems as for attrs_read. */
void attrs_write(int fd, struct archive_entry *entry, void (*problem)(void *ctx, const char *why), void *ctx);

/* Takes out of an entry that was read from an archive the attributes that are there twice because archive.h stores them
 * twice: "user.a%0Ab" when "user.a\nb" is there too with the same value. ERR_NOMEM only. */
int attrs_clean(struct archive_entry *entry, struct err *err) MUSTER_NODISCARD;

#endif
