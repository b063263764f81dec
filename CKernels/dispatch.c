// Which instruction sets this build has and this CPU can execute.

#include "internal.h"

static const char *const names[LATENT_ISA_COUNT] = {"scalar", "baseline", "neon", "avx2", "avx512"};

const char *latent_isa_name(latent_isa isa) {
  return (unsigned)isa < LATENT_ISA_COUNT ? names[isa] : "unknown";
}

bool latent_isa_available(latent_isa isa) {
  switch (isa) {
    case LATENT_ISA_SCALAR:
    case LATENT_ISA_BASELINE: return true;
#if defined(__aarch64__)
    case LATENT_ISA_NEON: return true;
#endif
#if defined(__x86_64__)
    // Clang's check includes that the operating system saves the registers.
    case LATENT_ISA_AVX2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case LATENT_ISA_AVX512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
#endif
    default: return false;
  }
}

latent_isa latent_isa_best(void) {
  static const latent_isa order[] = {LATENT_ISA_AVX512, LATENT_ISA_AVX2, LATENT_ISA_NEON};
  for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); ++i)
    if (latent_isa_available(order[i])) return order[i];
  return LATENT_ISA_BASELINE;
}

bool latent_looks_far;
#if defined(__x86_64__)
__attribute__((constructor)) static void look(void) {
  __builtin_cpu_init();
  latent_looks_far = __builtin_cpu_is("amd");
}
#endif

const latent_backend *latent_backend_for(latent_isa isa) {
  if (!latent_isa_available(isa)) return NULL;
  switch (isa) {
    case LATENT_ISA_SCALAR: return &latent_backend_scalar;
    case LATENT_ISA_BASELINE: return &latent_backend_baseline;
#if defined(__aarch64__)
    case LATENT_ISA_NEON: return &latent_backend_neon;
#endif
#if defined(__x86_64__)
    case LATENT_ISA_AVX2: return &latent_backend_avx2;
    case LATENT_ISA_AVX512: return &latent_backend_avx512;
#endif
    default: return NULL;
  }
}

const latent_kernels *latent_kernels_for(latent_isa isa) {
  const latent_backend *backend = latent_backend_for(isa);
  return backend ? &backend->kernels : NULL;
}
