// The same vocabulary for 8 lanes of double.

typedef double vd __attribute__((vector_size(64), aligned(8)));
typedef float vh __attribute__((vector_size(32), aligned(4)));  // their floats

LATENT_INLINE vd vd_all(double value) { return (vd){} + value; }
LATENT_INLINE vd vd_load(const double *p) { return *(const vd *)p; }
LATENT_INLINE void vd_store(double *p, vd value) { *(vd *)p = value; }
LATENT_INLINE vh vh_load(const float *p) { return *(const vh *)p; }
LATENT_INLINE void vh_store(float *p, vh value) { *(vh *)p = value; }

// a * b + c with one rounding; with two on the `baseline` set.
LATENT_INLINE vd vd_fma(vd a, vd b, vd c) {
#if LATENT_FUSED
  return __builtin_elementwise_fma(a, b, c);
#else
  return a * b + c;
#endif
}
