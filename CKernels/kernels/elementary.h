// exp, log and what networks make of them, 16 lanes at a time.
//
// Largest errors over all 2^32 inputs against double precision, in units of the last place (ULP), and
// where; Tests/KernelsTests/AccuracyTests.swift holds them to bounds a little above:
//   exp       0.892  0x1.4ce7a6p+2     sigmoid   1.470  -0x1.3ca12ep+1
//   log       0.832  0x1.697dc8p+0     softplus  1.822  0x1.a7da3p-5
//   log1p     1.380  0x1.c4771ap-2     erf       1.018  0x1.0f311ep+0
//   tanh      1.981  0x1.09afc8p-1     elu       1.000  -0x1p-149
// Polynomials are minimax fits of our own (Lawson's algorithm, 40 digits), highest power first.

// x = n log 2 + r with |r| <= log(2) / 2; n + 128 stands in the low bits of `shifted`, too.
typedef struct latent_exp {
  vf r, n;
  vi shifted;
} latent_exp;
LATENT_INLINE latent_exp vf_exp_first(vf x) {
  const vf shift = vf_all(0x1.8p23f + 128);
  vf scaled = vf_fma(x, vf_all(0x1.715476p0f), shift);
  vf n = scaled - shift;
  vf r = vf_fma(n, vf_all(-0x1.62e400p-1f), x);
  return (latent_exp){vf_fma(n, vf_all(-0x1.7f7d1cp-20f), r), n, (vi)scaled};
}
// value 2^n, in two steps, so that results below the normal range round once, as IEEE has it; AVX-512
// does that in one.
LATENT_INLINE vf vf_scale(vf value, latent_exp x) {
#if LATENT_AVX512
  return (vf)_mm512_scalef_ps((__m512)value, (__m512)x.n);
#endif
  vi n = x.shifted - 0x4b400080, half = n >> 1;
  vf first = (vf)((half + 127) << 23), second = (vf)((n - half + 127) << 23);
  return value * first * second;
}
// `times` e^r, that being a power of two.
LATENT_INLINE vf vf_exp_mantissa(const float times, vf r) {
  vf q = vf_all(times * 0x1.6a23cep-10f);
  q = vf_fma(q, r, vf_all(times * 0x1.123a2p-7f));
  q = vf_fma(q, r, vf_all(times * 0x1.5558f2p-5f));
  q = vf_fma(q, r, vf_all(times * 0x1.555492p-3f));
  q = vf_fma(q, r, vf_all(times * 0x1.fffffcp-2f));
  q = vf_fma(q, r, vf_all(times));
  return vf_fma(q, r, vf_all(times));
}
// e^x of normal size: 2^(n+1) is one shift, whose product with half of e^r is exact, and NaN where that is.
LATENT_INLINE vf vf_exp_second(latent_exp x) {
  return vf_exp_mantissa(0.5f, x.r) * (vf)(x.shifted << 23);
}

// e^x; beyond the bounds it is infinite or zero. NaN passes through.
LATENT_INLINE vf vf_exp(vf x) {
  latent_exp reduced = vf_exp_first(vf_min(vf_all(89.0f), vf_max(vf_all(-104.0f), x)));
  return vf_scale(vf_exp_mantissa(1.0f, reduced.r), reduced);
}

// e^-|x|, with the same bits as vf_exp.
LATENT_INLINE vf vf_exp_minus_magnitude(vf x) {
  latent_exp reduced = vf_exp_first(vf_max(vf_all(-104.0f), -vf_abs(x)));
  return vf_scale(vf_exp_mantissa(1.0f, reduced.r), reduced);
}

// e^x for |x| <= 87. NaN passes through.
LATENT_INLINE vf vf_exp_normal(vf x) { return vf_exp_second(vf_exp_first(x)); }

// e^x for x <= 0, e^-87 below that: what gates and likelihoods need.
LATENT_INLINE vf vf_exp_negative(vf x) { return vf_exp_normal(vf_max(vf_all(-87.0f), x)); }

// log(1 + f) + k log 2 for sqrt(1/2) - 1 <= f <= sqrt(2) - 1.
LATENT_INLINE vf vf_log_reduced(vf f, vf k) {
  vf q = vf_all(0x1.146318p-4f);
  q = vf_fma(q, f, vf_all(-0x1.de4fa2p-4f));
  q = vf_fma(q, f, vf_all(0x1.e6f606p-4f));
  q = vf_fma(q, f, vf_all(-0x1.fc1f6cp-4f));
  q = vf_fma(q, f, vf_all(0x1.2336e2p-3f));
  q = vf_fma(q, f, vf_all(-0x1.555c5ap-3f));
  q = vf_fma(q, f, vf_all(0x1.99a4bcp-3f));
  q = vf_fma(q, f, vf_all(-0x1.000006p-2f));
  q = vf_fma(q, f, vf_all(0x1.555548p-2f));
  vf square = f * f;
  vf rest = vf_fma(square * f, q, k * 0x1.7f7d1cp-20f);
  rest = vf_fma(square, vf_all(-0.5f), rest);
  return vf_fma(k, vf_all(0x1.62e400p-1f), f + rest);  // k times the high part is exact
}

