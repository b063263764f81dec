// The compiler's default target: multiply, then add, since a fused operation may be a library call.
#include "../internal.h"

#if 1
#pragma clang diagnostic error "-Wignored-attributes"
#pragma clang diagnostic ignored "-Wpsabi"

#define LATENT_FUSED 0
#define LATENT_AVX512 0
#define LATENT_TILE_ROWS 2
#define LATENT_TILE_PANELS 1
#define LATENT_ISA_TABLE latent_backend_baseline
#include "../kernels/all.h"

#endif
