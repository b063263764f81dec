// Latent's kernels: the public interface, C11 and C++.
//
// A *plan* is a flat list of operations on numbered buffers; a *pool* of threads runs it in one
// parallel region. Single kernels are in the table that `latent_kernels_for` returns.
//
// Matrices are row-major; rows are observations. Weights are held in *panels*: 16 columns each, so
// that element (k, n) of a matrix of `inner` rows lies at (n / 16) * inner * 16 + k * 16 + n % 16.
// Lanes past the last column are zero and stay zero.
//
// Ownership: pools are the library's, from create to destroy. All other memory is the caller's, and
// what a call is given it keeps nothing of.
// Alignment: that of the elements is enough; 64 bytes are faster, and needed for the workspace of a
// mixture.
// Overlap: operands of an operation lie apart, but for the same array twice in single kernels.
// Threads: any function may be called from any thread. A pool runs one plan at a time, and a second
// caller waits; nobody may use it while it is destroyed.
// Floating point: what a pool runs rounds to nearest and keeps subnormals, whatever mode its caller has
// set; single kernels compute in the caller's.
// Errors: latent_status. latent_plan_check finds operands that reach past their buffers or overlap;
// latent_plan_run checks nothing, and aborts where memory for its scratch runs out.
// Growth: structures are zeroed by those who fill them, and zero means what it did before.

#ifndef LATENT_KERNELS_H
#define LATENT_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// What is declared here, and nothing else, is visible outside a shared library.
#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

enum { LATENT_LANES = 16, LATENT_MAXIMUM_THREADS = 64 };

// MARK: Status

typedef enum latent_status {
  LATENT_OK = 0,
  LATENT_ERROR_INSTRUCTION_SET,  // this CPU or this build lacks it
  LATENT_ERROR_THREADS,          // fewer than 1, more than the maximum, or the system refused
  LATENT_ERROR_MEMORY,
  LATENT_ERROR_OPERATION,        // unknown kind, activation, likelihood or transform
  LATENT_ERROR_OPERAND,          // an operand that is missing or reaches past its buffer
  LATENT_ERROR_OVERLAP,          // one that is written lies on another of the same operation
} latent_status;

// MARK: Instruction sets

typedef enum latent_isa {
  LATENT_ISA_SCALAR = 0,  // one lane at a time through fmaf: slow, the same bits as the fast ones
  LATENT_ISA_BASELINE,    // whatever the compiler's default target has; outside the bit contract
  LATENT_ISA_NEON,
  LATENT_ISA_AVX2,
  LATENT_ISA_AVX512,
} latent_isa;
enum { LATENT_ISA_COUNT = 5 };

// "scalar", "baseline", "neon", "avx2", "avx512".
const char *latent_isa_name(latent_isa isa);
// True when this build has the kernels and this CPU and its system can execute them.
bool latent_isa_available(latent_isa isa);
// The fastest available one.
latent_isa latent_isa_best(void);

// MARK: Operations

