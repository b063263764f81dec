// The mixture's pass in double and in float, from one source.

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

// x - shift, rounded once.
LATENT_INLINE vd vd_less(vd x, const double *shift) { return x - vd_load(shift); }
LATENT_INLINE vf vf_less(vf x, const double *shift) {
  typedef float v8 __attribute__((vector_size(32)));
  v8 low = __builtin_shufflevector(x, x, 0, 1, 2, 3, 4, 5, 6, 7);
  v8 high = __builtin_shufflevector(x, x, 8, 9, 10, 11, 12, 13, 14, 15);
  low = __builtin_convertvector(__builtin_convertvector(low, vd) - vd_load(shift), v8);
  high = __builtin_convertvector(__builtin_convertvector(high, vd) - vd_load(shift + 8), v8);
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

// e^x of four vectors x <= 0; zero below -87.
LATENT_INLINE void vf_exp_shares(vf x[4]) {
  for (int i = 0; i < 4; ++i)
    x[i] = vf_select(x[i] < -87.0f, (vf){}, vf_exp_normal(vf_max(vf_all(-87.0f), x[i])));
}

// A square of as many vectors as lanes, transposed by exchanging ever larger blocks.
#define EXCHANGE(TYPE, COUNT, STEP, LOW, HIGH)                              \
  for (int i = 0; i < COUNT; ++i)                                           \
    if (!(i & STEP)) {                                                      \
      TYPE a = rows[i], b = rows[i + STEP];                                 \
      rows[i] = __builtin_shufflevector(a, b, LOW);                         \
      rows[i + STEP] = __builtin_shufflevector(a, b, HIGH);                 \
    }
#define LIST(...) __VA_ARGS__
LATENT_INLINE void vd_transpose(vd rows[8]) {
  EXCHANGE(vd, 8, 1, LIST(0, 8, 2, 10, 4, 12, 6, 14), LIST(1, 9, 3, 11, 5, 13, 7, 15))
  EXCHANGE(vd, 8, 2, LIST(0, 1, 8, 9, 4, 5, 12, 13), LIST(2, 3, 10, 11, 6, 7, 14, 15))
  EXCHANGE(vd, 8, 4, LIST(0, 1, 2, 3, 8, 9, 10, 11), LIST(4, 5, 6, 7, 12, 13, 14, 15))
}
LATENT_INLINE void vf_transpose(vf rows[16]) {
  EXCHANGE(vf, 16, 1, LIST(0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30),
           LIST(1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31))
  EXCHANGE(vf, 16, 2, LIST(0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29),
           LIST(2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31))
  EXCHANGE(vf, 16, 4, LIST(0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27),
           LIST(4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31))
  EXCHANGE(vf, 16, 8, LIST(0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23),
           LIST(8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31))
}
#undef EXCHANGE
#undef LIST

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
