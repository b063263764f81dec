// Random numbers from counters: Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as
// easy as 1, 2, 3"). A number depends on its key alone, never on the order of calls.
//
// Dimension d is word (d % 64) / 16 of the block whose first counter is 16 (d / 64) + d % 16, so that
// one evaluation over 16 lanes gives 64 neighbours.

typedef struct latent_stream {
  uint64_t seed;
  uint32_t purpose_and_sample, row, epoch;
} latent_stream;

LATENT_INLINE latent_stream latent_stream_make(uint64_t seed, latent_purpose purpose,
                                               uint32_t sample, uint32_t row, uint32_t epoch) {
  return (latent_stream){seed, (uint32_t)purpose << 24 | (sample & 0xffffff), row, epoch};
}

typedef uint64_t vu64 __attribute__((vector_size(64), aligned(4)));

// One round on counters in the lower halves of 64-bit lanes, as their products need them: what the upper
// halves gather never reaches the lower ones.
LATENT_INLINE void philox_round(vu64 counter[4], vu64 key0, vu64 key1) {
  const vu64 lower_half = (vu64){} + 0xffffffffu;
  vu64 first = (counter[0] & lower_half) * ((vu64){} + 0xD2511F53u);
  vu64 second = (counter[2] & lower_half) * ((vu64){} + 0xCD9E8D57u);
  counter[0] = (second >> 32) ^ counter[1] ^ key0;
  counter[1] = second;
  counter[2] = (first >> 32) ^ counter[3] ^ key1;
  counter[3] = first;
}

// words[4]: dimensions 64 * block ... 64 * block + 63.
LATENT_INLINE void latent_philox(const latent_stream *stream, uint32_t block, vu words[4]) {
  const vu64 first = (vu64)((vu)vf_lanes + 16 * block), purpose = (vu64){} + stream->purpose_and_sample,
             row = (vu64){} + stream->row, epoch = (vu64){} + stream->epoch;
  vu64 even[4] = {first, purpose, row, epoch}, odd[4] = {first >> 32, purpose, row, epoch};
  uint32_t k0 = (uint32_t)stream->seed, k1 = (uint32_t)(stream->seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const vu64 key0 = (vu64){} + k0, key1 = (vu64){} + k1;
    philox_round(even, key0, key1);
    philox_round(odd, key0, key1);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  for (int w = 0; w < 4; ++w)
    words[w] = __builtin_shufflevector((vu)even[w], (vu)odd[w], 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26,
                                       12, 28, 14, 30);
}

// [0, 1) in steps of 2^-24.
LATENT_INLINE vf vf_uniform(vu bits) { return vf_from((vi)(bits >> 8)) * 0x1p-24f; }

// The second fit, in sqrt(w): one value in three hundred lies there, so most vectors do without it.
static __attribute__((noinline)) vf normal_far(vf w) {
  vf s = vf_sqrt(w) - 3.5f;
  vf far = vf_all(-0x1.f68536p-13f);
  far = vf_fma(far, s, vf_all(0x1.a2991cp-11f));
  far = vf_fma(far, s, vf_all(-0x1.1f6edep-10f));
  far = vf_fma(far, s, vf_all(0x1.721ed2p-10f));
  far = vf_fma(far, s, vf_all(-0x1.758c52p-9f));
  far = vf_fma(far, s, vf_all(0x1.32019ep-8f));
  far = vf_fma(far, s, vf_all(0x1.6cb45p+0f));
  return vf_fma(far, s, vf_all(0x1.2de4c4p+2f));
}

// A standard normal: its sign from the top bit, its magnitude -Phi^-1(u / 2) with
// u = (low 31 bits + 1/2) 2^-31, by two fits in w = -log(1 - (1 - u)^2), within 2^-21 relative.
LATENT_INLINE vf vf_normal(vu bits) {
  vf u = vf_fma(vf_from((vi)(bits & 0x7fffffff)), vf_all(0x1p-31f), vf_all(0x1p-32f));
  vf x = 1.0f - u;
  vf w = -vf_log(u * (2.0f - u));
  vf t = w - 2.5f;
  vf near = vf_all(0x1.5accc2p-25f);
  near = vf_fma(near, t, vf_all(0x1.04fb7ap-21f));
  near = vf_fma(near, t, vf_all(-0x1.4eed04p-18f));
  near = vf_fma(near, t, vf_all(-0x1.a14af2p-18f));
  near = vf_fma(near, t, vf_all(0x1.442b14p-12f));
  near = vf_fma(near, t, vf_all(-0x1.d0c8a8p-10f));
  near = vf_fma(near, t, vf_all(-0x1.8332acp-8f));
  near = vf_fma(near, t, vf_all(0x1.652c86p-2f));
  near = vf_fma(near, t, vf_all(0x1.0fc8bep+1f));
  vf value = near;
  vi is_far = w >= 5.0f;
  if (lane_bits(is_far)) value = vf_select(is_far, normal_far(w), near);
  vf magnitude = value * x;
  return (vf)((vu)magnitude ^ (bits & 0x80000000u));
}

// `count` standard normals of a stream, to row[count, or stride where that is padded]. By themselves: with what becomes
// of them in the same loop, too few are in flight (5.5 us for 100 rows of 50, and 3.6; Zen 5).
static __attribute__((noinline)) void draw_normals(const latent_stream *stream, size_t count, float *row,
                                                   size_t stride) {
  vu words[4];
  for (size_t at = 0; at < count; at += 16) {
    if (at % 64 == 0) latent_philox(stream, (uint32_t)(at / 64), words);
    store_panel(row, at, vf_normal(words[at % 64 / 16]), count, stride);
  }
}
