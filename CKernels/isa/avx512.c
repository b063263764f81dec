// AVX-512: 24 sums of 16 lanes in registers. PREFETCHW: see avx2.c.
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