// Natural logarithm; log(0) = -infinity, log(x < 0) = NaN, subnormals included.
LATENT_INLINE vf vf_log(vf x) {
  vi tiny = x < vf_all(0x1p-126f);
  vf scaled = vf_select(tiny, x * 0x1p23f, x);
  vi bits = (vi)scaled;
  vi k = (bits - 0x3f3504f3) >> 23;
  vf m = (vf)(bits - (k << 23));
  vf exponent = vf_from(k) - (vf)(tiny & (vi)vf_all(23.0f));
  vf result = vf_log_reduced(m - 1.0f, exponent);
  result = vf_select(x > 0.0f, result, vf_all(__builtin_nanf("")));
  result = vf_select(x == 0.0f, vf_all(-__builtin_inff()), result);
  // Infinity and NaN pass through.
  return vf_select((x < __builtin_inff()), result, x);
}

// log(1 + x); log1p(-1) = -infinity, NaN below.
LATENT_INLINE vf vf_log1p(vf x) {
  vf u = x + 1.0f;
  vi bits = (vi)u, k = (bits - 0x3f3504f3) >> 23;
  // f = (1 + x) 2^-k - 1 in one rounding; where 1 + x is x anyway, from its bits.
  vf scale = (vf)((127 - k) << 23);
  vf f = vf_select(x < 0x1p24f, vf_fma(x, scale, scale - 1.0f), (vf)(bits - (k << 23)) - 1.0f);
  vf result = vf_log_reduced(f, vf_from(k));
  result = vf_select(x > -1.0f, result, vf_all(__builtin_nanf("")));
  result = vf_select(x == -1.0f, vf_all(-__builtin_inff()), result);
  // Zeros keep their sign; infinity and NaN pass through.
  return vf_select((x < __builtin_inff()) & (x != 0.0f), result, x);
}

// log(1 + t) for 0 <= t <= 1.
LATENT_INLINE vf vf_log1p_unit(vf t) {
  vf q = vf_all(0x1.2a3aeep-9f);
  q = vf_fma(q, t, vf_all(-0x1.e0f136p-7f));
  q = vf_fma(q, t, vf_all(0x1.6ad076p-5f));
  q = vf_fma(q, t, vf_all(-0x1.5fe264p-4f));
  q = vf_fma(q, t, vf_all(0x1.03ab06p-3f));
  q = vf_fma(q, t, vf_all(-0x1.4c5ad8p-3f));
  q = vf_fma(q, t, vf_all(0x1.981756p-3f));
  q = vf_fma(q, t, vf_all(-0x1.ffdcf0p-3f));
  q = vf_fma(q, t, vf_all(0x1.5554b4p-2f));
  q = vf_fma(q, t, vf_all(-0.5f));
  return vf_fma(t * t, q, t);
}

// 1 / (1 + e^-x) = p / (p + e^-r) with p = 2^n and x = n log 2 + r; in two stages, since it is a long chain
// (see table.h). Both sides of the fraction are taken 5/4 times, so that a sum just above a power of two,
// which rounds worst, does not meet a quotient just below one; and only the sum's last addition rounds by
// much: 5/4 (e^-r - 1) + min(p, 1/4), then max(p, 1/4) + 1, which is exact where it counts.
typedef struct latent_sigmoid {
  latent_exp x;
  vf q;  // (e^-r - 1 + r) / r^2
} latent_sigmoid;
LATENT_INLINE latent_sigmoid vf_sigmoid_first(vf x) {
  // Beyond the bounds it is 1 or 0.
  latent_exp reduced = vf_exp_first(vf_min(vf_all(18.0f), vf_max(vf_all(-105.0f), x)));
  vf q = vf_all(0x1.6d8d3cp-10f);
  q = vf_fma(q, reduced.r, vf_all(-0x1.1257d2p-7f));
  q = vf_fma(q, reduced.r, vf_all(0x1.5554aep-5f));
  q = vf_fma(q, reduced.r, vf_all(-0x1.55545ep-3f));
  return (latent_sigmoid){reduced, vf_fma(q, reduced.r, vf_all(0.5f))};
}
LATENT_INLINE vf vf_sigmoid_second(latent_sigmoid t) {
  const vf factor = vf_all(1.25f), split = vf_all(0.25f), r = t.x.r;
  vf power = vf_scale(factor, t.x), above = vf_max(split, power) + 1.0f;
  vf below = vf_fma(factor, vf_fma(r * r, t.q, -r), vf_min(split, power));
  return power / (below + above);
}
LATENT_INLINE vf vf_sigmoid(vf x) { return vf_sigmoid_second(vf_sigmoid_first(x)); }

// log(1 + e^x)
LATENT_INLINE vf vf_softplus_first(vf x) { return vf_exp_minus_magnitude(x); }
LATENT_INLINE vf vf_softplus_second(vf x, vf e) {
  return vf_max(vf_all(0.0f), x) + vf_log1p_unit(e);
}
LATENT_INLINE vf vf_softplus(vf x) { return vf_softplus_second(x, vf_softplus_first(x)); }

