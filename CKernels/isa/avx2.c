// AVX2 and FMA: a panel is two registers; 6 rows of sums take 12 of the 16.
//
// Lines about to be written are fetched by PREFETCHW, out of the cores that read them last: fetched to be read
// only, each was asked for once more when it was written (6 % of a batch of 20 with AVX-512, Golden Cove). To
// processors older than the instruction, Haswell among them, it is one that does nothing.
#include "../internal.h"

#if defined(__x86_64__)
#pragma clang diagnostic error "-Wignored-attributes"
#pragma clang diagnostic ignored "-Wpsabi"
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,prfchw"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,prfchw")
#endif
#define LATENT_FUSED 1
#define LATENT_AVX512 0
#define LATENT_TILE_ROWS 6
#define LATENT_TILE_PANELS 1
#define LATENT_ISA_TABLE latent_backend_avx2
#include "../kernels/all.h"
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
