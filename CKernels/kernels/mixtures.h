// The mixture's pass in double and in float, from one source.

#include "vector_double.h"

#include "elementary_double.h"

// out += value, in double.
LATENT_INLINE void vd_add_to(double *out, vd value) { vd_store(out, vd_load(out) + value); }
LATENT_INLINE void vf_add_to(double *out, vf value) {
  typedef float v8 __attribute__((vector_size(32)));
  v8 low = __builtin_shufflevector(value, value, 0, 1, 2, 3, 4, 5, 6, 7);
  v8 high = __builtin_shufflevector(value, value, 8, 9, 10, 11, 12, 13, 14, 15);
  vd_add_to(out, __builtin_convertvector(low, vd));
  vd_add_to(out + 8, __builtin_convertvector(high, vd));
}
// The sum of a vector's lanes after they have been added up by the functions above.
LATENT_INLINE double vd_join(const double *lanes) { return vd_sum(vd_load(lanes)); }
LATENT_INLINE double vf_join(const double *lanes) {
  return vd_sum(vd_load(lanes) + vd_load(lanes + 8));
}

#define REAL double
#define LANES 8
#define vr vd
#define vr_mask vl
#define VR(NAME) vd_##NAME
#define MIXTURE(NAME) mixture_##NAME##_double
#include "mixture.h"
#undef REAL
#undef LANES
#undef vr
#undef vr_mask
#undef VR
#undef MIXTURE

#define REAL float
#define LANES 16
#define vr vf
#define vr_mask vi
#define VR(NAME) vf_##NAME
#define MIXTURE(NAME) mixture_##NAME##_float
#include "mixture.h"
#undef REAL
#undef LANES
#undef vr
#undef vr_mask
#undef VR
#undef MIXTURE
