// One range of rows of a mixture's pass: densities, responsibilities, sufficient statistics, a block
// of rows at a time. Included twice by mixtures.h, with REAL double or float.
//
// For densities a vector's lanes are rows, so that squared norms need no sums along lanes and every
// row has its own chain of operations; for statistics they are columns, and the chain runs down the
// rows of a block, whose sum is then added in double.

#define MIXTURE_ROWS (LATENT_TILE_ROWS >= 8 ? 8 : 4)
#define MIXTURE_PANELS (LATENT_TILE_PANELS >= 3 ? 3 : 1)
#define MIXTURE_BLOCK LATENT_MIXTURE_BLOCK

#include "mixture_rows.h"

#include "mixture_density.h"
#include "mixture_moments.h"

// Rows [first, end) of the pass; `statistics` (or NULL) is overwritten.
static void MIXTURE(range)(const latent_mixture *pass, const void *parameters, void *memory,
                           size_t first, size_t end, double *statistics) {
  MIXTURE(scratch) s;
  MIXTURE(lay_out)(pass, memory, &s);
  latent_mixture_layout layout = latent_mixture_statistics(pass);
  size_t padded_components = (pass->components + 3u) / 4 * 4;
  memset(s.shift, 0, layout.padded * sizeof(double));
  memcpy(s.shift, pass->shift, pass->columns * sizeof(double));
  memset(s.lanes, 0, 16 * (1 + padded_components) * sizeof(double));
  if (statistics) memset(statistics, 0, layout.total * sizeof(double));
  for (size_t row = first; row < end; row += MIXTURE_BLOCK) {
    size_t count = end - row < MIXTURE_BLOCK ? end - row : MIXTURE_BLOCK;
    MIXTURE(load)(pass, &s, row, count);
    size_t panels = (count + LANES - 1) / LANES;
    if (pass->density == LATENT_DENSITY_FULL) {
      for (size_t k = 0; k < pass->components; ++k)
        MIXTURE(full_distances)(pass, parameters, &s, k, panels);
      MIXTURE(respond)(pass, &s, row, 0, count);
    } else {
      // Three panels at a time, whose densities stay in the nearest cache.
      for (size_t p = 0; p < panels; p += MIXTURE_PANELS) {
        size_t width = panels - p < MIXTURE_PANELS ? panels - p : MIXTURE_PANELS;
        MIXTURE(shared_distances)(pass, parameters, &s, p, (int)width);
        size_t last = (p + width) * LANES;
        MIXTURE(respond)(pass, &s, row, p * LANES, last < count ? last : count);
      }
    }
    if (statistics) MIXTURE(moments)(pass, &s, count, statistics, layout);
  }
  if (!statistics) return;
  statistics[0] = VR(join)(s.lanes);
  for (size_t k = 0; k < pass->components; ++k)
    statistics[layout.counts + k] = VR(join)(s.lanes + 16 * (1 + k));
}

#undef MIXTURE_ROWS
#undef MIXTURE_PANELS
#undef MIXTURE_BLOCK
#undef MIXTURE_WHITEN
#undef MIXTURE_DISTANCE
#undef MIXTURE_MOMENT
#undef MIXTURE_WIDTHS
