// The bit contract where no machine helps: fused operations through fmaf, lane by lane.
#include "../internal.h"

#if 1
#pragma clang diagnostic error "-Wignored-attributes"
#pragma clang diagnostic ignored "-Wpsabi"

#define LATENT_FUSED 1
#define LATENT_AVX512 0
#define LATENT_TILE_ROWS 6
#define LATENT_TILE_PANELS 1
#define LATENT_ISA_TABLE latent_backend_scalar
#include "../kernels/all.h"

#endif
