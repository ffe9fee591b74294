/* Runs a library of net.mlir for every instruction set of this machine and
 * several batches and numbers of threads, and compares it with plain loops. All
 * sums are exact, so they must be equal. */

#include "mpc/runtime.h"
#include <stdio.h>
#include <stdlib.h>

enum { H = 5, W = 6, C = 3, O1 = 4, O2 = 2, O3 = 3 };

static void reference(const float *x, float *y, int64_t batch) {
  static const float w2[O2][O1] = {{1, -1, 2, 0}, {0, 1, 1, -2}};
  for (int64_t n = 0; n < batch; ++n) {
    float sum = 0;
    for (int h = 0; h < H; ++h)
      for (int w = 0; w < W; ++w) {
        float window = 0;
        for (int kh = -1; kh <= 1; ++kh)
          for (int kw = -1; kw <= 1; ++kw)
            for (int c = 0; c < C; ++c)
              if (h + kh >= 0 && h + kh < H && w + kw >= 0 && w + kw < W)
                window += x[((n * H + h + kh) * W + w + kw) * C + c];
        float conv1[O1];
        for (int o = 0; o < O1; ++o)
          conv1[o] = window + o > 0 ? window + o : 0;
        for (int p = 0; p < O2; ++p) {
          float conv2 = 0;
          for (int o = 0; o < O1; ++o)
            conv2 += conv1[o] * w2[p][o];
          sum += conv2 > 0 ? conv2 : 0;
        }
      }
    for (int o = 0; o < O3; ++o)
      y[n * O3 + o] = 2 * sum + o - 1;
  }
}

static int check(const mpc_model *model) {
  static const int64_t batches[] = {1, 3, 17};
  uint32_t checked = 0;
  for (uint32_t i = 0; i < model->num_isas(model); ++i) {
    mpc_isa_info isa = {.struct_size = sizeof isa};
    if (model->isa_info(model, i, &isa) || !isa.supported)
      continue;
    for (uint32_t threads = 1; threads <= 2; ++threads) {
      mpc_context_options options = {
          .struct_size = sizeof options, .threads = threads, .isa = isa.name};
      mpc_context *context;
      if (model->create(model, &options, &context))
        return fprintf(stderr, "%s\n", model->last_error()), 1;
      for (int b = 0; b < 3; ++b) {
        int64_t batch = batches[b];
        int64_t xShape[] = {batch, H, W, C}, yShape[] = {batch, O3};
        float *x = malloc(sizeof(float) * batch * H * W * C);
        float *y = malloc(sizeof(float) * batch * O3);
        float *expected = malloc(sizeof(float) * batch * O3);
        for (int64_t k = 0; k < batch * H * W * C; ++k)
          x[k] = (float)(k * 7 % 5) - 2;
        reference(x, expected, batch);
        mpc_tensor in = {
            .data = x, .shape = xShape, .dtype = MPC_F32, .rank = 4};
        mpc_tensor out = {
            .data = y, .shape = yShape, .dtype = MPC_F32, .rank = 2};
        if (model->run(context, 0, &in, 1, &out, 1))
          return fprintf(stderr, "%s\n", model->last_error()), 1;
        for (int64_t k = 0; k < batch * O3; ++k)
          if (y[k] != expected[k])
            return fprintf(
                       stderr,
                       "%s, %u threads, batch %d: expected %g, but got %g\n",
                       isa.name, threads, (int)batch, expected[k], y[k]),
                   1;
        free(x), free(y), free(expected);
      }
      model->destroy(context);
    }
    ++checked;
  }
  printf("%u instruction sets agree\n", checked);
  return checked == 0;
}