typedef enum latent_op_kind {
  // Rows of the data set gathered into a batch: output[rows x columns] from source, which `transform`
  // and `source_kind` describe; rows by their number in row_index. Where `epsilon` is given, the noise of a
  // REPARAMETERIZE is drawn beside, [rows x dimensions], while rows come from memory; other backends ignore it.
  LATENT_OP_LOAD_ROWS = 0,
  // output = activation(input W + bias).
  LATENT_OP_LINEAR_FORWARD,
  // The same product as natural parameters of p(x|z); target is x. Writes partial sums of
  // log p(x|z) and, where `gradient` is given, d(-log p)/d(parameters) * objective_scale.
  LATENT_OP_LIKELIHOOD_FORWARD,
  // log_density[rows] from the partial sums.
  LATENT_OP_LIKELIHOOD_ROWS,
  // input[rows x 2 L] = (mean | raw log-variance) -> output z[rows x L], kl[rows];
  // keeps epsilon[rows x L] and log_variance[rows x L] for the way back. Where given, log_density[rows]
  // receives log p(z) - log q(z|x).
  LATENT_OP_REPARAMETERIZE,
  // Free bits: gate[L] = 1 where the batch's mean KL of a dimension is above free_bits, else 0.
  LATENT_OP_KL_GATE,
  // gradient dz[rows x L] -> output[rows x 2 L], with the gradient that `objective` has besides: of the
  // ELBO beta * KL's own (times gate if given), of the others from each draw and its draw_weight (1 if
  // not given; SCORE needs no gradient).
  LATENT_OP_REPARAMETERIZE_BACKWARD,
  // output dX = (gradient dY Wt) * activation'(X), X stored in `input`.
  LATENT_OP_LINEAR_BACKWARD_INPUT,
  // dW = Xt dY and db = 1t dY: written to weights_gradient and bias_gradient, or, where `update` is
  // set, taken straight into Adam on weights, weights_transposed and bias.
  LATENT_OP_LINEAR_BACKWARD_WEIGHTS,
  // Adam on a layer from its written gradient.
  LATENT_OP_ADAM,
  // Gradient of the learned log-variance of a Gaussian likelihood (LATENT_LIKELIHOOD_GAUSSIAN_SHARED
  // or _DIAGONAL) from `gradient`, the gradient of the mean, whose rows were multiplied with
  // draw_weight if given: to bias_gradient, or into Adam. `target` only where values are missing.
  LATENT_OP_VARIANCE_BACKWARD,
  // log_density[rows] of target from parameters that stand in `input` [rows x dimensions]: logits,
  // natural parameters or means; beside means their log-variances in `log_variance` (GAUSSIAN, as
  // they are) or raw in `variance` (SHARED, DIAGONAL). Where given, `gradient` receives
  // d(-log p)/d(input) * objective_scale, and `output` the same for log_variance.
  LATENT_OP_LOG_DENSITY,
  // Lists the ones of input[rows x columns], in memory of the pool's own: each row's columns, for a
  // LINEAR_FORWARD on the same input; with split_columns and after a barrier, each column's rows, for
  // its LINEAR_BACKWARD_WEIGHTS. Where all values are 0 or 1, and few are 1, these two then add up
  // gathered rows: the same bits for finite weights and gradients, in less time. Other backends ignore it.
  LATENT_OP_LIST_ONES,
  // From log_density[rows], log p(x|z) of each draw, and input[rows], its log p(z) - log q(z|x): the
  // objective's bound, output[batch rows], and the weight of each draw in its gradient, draw_weight
  // [rows], of mean 1 (SCORE: its learning signal).
  LATENT_OP_DRAW_WEIGHTS,
  // gradient[rows x columns] *= draw_weight[rows], in place.
  LATENT_OP_WEIGH_ROWS,
} latent_op_kind;
enum { LATENT_OP_KIND_COUNT = 15 };

typedef enum latent_activation {
  LATENT_ACTIVATION_IDENTITY = 0,
  LATENT_ACTIVATION_RELU,
  LATENT_ACTIVATION_TANH,
  LATENT_ACTIVATION_SIGMOID,
  LATENT_ACTIVATION_SOFTPLUS,
  LATENT_ACTIVATION_ELU,
} latent_activation;
enum { LATENT_ACTIVATION_COUNT = 6 };

// p(x|z). The linear layer before it gives, for each of D values,
typedef enum latent_likelihood {
  // the logit of a Bernoulli: x l - log(1 + e^l);
  LATENT_LIKELIHOOD_BERNOULLI = 0,
  // the natural parameter of a continuous Bernoulli on [0, 1]: x l - log((e^l - 1) / l);
  LATENT_LIKELIHOOD_CONTINUOUS_BERNOULLI,
  // mean and raw log-variance, in panels that alternate: 16 means, their 16 raw log-variances, ...;
  LATENT_LIKELIHOOD_GAUSSIAN,
  // the mean, with one learned raw log-variance in variance[0];
  LATENT_LIKELIHOOD_GAUSSIAN_SHARED,
  // the mean, with a learned raw log-variance for each dimension in variance[D].
  LATENT_LIKELIHOOD_GAUSSIAN_DIAGONAL,
} latent_likelihood;
enum { LATENT_LIKELIHOOD_COUNT = 5 };

