/*
 * What the agent never asks of zstd, in place of zstd_ldm.c and zstd_compress_superblock.c: long-distance matching
 * and blocks of a wanted compressed size, 10 KiB in all. Asked for all the same, they fail with an error.
 */
#include "common/zstd_internal.h"
#include "compress/zstd_compress_superblock.h"
#include "compress/zstd_ldm.h"

void ZSTD_ldm_adjustParameters(ldmParams_t *params, const ZSTD_compressionParameters *level)
{
    (void)params;
    (void)level;
}

size_t ZSTD_ldm_getTableSize(ldmParams_t params)
{
    (void)params;
    return 0;
}

size_t ZSTD_ldm_getMaxNbSeq(ldmParams_t params, size_t chunk)
{
    (void)params;
    (void)chunk;
    return 0;
}

void ZSTD_ldm_fillHashTable(ldmState_t *state, const BYTE *from, const BYTE *to, const ldmParams_t *params)
{
    (void)state;
    (void)from;
    (void)to;
    (void)params;
}

size_t ZSTD_ldm_generateSequences(ldmState_t *state, RawSeqStore_t *sequences, const ldmParams_t *params,
                                  const void *src, size_t size)
{
    (void)state;
    (void)sequences;
    (void)params;
    (void)src;
    (void)size;
    return ERROR(parameter_unsupported);
}

size_t ZSTD_ldm_blockCompress(RawSeqStore_t *sequences, ZSTD_MatchState_t *match, SeqStore_t *store,
                              U32 rep[ZSTD_REP_NUM], ZSTD_ParamSwitch_e rows, const void *src, size_t size)
{
    (void)sequences;
    (void)match;
    (void)store;
    (void)rep;
    (void)rows;
    (void)src;
    (void)size;
    return ERROR(parameter_unsupported);
}

void ZSTD_ldm_skipSequences(RawSeqStore_t *sequences, size_t size, U32 least)
{
    (void)sequences;
    (void)size;
    (void)least;
}

void ZSTD_ldm_skipRawSeqStoreBytes(RawSeqStore_t *sequences, size_t size)
{
    (void)sequences;
    (void)size;
}

size_t ZSTD_compressSuperBlock(ZSTD_CCtx *zc, void *dst, size_t capacity, const void *src, size_t size, unsigned last)
{
    (void)zc;
    (void)dst;
    (void)capacity;
    (void)src;
    (void)size;
    (void)last;
    return ERROR(parameter_unsupported);
}
