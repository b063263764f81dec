// AVX-512: 24 sums of 16 lanes in registers. Lines about to be written are fetched by PREFETCHW, out of the
// cores that read them last: fetched to be read only, each waited for its owner once more when it was written
// (6 % of a batch of 20, Golden Cove). Processors that do not know it do nothing.
#include "../internal.h"

#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang diagnostic error "-Wignored-attributes"
#pragma clang diagnostic ignored "-Wpsabi"
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,prfchw"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,prfchw")
#endif
#define LATENT_FUSED 1
#define LATENT_AVX512 1
#define LATENT_TILE_ROWS 8
#define LATENT_TILE_PANELS 3
#define LATENT_ISA_TABLE latent_backend_avx512
#include "../kernels/all.h"
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
