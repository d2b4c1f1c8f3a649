/*
 * Stands in for libarchive's table of Unicode normalisation forms (its include guard is taken here), which
 * is 36 KiB of a 900 KiB agent and is used only to rewrite names to NFC on the way. A backup has to give a
 * name back byte for byte, so the agent reads and writes with hdrcharset=BINARY, and nothing is normalised.
 */
#ifndef ARCHIVE_STRING_COMPOSITION_H_INCLUDED
#define ARCHIVE_STRING_COMPOSITION_H_INCLUDED

#include <stdint.h>

struct unicode_composition_table {
    uint32_t cp1;
    uint32_t cp2;
    uint32_t nfc;
};
struct unicode_decomposition_table {
    uint32_t nfc;
    uint32_t cp1;
    uint32_t cp2;
};

/* One entry that is no code point: the look-ups want a table that is not empty. */
__attribute__((unused)) static const struct unicode_composition_table u_composition_table[] = {
    {UINT32_MAX, UINT32_MAX, 0}};
__attribute__((unused)) static const struct unicode_decomposition_table u_decomposition_table[] = {{UINT32_MAX, 0, 0}};

#define IS_DECOMPOSABLE_BLOCK(uc) 0
#define CCC(uc)                   0

#endif
