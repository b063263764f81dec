// Log densities of a block's rows, and what they say of components: part of mixture.h.

// MARK: Densities

// y = W x for `height` rows of a triangle (of eight) and `width` panels: their squares are added to
// `norms` [width][LANES], or, without, y is stored at `out` [width][D][LANES].
LATENT_INLINE void MIXTURE(whiten_tile)(const int height, const int width, size_t inner,
                                        const REAL *w, const REAL *x, size_t panel, REAL *norms,
                                        REAL *out, size_t wanted) {
  vr y[8][3];
  for (int h = 0; h < height; ++h)
    for (int p = 0; p < width; ++p) y[h][p] = (vr){};
  for (size_t i = 0; i < inner; ++i) {
    vr column[3];
    for (int p = 0; p < width; ++p) column[p] = VR(load)(x + (size_t)p * panel + i * LANES);
    for (int h = 0; h < height; ++h) {
      vr value = VR(all)(w[i * 8 + (size_t)h]);
      for (int p = 0; p < width; ++p) y[h][p] = VR(fma)(value, column[p], y[h][p]);
    }
  }
  for (int p = 0; p < width; ++p) {
    if (norms) {
      vr norm = VR(load)(norms + p * LANES);
      for (int h = 0; h < height; ++h) norm = VR(fma)(y[h][p], y[h][p], norm);
      VR(store)(norms + p * LANES, norm);
    } else {
      for (int h = 0; h < height; ++h)
        if ((size_t)h < wanted) VR(store)(out + (size_t)p * panel + (size_t)h * LANES, y[h][p]);
    }
  }
}
#define MIXTURE_WHITEN(WIDTH)                                                                    \
  static __attribute__((noinline)) void MIXTURE(whiten_##WIDTH)(                                 \
      size_t columns, const REAL *w, const REAL *x, REAL *norms, REAL *out) {                    \
    for (size_t j = 0; j < columns; j += 8)                                                      \
      for (size_t h = 0; h < 8; h += MIXTURE_ROWS) {                                             \
        size_t inner = j + 8 < columns ? j + 8 : columns;                                        \
        size_t wanted = columns > j + h ? columns - j - h : 0;                                   \
        if (wanted)                                                                              \
          MIXTURE(whiten_tile)(MIXTURE_ROWS, WIDTH, inner, w + j * columns + h, x,               \
                               columns * LANES, norms, out ? out + (j + h) * LANES : out, wanted); \
      }                                                                                          \
  }
MIXTURE_WHITEN(1)
#if LATENT_TILE_PANELS >= 3
MIXTURE_WHITEN(2)
MIXTURE_WHITEN(3)
#endif

// w: a packed triangle [D/8][D x 8], x[width][D][LANES], norms[width][LANES], out[width][D][LANES] or NULL.
static void MIXTURE(whiten)(int width, size_t columns, const REAL *w, const REAL *x, REAL *norms,
                            REAL *out) {
#if LATENT_TILE_PANELS >= 3
  if (width == 3) MIXTURE(whiten_3)(columns, w, x, norms, out);
  else if (width == 2) MIXTURE(whiten_2)(columns, w, x, norms, out);
  else
#endif
    MIXTURE(whiten_1)(columns, w, x, norms, out);
  (void)width;
}

// Squared norms of (x - center) / deviation for four components and `width` panels.
LATENT_INLINE void MIXTURE(distance_tile)(const int width, size_t columns, const REAL *parameters,
                                          const REAL *x, REAL *density) {
  vr norm[4][3];
  for (int k = 0; k < 4; ++k)
    for (int p = 0; p < width; ++p) norm[k][p] = (vr){};
  for (size_t d = 0; d < columns; ++d) {
    vr column[3];
    for (int p = 0; p < width; ++p)
      column[p] = VR(load)(x + (size_t)p * columns * LANES + d * LANES);
    for (int k = 0; k < 4; ++k) {
      vr scale = VR(all)(parameters[d * 8 + (size_t)k]);
      vr start = VR(all)(parameters[d * 8 + 4 + (size_t)k]);
      for (int p = 0; p < width; ++p) {
        vr y = VR(fma)(column[p], scale, start);
        norm[k][p] = VR(fma)(y, y, norm[k][p]);
      }
    }
  }
  for (int k = 0; k < 4; ++k)
    for (int p = 0; p < width; ++p)
      VR(store)(density + k * MIXTURE_BLOCK + p * LANES, norm[k][p]);
}
#define MIXTURE_DISTANCE(WIDTH)                                                            \
  static __attribute__((noinline)) void MIXTURE(distance_##WIDTH)(                         \
      size_t columns, const REAL *parameters, const REAL *x, REAL *density) {              \
    MIXTURE(distance_tile)(WIDTH, columns, parameters, x, density);                        \
  }
MIXTURE_DISTANCE(1)
#if LATENT_TILE_PANELS >= 3
MIXTURE_DISTANCE(2)
MIXTURE_DISTANCE(3)
#endif

static void MIXTURE(distance)(int width, size_t columns, const REAL *parameters, const REAL *x,
                              REAL *density) {
#if LATENT_TILE_PANELS >= 3
  if (width == 3) MIXTURE(distance_3)(columns, parameters, x, density);
  else if (width == 2) MIXTURE(distance_2)(columns, parameters, x, density);
  else
#endif
    MIXTURE(distance_1)(columns, parameters, x, density);
  (void)width;
}