// e^2t - 1 for t <= 0, and e^2t + 1 in *sum where that is given. With e^2t = 2^n (1 + 2q) and
// q = h + h^2 P(h), both come straight from 2^(n+1) and q, each rounded once, and near zero the first is 2t
// itself. Below -9.1, where they round to -1 and 1, t counts as -9.1.
typedef struct latent_twice {
  vf h, p;
  vi shifted;  // n + 128, in the low bits
} latent_twice;
LATENT_INLINE latent_twice vf_expm1_twice_first(vf t) {
  const vf shift = vf_all(0x1.8p23f + 128);
  t = vf_max(vf_all(-9.1f), t);
  vf scaled = vf_fma(t, vf_all(0x1.715476p1f), shift);
  vf n = scaled - shift;
  vf h = vf_fma(n, vf_all(-0x1.62e400p-2f), t);
  h = vf_fma(n, vf_all(-0x1.7f7d1cp-21f), h);
  vf p = vf_all(0x1.6d7228p-5f);
  p = vf_fma(p, h, vf_all(0x1.122680p-3f));
  p = vf_fma(p, h, vf_all(0x1.5554c8p-2f));
  p = vf_fma(p, h, vf_all(0x1.5554b2p-1f));
  return (latent_twice){h, vf_fma(p, h, vf_all(1.0f)), (vi)scaled};
}
LATENT_INLINE vf vf_expm1_twice_second(latent_twice t, vf *sum) {
  const vf half = vf_all(0.5f), one = vf_all(1.0f);
  vf q = vf_fma(t.h * t.h, t.p, t.h);
  vf power = (vf)(t.shifted << 23);
  if (sum) *sum = vf_fma(power, q, vf_fma(power, half, one));
  return vf_fma(power, q, vf_fma(power, half, -one));
}

typedef struct latent_tanh {
  vf x;
  latent_twice twice;
} latent_tanh;
LATENT_INLINE latent_tanh vf_tanh_first(vf x) {
  return (latent_tanh){x, vf_expm1_twice_first(-vf_abs(x))};
}
LATENT_INLINE vf vf_tanh_second(latent_tanh t) {
  vf sum, difference = vf_expm1_twice_second(t.twice, &sum);
  return vf_select(vi_all(0x7fffffff), difference / sum, t.x);  // the sign is x's
}
LATENT_INLINE vf vf_tanh(vf x) { return vf_tanh_second(vf_tanh_first(x)); }

// The error function: x + x P(x^2) up to 0.92, beyond it 1 - e^-g with g = -log(1 - erf x).
typedef struct latent_erf {
  vf x, near, g;
} latent_erf;
LATENT_INLINE latent_erf vf_erf_first(vf x) {
  vf square = x * x;
  vf near = vf_all(0x1.5f953ep-14f);
  near = vf_fma(near, square, vf_all(-0x1.ab105cp-11f));
  near = vf_fma(near, square, vf_all(0x1.54df1ap-8f));
  near = vf_fma(near, square, vf_all(-0x1.b810e8p-6f));
  near = vf_fma(near, square, vf_all(0x1.ce2e24p-4f));
  near = vf_fma(near, square, vf_all(-0x1.812744p-2f));
  near = vf_fma(near, square, vf_all(0x1.06eba8p-3f));
  // Beyond 4 erf rounds to 1.
  vf t = vf_min(vf_abs(x), vf_all(4.0f)) - 1.0f;
  vf g = vf_all(0x1.17ba7ap-21f);
  g = vf_fma(g, t, vf_all(0x1.363f94p-16f));
  g = vf_fma(g, t, vf_all(-0x1.279ffap-12f));
  g = vf_fma(g, t, vf_all(0x1.068ad2p-9f));
  g = vf_fma(g, t, vf_all(-0x1.4906p-7f));
  g = vf_fma(g, t, vf_all(0x1.547974p-5f));
  g = vf_fma(g, t, vf_all(0x1.afabc2p-1f));
  g = vf_fma(g, t, vf_all(0x1.51c9bp+1f));
  return (latent_erf){x, vf_fma(near, x, x), vf_fma(g, t, vf_all(0x1.d97fcp+0f))};
}
LATENT_INLINE vf vf_erf_second(latent_erf t) {
  vf far = vf_sign_of(1.0f - vf_exp_negative(-t.g), t.x);
  return vf_select(vf_abs(t.x) < 0.92f, t.near, vf_select(t.x == t.x, far, t.x));
}
LATENT_INLINE vf vf_erf(vf x) { return vf_erf_second(vf_erf_first(x)); }

// x where x >= 0, e^x - 1 elsewhere (ELU with alpha 1).
LATENT_INLINE vf vf_elu(vf x) {
  vf negative = vf_expm1_twice_second(vf_expm1_twice_first(0.5f * vf_min(vf_all(0.0f), x)), NULL);
  return vf_select(x >= 0.0f, x, negative);
}
