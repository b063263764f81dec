// NEON: a panel is four registers; 6 rows of sums take 24 of the 32.
#include "../internal.h"

#if defined(__aarch64__)
#pragma clang diagnostic error "-Wignored-attributes"
#pragma clang diagnostic ignored "-Wpsabi"

#define LATENT_FUSED 1
#define LATENT_AVX512 0
#define LATENT_TILE_ROWS 6
#define LATENT_TILE_PANELS 1
#define LATENT_ISA_TABLE latent_backend_neon
#include "../kernels/all.h"

#endif
