// exp and log in double, 8 lanes at a time. The polynomials are our own, interpolated at Chebyshev
// nodes with 75 digits (errors below 2^-57), lowest power first. Errors in ULP are those that
// Tests/ModelsTests/MixtureElementaryTests.swift holds them to.

// x = n log 2 + r with |r| <= log(2) / 2: returns e^r, and in *scaled the number 1.5 2^52 + n.
LATENT_INLINE vd vd_exp_reduced(vd x, vd *scaled) {
  const vd shift = vd_all(0x1.8p52);
  *scaled = vd_fma(x, vd_all(0x1.71547652b82fep+0), shift);
  vd n = *scaled - shift;
  // n times the high part of log 2 is exact.
  vd r = vd_fma(n, vd_all(-0x1.62e42fefa3800p-1), x);
  r = vd_fma(n, vd_all(-0x1.ef35793c76730p-45), r);
  vd q = vd_all(0x1.1f72fc83bcbc7p-29);
  q = vd_fma(q, r, vd_all(0x1.af4ddda1c08cdp-26));
  q = vd_fma(q, r, vd_all(0x1.27e4db67ac2b0p-22));
  q = vd_fma(q, r, vd_all(0x1.71de0237484cdp-19));
  q = vd_fma(q, r, vd_all(0x1.a01a01a6d7831p-16));
  q = vd_fma(q, r, vd_all(0x1.a01a01abe6323p-13));
  q = vd_fma(q, r, vd_all(0x1.6c16c16c162d6p-10));
  q = vd_fma(q, r, vd_all(0x1.11111111100dfp-7));
  q = vd_fma(q, r, vd_all(0x1.5555555555556p-5));
  q = vd_fma(q, r, vd_all(0x1.5555555555557p-3));
  q = vd_fma(q, r, vd_all(0.5));
  return vd_fma(q * r, r, r) + 1.0;
}

// e^x, at most 0.98 ULP where the result is normal; below -745.13 zero, above 709.78 infinite.
LATENT_INLINE vd vd_exp(vd x) {
  vd scaled, mantissa = vd_exp_reduced(vd_min(vd_all(710.0), vd_max(vd_all(-746.0), x)), &scaled);
  // 2^n as a factor in two steps, so that results below the normal range round once.
  vl exponent = (vl)scaled - (vl)vd_all(0x1.8p52);
  vl half = exponent >> 1;
  vd first = (vd)((half + 1023) << 52), second = (vd)((exponent - half + 1023) << 52);
  return vd_select(x == x, mantissa * first * second, x);
}

// The same of four vectors x <= 0 side by side, to hide the latency of the long chain; 2^n is one integer
// addition, and below -708 the result is zero.
LATENT_INLINE void vd_exp_shares(vd x[4]) {
  static const double coefficients[11] = {
      0x1.1f72fc83bcbc7p-29, 0x1.af4ddda1c08cdp-26, 0x1.27e4db67ac2b0p-22, 0x1.71de0237484cdp-19,
      0x1.a01a01a6d7831p-16, 0x1.a01a01abe6323p-13, 0x1.6c16c16c162d6p-10, 0x1.11111111100dfp-7,
      0x1.5555555555556p-5,  0x1.5555555555557p-3,  0.5};
  vd scaled[4], r[4], q[4];
  for (int i = 0; i < 4; ++i) {
    r[i] = vd_max(vd_all(-708.0), x[i]);
    scaled[i] = vd_fma(r[i], vd_all(0x1.71547652b82fep+0), vd_all(0x1.8p52));
    vd n = scaled[i] - vd_all(0x1.8p52);
    r[i] = vd_fma(n, vd_all(-0x1.62e42fefa3800p-1), r[i]);
    r[i] = vd_fma(n, vd_all(-0x1.ef35793c76730p-45), r[i]);
    q[i] = vd_all(coefficients[0]);
  }
#pragma clang loop unroll(full)
  for (int c = 1; c < 11; ++c)
    for (int i = 0; i < 4; ++i) q[i] = vd_fma(q[i], r[i], vd_all(coefficients[c]));
  for (int i = 0; i < 4; ++i) {
    vd mantissa = vd_fma(q[i] * r[i], r[i], r[i]) + 1.0;
    x[i] = vd_select(x[i] < -708.0, (vd){}, (vd)((vl)mantissa + ((vl)scaled[i] << 52)));
  }
}

// Natural logarithm, at most 0.9 ULP; log(0) = -infinity, log(x < 0) = NaN, subnormals included.
LATENT_INLINE vd vd_log(vd x) {
  const vd shift = vd_all(0x1.8p52);
  vl tiny = x < vd_all(0x1p-1022);
  vl bits = (vl)vd_select(tiny, x * 0x1p54, x);
  // x = 2^k m with sqrt(1/2) <= m < sqrt(2).
  vl k = (bits - 0x3fe6a09e667f3bcd) >> 52;
  vd f = (vd)(bits - (k << 52)) - 1.0;
  vd exponent = ((vd)(k + (vl)shift) - shift) - (vd)(tiny & (vl)vd_all(54.0));
  // log(1 + f) = 2 s + s R(s^2), s = f / (2 + f).
  vd s = f / (f + 2.0), z = s * s;
  vd r = vd_all(0x1.2b584c6b42d60p-3);
  r = vd_fma(r, z, vd_all(0x1.39fe604146b74p-3));
  r = vd_fma(r, z, vd_all(0x1.7462b4ac441afp-3));
  r = vd_fma(r, z, vd_all(0x1.c71c62e57c3c4p-3));
  r = vd_fma(r, z, vd_all(0x1.2492492df14bcp-2));
  r = vd_fma(r, z, vd_all(0x1.99999999952e2p-2));
  r = vd_fma(r, z, vd_all(0x1.5555555555558p-1));
  r = r * z;
  vd half_square = f * f * 0.5;
  vd low = vd_fma(exponent, vd_all(0x1.ef35793c76730p-45), s * (half_square + r));
  vd result = vd_fma(exponent, vd_all(0x1.62e42fefa3800p-1), f - (half_square - low));
  result = vd_select(x > 0.0, result, vd_all(__builtin_nan("")));
  result = vd_select(x == 0.0, vd_all(-__builtin_inf()), result);
  return vd_select(x < __builtin_inf(), result, x);
}
