// Mixtures of Gaussians: the E-step and its sufficient statistics in one pass over the rows.
//
// Included by latent_kernels.h.

#ifndef LATENT_MIXTURE_H
#define LATENT_MIXTURE_H

// How log N(x | mean_k, covariance_k) is told: by y = W_k (x - mean_k), whose squared norm is the
// Mahalanobis distance.
typedef enum latent_density {
  LATENT_DENSITY_FULL = 0,  // W_k the inverse of component k's lower Cholesky factor
  LATENT_DENSITY_TIED,      // one such W for all
  LATENT_DENSITY_DIAGONAL,  // W_k diagonal: 1 / standard deviations
} latent_density;

// Which second moments a pass gathers.
typedef enum latent_squares {
  LATENT_SQUARES_NONE = 0,
  LATENT_SQUARES_DIAGONAL,  // sum r x^2, about the shift
  LATENT_SQUARES_FULL,      // sum r x xt, about each component's own center, upper triangle
} latent_squares;

// One pass over rows[rows x columns], D columns and K components. Everything below is in coordinates
// x - shift, so that offsets far larger than the spread do not cancel.
typedef struct latent_mixture {
  latent_density density;
  latent_squares squares;
  bool single;              // rows are floats and so is the arithmetic; statistics stay double
  bool hard;                // all responsibility to the likeliest component: k-means' step
  uint32_t columns, components;
  const double *shift;      // [D]
  const double *centers;    // [K x D], means less the shift; floats where `single`
  const double *whiteners;  // [K x D x D], [D x D] row-major lower triangles, or [K x D]
  const double *constants;  // [K]: log pi_k + log |det W_k| - D / 2 log 2 pi
  size_t rows, stride;      // elements from row to row
  const void *x;            // double or float, all finite
  const double *weights;    // [rows] >= 0, or NULL: all 1
  // What is wanted, each of them or NULL.
  double *log_density;       // [rows], nats
  double *responsibilities;  // [rows x K], before weights
  int32_t *labels;           // [rows]: the likeliest component, the first of equals
  double *statistics;        // added to: see latent_mixture_layout
  // For a table that comes in pieces: how many ranges of the pieces before this one wait in the workspace
  // to be joined, (rows before / latent_mixture_range_rows()) % ranges of a wave, and whether more follow.
  size_t waiting;
  bool more;
} latent_mixture;

// Where the statistics lie, in doubles. [0] is the weighted sum of log p(x).
typedef struct latent_mixture_layout {
  size_t padded;   // D rounded up to whole vectors: the length of a row below
  size_t counts;   // [K] sum r
  size_t sums;     // [K x padded] sum r x: about the component's center with full squares, else the shift
  size_t squares;  // [K x padded] or [K x padded x padded]
  size_t total;
} latent_mixture_layout;
latent_mixture_layout latent_mixture_statistics(const latent_mixture *pass);

// Rows in one joined wave of ranges. Statistics of a table are the same bits in one pass or in
// several whose rows are multiples of this, but for the last.
size_t latent_mixture_wave_rows(void);
// Rows summed by one thread at a time. Pieces of a table are multiples of this, but for the last.
size_t latent_mixture_range_rows(void);

// Bytes of 64-byte aligned memory that a pass needs; 0 for one that latent_mixture_run refuses.
size_t latent_mixture_workspace(const latent_pool *pool, const latent_mixture *pass);

// Runs on all threads of the pool. Rows are summed over fixed ranges in double, and the ranges joined
// by a fixed tree: the same bits for any number of threads and on every instruction set.
//
// LATENT_ERROR_OPERATION for an unknown density or squares; LATENT_ERROR_OPERAND for an array that is missing,
// rows closer than their columns, sizes beyond all memory, a workspace off its 64 bytes, more ranges waiting
// than a wave has, or statistics of a piece that ends within a range while more follow. How long arrays are it
// cannot see.
latent_status latent_mixture_run(latent_pool *pool, const latent_mixture *pass, void *workspace);

#endif
