// The header in C++, and a call through it.
#include <latent_kernels.h>

#include <cmath>
#include <cstdio>
#include <vector>

int main() {
  const latent_kernels *kernels = latent_kernels_for(latent_isa_best());
  std::vector<float> x{-1.0f, 0.0f, 2.0f}, y(x.size());
  kernels->sigmoid(x.size(), x.data(), y.data());
  for (std::size_t i = 0; i < x.size(); ++i)
    if (std::fabs(y[i] - 1.0f / (1.0f + std::exp(-x[i]))) > 1e-6f) return 1;

  // One layer of one input and one output, y = 2 x + 1, weights in a panel.
  std::vector<float> weights(16), bias(16), out(3);
  weights[0] = 2.0f;
  bias[0] = 1.0f;
  std::vector<latent_buffer> buffers{
      {nullptr, 0}, {weights.data(), 16}, {bias.data(), 16}, {x.data(), 3}, {out.data(), 3}};
  latent_op op{};
  op.kind = LATENT_OP_LINEAR_FORWARD;
  op.inner = op.columns = 1;
  op.weights.buffer = 1;
  op.bias.buffer = 2;
  op.input.buffer = 3;
  op.output.buffer = 4;
  op.input.stride = op.output.stride = 1;
  latent_run run{};
  run.rows = 3;
  latent_pool *pool = nullptr;
  if (latent_pool_create(1, latent_isa_best(), &pool) != LATENT_OK) return 1;
  bool fits = latent_plan_check(&op, 1, buffers.data(), buffers.size(), 3, nullptr) == LATENT_OK;
  if (fits) latent_plan_run(pool, &op, 1, buffers.data(), &run, nullptr);
  latent_pool_destroy(pool);
  std::printf("%g %g %g on %s\n", out[0], out[1], out[2], latent_isa_name(latent_isa_best()));
  return fits && out[0] == -1.0f && out[1] == 1.0f && out[2] == 5.0f ? 0 : 1;
}