// density[k][row] = squared Mahalanobis distances of one component, for every row of the block.
static void MIXTURE(full_distances)(const latent_mixture *pass, const REAL *parameters,
                                    MIXTURE(scratch) *s, size_t k, size_t panels) {
  size_t columns = pass->columns, panel = columns * LANES;
  const REAL *w = parameters + k * MIXTURE(triangle)(columns);
  const double *center = pass->centers + k * columns;
  REAL *norms = s->density + k * MIXTURE_BLOCK;
  memset(norms, 0, MIXTURE_BLOCK * sizeof(REAL));
  for (size_t p = 0; p < panels; p += MIXTURE_PANELS) {
    size_t width = panels - p < MIXTURE_PANELS ? panels - p : MIXTURE_PANELS;
    for (size_t q = 0; q < width; ++q)
      for (size_t d = 0; d < columns; ++d)
        VR(store)(s->whitened + q * panel + d * LANES,
                  VR(load)(s->panels + (p + q) * panel + d * LANES) - (REAL)center[d]);
    MIXTURE(whiten)((int)width, columns, w, s->whitened, norms + p * LANES, NULL);
  }
}

// The same of all components that share a whitener or have diagonal ones, for `width` panels.
static void MIXTURE(shared_distances)(const latent_mixture *pass, const REAL *parameters,
                                      MIXTURE(scratch) *s, size_t panel, int width) {
  size_t columns = pass->columns;
  const REAL *x = s->panels + panel * columns * LANES;
  if (pass->density == LATENT_DENSITY_TIED) {
    MIXTURE(whiten)(width, columns, parameters + MIXTURE(diagonals)(pass), x, NULL, s->whitened);
    x = s->whitened;
  }
  for (size_t k = 0; k < pass->components; k += 4)
    MIXTURE(distance)(width, columns, parameters + k / 4 * columns * 8, x,
                      s->density + k * MIXTURE_BLOCK + panel * LANES);
}

// MARK: Responsibilities

// Distances of the rows [row, end) of a block to responsibilities times weights, in place, and what is
// wanted of each row. The block begins at row `first` of the pass.
static void MIXTURE(respond)(const latent_mixture *pass, MIXTURE(scratch) *s, size_t first,
                             size_t row, size_t end) {
  size_t components = pass->components;
  bool labelled = pass->labels || pass->hard;
  for (; row < end; row += LANES) {
    REAL *density = s->density + row;
    size_t valid = end - row < LANES ? end - row : LANES;
    vr best = VR(all)(-__builtin_inff()), label = {};
    for (size_t k = 0; k < components; ++k) {
      vr value = VR(fma)(VR(load)(density + k * MIXTURE_BLOCK), VR(all)((REAL)-0.5),
                         VR(all)((REAL)pass->constants[k]));
      if (labelled) label = VR(select)(value > best, VR(all)((REAL)k), label);
      best = VR(max)(value, best);
      VR(store)(density + k * MIXTURE_BLOCK, value);
    }
    // A row that every component gives density zero keeps log p = -infinity and no responsibility.
    vr_mask possible = best > -__builtin_inff();
    vr level = VR(select)(possible, best, (vr){});
    for (size_t k = components; k % 4; ++k)
      VR(store)(density + k * MIXTURE_BLOCK, VR(all)(-__builtin_inff()));
    vr sum = {};
    for (size_t k = 0; k < components; k += 4) {
      vr share[4];
      for (size_t i = 0; i < 4; ++i)
        share[i] = VR(load)(density + (k + i) * MIXTURE_BLOCK) - level;
      VR(exp_shares)(share);
      for (size_t i = 0; i < 4; ++i) {
        sum += share[i];
        VR(store)(density + (k + i) * MIXTURE_BLOCK, share[i]);
      }
    }
    vr log_density = level + VR(log)(sum);
    vr weight = VR(load)(s->weights + row);
    vr inverse = VR(select)(possible, (REAL)1 / sum, (vr){});
    if (pass->hard) {
      inverse = VR(select)(possible, VR(all)((REAL)1), (vr){});
      for (size_t k = 0; k < components; ++k)
        VR(store)(density + k * MIXTURE_BLOCK,
                  VR(select)(label == VR(all)((REAL)k), VR(all)((REAL)1), (vr){}));
    }
    if (pass->responsibilities)
      for (size_t k = 0; k < components; ++k) {
        vr share = VR(load)(density + k * MIXTURE_BLOCK) * inverse;
        for (size_t lane = 0; lane < valid; ++lane)
          pass->responsibilities[(first + row + lane) * components + k] = (double)share[lane];
      }
    if (pass->log_density)
      for (size_t lane = 0; lane < valid; ++lane)
        pass->log_density[first + row + lane] = (double)log_density[lane];
    if (pass->labels)
      for (size_t lane = 0; lane < valid; ++lane)
        pass->labels[first + row + lane] = (int32_t)label[lane];
    if (!pass->statistics) continue;
    vr scale = inverse * weight;
    for (size_t k = 0; k < components; ++k) {
      vr share = VR(load)(density + k * MIXTURE_BLOCK) * scale;
      VR(store)(density + k * MIXTURE_BLOCK, share);
      VR(add_to)(s->lanes + 16 * (1 + k), share);
    }
    // Hard assignments maximize the assigned component's density: k-means' own objective.
    vr bound = pass->hard ? best : log_density;
    VR(add_to)(s->lanes, VR(select)(weight > (REAL)0, bound * weight, (vr){}));
  }
}