// What a step maximizes, and by which gradient: what DRAW_WEIGHTS and REPARAMETERIZE_BACKWARD do with
// the draws of a row. log w = log p(x|z) + beta (log p(z) - log q(z|x)).
typedef enum latent_objective {
  // E log p(x|z) - beta KL, the KL in closed form;
  LATENT_OBJECTIVE_ELBO = 0,
  // the mean of log w, by its whole derivative;
  LATENT_OBJECTIVE_SAMPLED_ELBO,
  // the same without the score of q, whose mean is zero (Roeder et al. 2017);
  LATENT_OBJECTIVE_STL,
  // log of the mean of w (Burda et al. 2016);
  LATENT_OBJECTIVE_IWAE,
  // the same, doubly reparameterized (Tucker et al. 2019);
  LATENT_OBJECTIVE_DREG,
  // the mean of log w, by the score function of q alone (Williams 1992), less the mean of the row's
  // other draws (Kool et al. 2019).
  LATENT_OBJECTIVE_SCORE,
} latent_objective;
enum { LATENT_OBJECTIVE_COUNT = 6 };

// Every log-variance is bounded smoothly: B tanh(raw / B) with B = 10, so that variances stay within
// e^-10 ... e^10 and their gradients finite.
#define LATENT_LOG_VARIANCE_BOUND 10.0f

typedef enum latent_transform {
  LATENT_TRANSFORM_NONE = 0,    // floats as they are, bytes / 255
  LATENT_TRANSFORM_THRESHOLD,   // 1 where the value is above 1/2, else 0
  LATENT_TRANSFORM_BINARIZE,    // 1 with the value as its probability, drawn afresh
  LATENT_TRANSFORM_DEQUANTIZE,  // (byte + u) / 256, u uniform on [0, 1), of floats (255 x + u) / 256; by rounding, 1 itself is possible
} latent_transform;

// Plans load floats and bytes.
typedef enum latent_source {
  LATENT_SOURCE_FLOATS = 0,
  LATENT_SOURCE_BYTES,
  LATENT_SOURCE_DOUBLES,
} latent_source;

// How a LINEAR_FORWARD finds its weights: in panels, which is fastest, or in plain row-major matrices of
// somebody else's, which are packed on the way at the cost of some hundredths of the product. Then
// `bias` has no more than `columns` values.
typedef enum latent_layout {
  LATENT_LAYOUT_PANELS = 0,
  LATENT_LAYOUT_INNER_BY_COLUMNS,  // weights[inner x columns], as y = x W has it
  LATENT_LAYOUT_COLUMNS_BY_INNER,  // weights[columns x inner], as PyTorch holds them
} latent_layout;
enum { LATENT_LAYOUT_COUNT = 3 };

// Where an operand lies: `offset` elements into a numbered buffer, `stride` elements from row to row
// (a matrix whose last panel is partial is never read or written past its last column, unless its
// stride is a multiple of 16 that leaves room for whole panels). `buffer` 0 means: none.
typedef struct latent_operand {
  uint32_t buffer;
  uint32_t stride;
  uint64_t offset;
} latent_operand;

// One operation. `rows` is the run's; inner and columns are those of the layer's weights
// [inner x columns], also in the backward operations. Unused operands are zero.
//
// With `samples` draws of z for each row of the batch an operation works on rows * samples rows, the
// draws of a row beside each other, the s-th keyed by the run's sample + s. Operands that belong to the
// batch's rows still have `rows` of them, each shared by its draws: target and row_index; and of
// the reparameterization input, log_variance and kl, and the output of its way back, a sum over draws.
typedef struct latent_op {
  latent_op_kind kind;
  bool barrier;              // all threads finish what came before first
  bool split_columns;        // threads own columns (weight panels) instead of rows
  bool update;               // Adam instead of a written gradient
  bool drawn;                // REPARAMETERIZE, one draw a row: epsilon stands there, by the LOAD_ROWS before
  bool ones;                 // use the lists of the LIST_ONES before, one input's in a plan
  bool missing;              // NaN in `target` (of LOAD_ROWS in `source`) is a value not observed: it
                             // adds nothing to a density or a gradient, and is loaded as 0
  latent_activation activation;
  latent_likelihood likelihood;
  latent_transform transform;
  latent_source source_kind;
  latent_layout layout;
  latent_objective objective;
  uint32_t inner;            // K
  uint32_t columns;          // N; for a paired Gaussian layer 2 * 16 * ceil(D / 16)
  uint32_t dimensions;       // D of a likelihood, L of the latent space
  uint32_t label;            // free for the plan's author: which phase this is
  uint32_t samples;          // draws of z a row; 0 means 1. Not for LOAD_ROWS, KL_GATE, ADAM, `ones`
  latent_operand source;               // [data rows x columns], floats or bytes
  latent_operand row_index;            // [rows], uint32: the data set's row behind each batch row
  latent_operand input;                // [rows x inner]
  latent_operand weights;              // panels [inner x columns]
  latent_operand weights_transposed;   // panels [columns x inner]
  latent_operand bias;                 // [panels of columns * 16]
  latent_operand output;
  latent_operand target;               // [rows x dimensions]
  latent_operand gradient;             // gradient of this layer's output, before its activation
  latent_operand partial;              // [rows x latent_partial_width(op)]
  latent_operand log_density;          // [rows]
  latent_operand variance;             // raw log-variance: [1] or [dimensions]
  latent_operand epsilon;              // [rows x L]
  latent_operand log_variance;         // [rows x L], bounded
  latent_operand kl;                   // [rows], nats
  latent_operand gate;                 // [L]
  latent_operand weights_gradient;     // panels [inner x columns]
  latent_operand bias_gradient;        // [panels * 16]
  latent_operand weights_first_moment, weights_second_moment;  // Adam's state, panels like weights
  latent_operand bias_first_moment, bias_second_moment;        // like bias
  latent_operand draw_weight;          // [rows]: what a draw's gradient is multiplied with
} latent_op;

