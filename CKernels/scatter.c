// The scatter matrix of many rows: threads pack a range of rows together, meet, and multiply.

#include "internal.h"

size_t latent_scatter_width(size_t columns) { return latent_panels(columns) * 16; }

// Sums of one range, and two packed ranges: the next is packed while slower threads still multiply.
static size_t packed_bytes(const latent_scatter *scatter) {
  return latent_scatter_width(scatter->columns) * LATENT_SCATTER_ROWS *
         (scatter->narrow ? sizeof(float) : sizeof(double));
}
size_t latent_scatter_workspace(const latent_scatter *scatter) {
  return latent_scatter_width(scatter->columns) * sizeof(double) + 2 * packed_bytes(scatter);
}

static void scatter_job(latent_pool *pool, const void *context, int thread) {
  const latent_scatter *scatter = context;
  const latent_backend *backend = latent_pool_backend(pool);
  int threads = latent_pool_threads(pool);
  size_t width = latent_scatter_width(scatter->columns);
  char *packed = (char *)scatter->workspace + width * sizeof(double);
  for (size_t first = 0; first < scatter->count; first += LATENT_SCATTER_ROWS) {
    size_t left = scatter->count - first;
    size_t count = left < LATENT_SCATTER_ROWS ? left : LATENT_SCATTER_ROWS;
    void *range = packed + first / LATENT_SCATTER_ROWS % 2 * packed_bytes(scatter);
    backend->scatter_pack(scatter, first, count, range, thread, threads);
    latent_pool_barrier(pool);
    backend->scatter_products(scatter, count, range, thread, threads);
  }
}

latent_status latent_scatter_add(latent_pool *pool, const latent_scatter *scatter) {
  if ((unsigned)scatter->source > LATENT_SOURCE_DOUBLES) return LATENT_ERROR_OPERATION;
  if (scatter->count == 0 || scatter->columns == 0) return LATENT_OK;
  size_t bytes;
  if (!scatter->rows || !scatter->pivot || !scatter->sums || !scatter->products || !scatter->workspace ||
      scatter->columns > INT32_MAX || __builtin_mul_overflow(scatter->count, scatter->columns * sizeof(double), &bytes))
    return LATENT_ERROR_OPERAND;
  latent_pool_run(pool, scatter_job, scatter);
  return LATENT_OK;
}
