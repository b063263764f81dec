// What clang has built in and gcc has not: a * b + c with one rounding, and the square root, of whole
// vectors. In the halves that the instruction set knows, or lane by lane.

#if !defined(__clang__)

typedef float gcc_floats __attribute__((vector_size(64)));
typedef double gcc_doubles __attribute__((vector_size(64)));

#define LATENT_EACH_LANE(LANES, EXPRESSION)               \
  for (int i = 0; i < LANES; ++i) a[i] = EXPRESSION;      \
  return a;

#if defined(__AVX512F__)
LATENT_INLINE gcc_floats gcc_fma(gcc_floats a, gcc_floats b, gcc_floats c) {
  return __builtin_ia32_vfmaddps512_mask(a, b, c, -1, 4);
}
LATENT_INLINE gcc_doubles gcc_fma_double(gcc_doubles a, gcc_doubles b, gcc_doubles c) {
  return __builtin_ia32_vfmaddpd512_mask(a, b, c, -1, 4);
}
#elif defined(__FMA__)
typedef float gcc_half __attribute__((vector_size(32)));
typedef double gcc_half_double __attribute__((vector_size(32)));
LATENT_INLINE gcc_floats gcc_fma(gcc_floats a, gcc_floats b, gcc_floats c) {
  union { gcc_floats all; gcc_half half[2]; } x = {a}, y = {b}, z = {c};
  z.half[0] = __builtin_ia32_vfmaddps256(x.half[0], y.half[0], z.half[0]);
  z.half[1] = __builtin_ia32_vfmaddps256(x.half[1], y.half[1], z.half[1]);
  return z.all;
}
LATENT_INLINE gcc_doubles gcc_fma_double(gcc_doubles a, gcc_doubles b, gcc_doubles c) {
  union { gcc_doubles all; gcc_half_double half[2]; } x = {a}, y = {b}, z = {c};
  z.half[0] = __builtin_ia32_vfmaddpd256(x.half[0], y.half[0], z.half[0]);
  z.half[1] = __builtin_ia32_vfmaddpd256(x.half[1], y.half[1], z.half[1]);
  return z.all;
}
#else
LATENT_INLINE gcc_floats gcc_fma(gcc_floats a, gcc_floats b, gcc_floats c) {
  LATENT_EACH_LANE(16, __builtin_fmaf(a[i], b[i], c[i]))
}
LATENT_INLINE gcc_doubles gcc_fma_double(gcc_doubles a, gcc_doubles b, gcc_doubles c) {
  LATENT_EACH_LANE(8, __builtin_fma(a[i], b[i], c[i]))
}
#endif

#if defined(__AVX512F__)
LATENT_INLINE gcc_floats gcc_sqrt(gcc_floats a) {
  return __builtin_ia32_sqrtps512_mask(a, a, -1, 4);
}
#else
LATENT_INLINE gcc_floats gcc_sqrt(gcc_floats a) { LATENT_EACH_LANE(16, __builtin_sqrtf(a[i])) }
#endif

#endif