// Floats a row that LATENT_OP_LIKELIHOOD_FORWARD needs in `partial`.
size_t latent_partial_width(const latent_op *op);

// Purposes that key the random numbers: no two share a stream.
typedef enum latent_purpose {
  LATENT_PURPOSE_INITIALIZATION = 1,
  LATENT_PURPOSE_SHUFFLE,
  LATENT_PURPOSE_BINARIZATION,
  LATENT_PURPOSE_DEQUANTIZATION,
  LATENT_PURPOSE_EPSILON,
  LATENT_PURPOSE_PRIOR,
  LATENT_PURPOSE_OBSERVATION,
  LATENT_PURPOSE_MOMENTUM,
  LATENT_PURPOSE_ACCEPTANCE,
} latent_purpose;

// What changes from one run of a plan to the next.
typedef struct latent_run {
  uint32_t rows;            // of this batch, at most what the buffers hold
  uint32_t epoch;           // keys random numbers
  uint32_t sample;          // keys epsilon: which draw of z for the same row, below 2^24
  uint32_t step;            // Adam's: moments below 2^-95 become zero at multiples of 64. Left 0: always
  uint64_t seed;
  float objective_scale;    // 1 / rows for a mean over rows
  float beta;               // weight of the KL
  float free_bits;          // nats a latent dimension
  // Adam. The moments are held scaled, m / (1 - beta1) and v / (1 - beta2):
  // m = decay1 m + g, v = decay2 v + g^2, w = w - rate * m / (sqrt(v) + epsilon), epsilon above 0.
  float decay1, decay2, rate, epsilon;
} latent_run;

// A buffer that operands number; `count` in elements bounds what a plan may touch.
typedef struct latent_buffer {
  void *data;
  uint64_t count;
} latent_buffer;

// MARK: Running

typedef struct latent_pool latent_pool;

// Threads that wait for plans: `threads` - 1 of their own beside the caller. They spin for some
// microseconds between operations and sleep between plans.
//
// Callers on any threads take turns. In a child of fork a pool works on, with threads that it starts anew
// at its first plan; whatever another thread of the parent was computing at that time stays half done.
latent_status latent_pool_create(int threads, latent_isa isa, latent_pool **pool);
void latent_pool_destroy(latent_pool *pool);
int latent_pool_threads(const latent_pool *pool);
latent_isa latent_pool_isa(const latent_pool *pool);
// The cores that this process may use, at most the maximum: those of its affinity (`taskset`, cpusets),
// and no more than its control groups' quota of time, rounded up.
int latent_allowed_threads(void);

// Checks every operand of every operation against the buffers, and against the operation's others, for batches
// of up to `rows` rows. (A data set's `source` may lie anywhere.)
// `operation`, if given, receives the index of the first bad one.
latent_status latent_plan_check(const latent_op *ops, size_t count, const latent_buffer *buffers,
                                size_t buffer_count, uint32_t rows, size_t *operation);

// Runs `count` operations in one parallel region. Plans must have passed latent_plan_check. One run
// at a time a pool: a second caller waits. `timestamps`, if given, receives for each operation and
// thread its start and end: [count x threads x 2], in ticks of latent_ticks().
void latent_plan_run(latent_pool *pool, const latent_op *ops, size_t count,
                     const latent_buffer *buffers, const latent_run *run, uint64_t *timestamps);

