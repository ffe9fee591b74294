/* Two models in one program, each run by eight threads at once: every result
 * has the bytes of a run alone. */
#include "mpc/runtime.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { THREADS = 8, CALLS = 200, PIXELS = 64, CLASSES = 10, BATCH = 5 };

const mpc_model *plain_query(uint32_t max_abi);
const mpc_model *integer_query(uint32_t max_abi);

static float pictures[BATCH * PIXELS];

/* Runs the model `calls` times in a context of its own; 0 if all results have
 * the bytes of the first, which `scores` gets. */
static int runModel(const mpc_model *model, int calls, uint32_t threads,
                    float *scores) {
  mpc_context_options options;
  memset(&options, 0, sizeof(options));
  options.struct_size = sizeof(options);
  options.threads = threads;
  options.max_batch = BATCH;
  mpc_context *context;
  if (model->create(model, &options, &context) != MPC_OK)
    return 1;
  const int64_t inputShape[] = {BATCH, 1, 8, 8},
                outputShape[] = {BATCH, CLASSES};
  float again[BATCH * CLASSES];
  mpc_tensor input, output;
  memset(&input, 0, sizeof(input));
  memset(&output, 0, sizeof(output));
  input.data = pictures;
  input.shape = inputShape;
  input.rank = 4;
  output.shape = outputShape;
  output.rank = 2;
  input.dtype = output.dtype = MPC_F32;
  int wrong = 0;
  for (int i = 0; i < calls && !wrong; ++i) {
    output.data = i ? again : scores;
    wrong = model->run(context, 0, &input, 1, &output, 1) != MPC_OK ||
            (i && memcmp(again, scores, sizeof(again)));
  }
  model->destroy(context);
  return wrong;
}

struct job {
  const mpc_model *model;
  int wrong;
  float scores[BATCH * CLASSES];
};

static void *work(void *argument) {
  struct job *job = argument;
  job->wrong = runModel(job->model, CALLS, 2, job->scores);
  return NULL;
}

int main(void) {
  for (int i = 0; i < BATCH * PIXELS; ++i)
    pictures[i] = (float)(i * 37 % 17) / 16;
  const mpc_model *models[] = {plain_query(MPC_ABI_VERSION),
                               integer_query(MPC_ABI_VERSION)};
  for (int m = 0; m < 2; ++m) {
    float alone[BATCH * CLASSES];
    if (!models[m] || runModel(models[m], 1, 1, alone)) {
      printf("model %d does not run\n", m);
      return 1;
    }
    pthread_t threads[THREADS];
    struct job jobs[THREADS];
    for (int t = 0; t < THREADS; ++t) {
      jobs[t].model = models[m];
      pthread_create(&threads[t], NULL, work, &jobs[t]);
    }
    for (int t = 0; t < THREADS; ++t) {
      pthread_join(threads[t], NULL);
      if (jobs[t].wrong || memcmp(jobs[t].scores, alone, sizeof(alone))) {
        printf("model %d, thread %d: another result\n", m, t);
        return 1;
      }
    }
  }
  printf("2 models, %d threads: same bytes\n", THREADS);
  return 0;
}
