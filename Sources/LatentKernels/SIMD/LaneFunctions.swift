// exp, log and what networks make of them. The polynomials are those of CKernels/kernels, evaluated
// without fused operations. Largest errors against double precision over every 37th float where the
// result is normal, in units of the last place: exp 1.0, log 0.9, log1p 1.4, sigmoid 2.4,
// softplus 1.7, tanh 1.6, expm1 2.2, squareRoot 1.1. A normal is off by at most 6e-7 of itself.

/// e^x; 0 below -87 and e^88 above 88, which likelihoods and log-variances never need.
@inline(__always) func exp(_ x: Lanes) -> Lanes {
  let shift = Lanes(repeating: 0x1.8p23)
  let bounded = smaller(Lanes(repeating: 88), larger(Lanes(repeating: -87), x))
  let scaled = bounded * 0x1.715476p0 + shift
  let n = scaled - shift
  // log 2 in two parts; n times the first is exact.
  let r = (bounded - n * 0x1.62e400p-1) - n * 0x1.7f7d1cp-20
  let q = polynomial(
    r, 0x1.fffffcp-2, 0x1.555492p-3, 0x1.5558f2p-5, 0x1.123a2p-7, 0x1.6a23cep-10)
  let mantissa = (q * r * r + r) + 1
  let result = lanes(bits: bits(mantissa) &+ (bits(scaled) &<< 23))
  // Not-a-number passes through.
  return select(x .== x, select(x .< Lanes(repeating: -87), Lanes(), result), x)
}

/// log(1 + f) + k log 2 for sqrt(1/2) - 1 <= f <= sqrt(2) - 1
@inline(__always) private func log(reduced f: Lanes, _ k: Lanes) -> Lanes {
  let q = polynomial(
    f, 0x1.555548p-2, -0x1.000006p-2, 0x1.99a4bcp-3, -0x1.555c5ap-3, 0x1.2336e2p-3,
    -0x1.fc1f6cp-4, 0x1.e6f606p-4, -0x1.de4fa2p-4, 0x1.146318p-4)
  let square = f * f
  let rest = square * f * q + k * 0x1.7f7d1cp-20 - square * 0.5
  return k * 0x1.62e400p-1 + (f + rest)
}

/// Natural logarithm of normal positive numbers.
@inline(__always) func log(_ x: Lanes) -> Lanes {
  let k = (bits(x) &- SIMD16(repeating: 0x3f35_04f3)) &>> 23
  return log(reduced: lanes(bits: bits(x) &- (k &<< 23)) - 1, lanes(k))
}

/// log(1 + t) for 0 <= t <= 1
@inline(__always) func log1p(unit t: Lanes) -> Lanes {
  let upper = t .> Lanes(repeating: 0x1.a8279ap-2)
  return log(
    reduced: select(upper, (t - 1) * 0.5, t), select(upper, Lanes(repeating: 1), Lanes()))
}

/// 1 / (1 + e^-x)
@inline(__always) func sigmoid(_ x: Lanes) -> Lanes {
  let e = exp(-magnitude(x))
  return select(x .>= Lanes(), Lanes(repeating: 1), e) / (e + 1)
}

/// log(1 + e^x)
@inline(__always) func softplus(_ x: Lanes) -> Lanes {
  larger(Lanes(), x) + log1p(unit: exp(-magnitude(x)))
}

@inline(__always) func tanh(_ x: Lanes) -> Lanes {
  let square = x * x
  let q = polynomial(
    square, -0x1.555532p-2, 0x1.110726p-3, -0x1.b83c5ap-5, 0x1.52269ap-6, -0x1.75e1ccp-8)
  let small = q * square * x + x
  let e = exp(magnitude(x) * -2)
  let large = withSign(of: x, (1 - e) / (1 + e))
  return select(magnitude(x) .< Lanes(repeating: 0.625), small, large)
}

/// e^x - 1 for x <= 0
@inline(__always) func expm1(negative x: Lanes) -> Lanes {
  // tanh(x/2) (e^x + 1) loses nothing near zero.
  tanh(x * 0.5) * (exp(x) + 1)
}

/// A log-variance kept within -B ... B, and the slope of that where it is `value`.
@inline(__always) func boundedLogVariance(raw: Lanes) -> Lanes {
  tanh(raw / LATENT_LOG_VARIANCE_BOUND) * LATENT_LOG_VARIANCE_BOUND
}
@inline(__always) func boundedSlope(_ value: Lanes) -> Lanes {
  let ratio = value / LATENT_LOG_VARIANCE_BOUND
  return 1 - ratio * ratio
}

/// The root of finite x >= 0, from the well-known first guess of 1 / sqrt(x): squareRoot() would be
/// 16 library calls.
@inline(__always) func squareRoot(_ x: Lanes) -> Lanes {
  var inverse = lanes(bits: SIMD16(repeating: 0x5f37_59df) &- (bits(x) &>> 1))
  for _ in 0..<3 { inverse *= 1.5 - x * 0.5 * inverse * inverse }
  let root = x * inverse
  return root + (x - root * root) * 0.5 * inverse
}

/// Standard normals from random bits, see ``CounterRandom``.
@inline(__always) func normal(_ random: SIMD16<UInt32>) -> Lanes {
  // x = P(|Z| < z) = (m + 1/2) 2^-31 from 31 bits in two exact parts, u = 1 - x likewise.
  let k = unsafeBitCast(random & SIMD16(repeating: 0x7fff_ffff), to: SIMD16<Int32>.self)
  let u = fraction(k)
  let x = fraction(SIMD16(repeating: 0x7fff_ffff) &- k)
  // z / x is smooth in w = -log(1 - x^2), and in its root where that is large (our own minimax fits,
  // relative errors 3e-7 and 6e-8).
  let w = -log(u * (x + 1))
  let near = polynomial(
    w - 2.5, 2.1233129501342773, 0.34880346059799194, -0.005905398167669773,
    -0.0017737969756126404, 0.00030701837386004627, -6.029993528500199e-06,
    -4.47664933744818e-06, 4.734602896405704e-07, 1.737745058960627e-09)
  let far = polynomial(
    squareRoot(w) - 3.4, 4.5746750831604, 1.4236112833023071, 0.0056131440214812756,
    -0.0036193854175508022, 0.00212453817948699, -0.0014838932547718287, 0.0008998658740893006,
    -0.0003136910672765225, 3.9360838854918256e-05)
  let z = x * select(w .< Lanes(repeating: 6), near, far)
  return withSign(of: unsafeBitCast(random, to: Lanes.self), z)
}

/// (k + 1/2) 2^-31 with one rounding.
@inline(__always) private func fraction(_ k: SIMD16<Int32>) -> Lanes {
  let high = lanes(k &>> 16) * 65536
  let low = lanes(k & SIMD16(repeating: 0xffff)) + 0.5
  return (high + low) * 0x1p-31
}