// MARK: Scatter matrices

// Rows are summed in fixed ranges of this many; each range ends in one addition to the totals.
enum { LATENT_SCATTER_ROWS = 256 };

// Sums and products of `count` rows about a pivot: what a mean and a covariance are made of.
typedef struct latent_scatter {
  const void *rows;      // [count x columns], floats, bytes (a grey level is byte / 255) or doubles
  latent_source source;
  bool narrow;           // products within a range in float: twice as fast, 2^-24 relative to each
  size_t count;          // a multiple of LATENT_SCATTER_ROWS in all calls but the last
  size_t columns;
  const double *pivot;   // [columns], near the mean
  double *sums;          // [columns] += sum of (row - pivot)
  double *products;      // [width x width] += sum of (row - pivot)(row - pivot)t; width below. Only
                         // the upper triangle counts: blocks below it are not written.
  void *workspace;       // latent_scatter_workspace(scatter) bytes
} latent_scatter;

// The columns in whole panels.
size_t latent_scatter_width(size_t columns);
size_t latent_scatter_workspace(const latent_scatter *scatter);

// Adds the rows to the totals: the same bits for any number of threads. LATENT_ERROR_OPERATION for an unknown
// source, LATENT_ERROR_OPERAND for an array that is missing or sizes beyond all memory.
latent_status latent_scatter_add(latent_pool *pool, const latent_scatter *scatter);

// A cheap, steady counter and its rate.
uint64_t latent_ticks(void);
double latent_ticks_per_second(void);

// MARK: Single kernels

// All arrays of `count` floats may be the same array, but not overlap otherwise. Errors in ULP over
// all float inputs stand in kernels/elementary.h.
typedef struct latent_kernels {
  void (*exp)(size_t count, const float *x, float *y);
  void (*log)(size_t count, const float *x, float *y);
  void (*log1p)(size_t count, const float *x, float *y);
  void (*tanh)(size_t count, const float *x, float *y);
  void (*sigmoid)(size_t count, const float *x, float *y);
  void (*softplus)(size_t count, const float *x, float *y);
  void (*elu)(size_t count, const float *x, float *y);
  void (*erf)(size_t count, const float *x, float *y);
  // out[count]: uniform 32-bit words; counters (dimension, purpose and sample, row, epoch).
  void (*random_bits)(size_t count, uint64_t seed, latent_purpose purpose, uint32_t sample,
                      uint32_t row, uint32_t epoch, uint32_t *out);
  // out[count]: standard normals from the same counters.
  void (*random_normal)(size_t count, uint64_t seed, latent_purpose purpose, uint32_t sample,
                        uint32_t row, uint32_t epoch, float *out);
  // Multiplies and adds in registers only: returns FLOPs done, for measuring the peak.
  double (*peak)(size_t repeats);
  // In double: errors in kernels/elementary_double.h.
  void (*exp_double)(size_t count, const double *x, double *y);
  void (*log_double)(size_t count, const double *x, double *y);
  // a = b + 3 c, the STREAM triad (McCalpin 1995), for measuring bandwidth; they may be the same array.
  void (*triad)(size_t count, const float *b, const float *c, float *a);
  // matrix[inner x count] or [count x inner] by layout (not PANELS), rows `stride` floats apart, to columns
  // [start, start + count) of panels [inner x ...]; other lanes are left alone. And back.
  void (*pack)(latent_layout layout, size_t inner, size_t count, const float *matrix, size_t stride,
               float *panels, size_t start);
  void (*unpack)(latent_layout layout, size_t inner, size_t count, const float *panels, size_t start,
                 float *matrix, size_t stride);
  // The transposed copy, panels [columns x inner], of weights in panels [inner x columns].
  void (*transpose)(size_t inner, size_t columns, const float *weights, float *transposed);
} latent_kernels;

// The index of the first of `count` values that is NaN or infinite; `count` if all are finite.
size_t latent_first_not_finite(size_t count, const float *values);
// The sum of the squares of `count` values, in fixed order: the same bits on every machine.
double latent_sum_of_squares(size_t count, const float *values);

// The table of an available instruction set, else NULL.
const latent_kernels *latent_kernels_for(latent_isa isa);

#include "latent_mixture.h"

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#ifdef __cplusplus
}
#endif
#endif
