// The vocabulary once more for 8 lanes of double; see vector.h for what it promises.

typedef double vd __attribute__((vector_size(64), aligned(8)));
typedef int64_t vl __attribute__((vector_size(64), aligned(8)));
typedef float vh __attribute__((vector_size(32), aligned(4)));  // eight floats

LATENT_INLINE vd vd_all(double value) {
  return (vd){value, value, value, value, value, value, value, value};
}
LATENT_INLINE vh vh_load(const float *p) { return *(const vh *)p; }
LATENT_INLINE void vh_store(float *p, vh value) { *(vh *)p = value; }
LATENT_INLINE vd vd_load(const double *p) { return *(const vd *)p; }
LATENT_INLINE void vd_store(double *p, vd value) { *(vd *)p = value; }
// The first `count` (0...8) lanes of memory; the other lanes are zero and are not touched.
LATENT_INLINE vd vd_load_first(const double *p, int count) {
  if (count >= 8) return vd_load(p);
  vd value = {};
  memcpy(&value, p, (size_t)count * sizeof(double));
  return value;
}
LATENT_INLINE vd vd_select(vl mask, vd yes, vd no) {
  return (vd)((mask & (vl)yes) | (~mask & (vl)no));
}
LATENT_INLINE vd vd_fma(vd a, vd b, vd c) {
#if !LATENT_FUSED
  return a * b + c;
#elif defined(__clang__)
  return __builtin_elementwise_fma(a, b, c);
#else
  return gcc_fma_double(a, b, c);
#endif
}
// Compare and select: a NaN in `b` is passed on.
LATENT_INLINE vd vd_max(vd a, vd b) { return vd_select(a > b, a, b); }
LATENT_INLINE vd vd_min(vd a, vd b) { return vd_select(a < b, a, b); }

// The 8 lanes joined by one fixed tree: halves onto halves.
LATENT_INLINE double vd_sum(vd a) {
  double lanes[8];
  vd_store(lanes, a);
  return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) +
         ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]));
}
