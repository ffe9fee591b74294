/*===- classify.c - Using a compiled model from C -------------------------===*\
|*
|* Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
|* See LICENSE for license information.
|* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
|*
|*===----------------------------------------------------------------------===*|
|*
|* A program with the digits model linked into it. It reads pictures of 8 x 8
|* pixels from 0 (background) to 16 (ink) as text and prints the digit that each
|* one shows.
|*
|*   mpc-compile examples/digits/digits.onnx --emit=archive -o digits.a
|*   cc -I include -I . examples/c/classify.c digits.a -lpthread -o classify
|*   ./classify < pictures.txt
|*
|* The same with the shared library: -o digits.so, and digits.so on the second
|* line.
|*
\*===----------------------------------------------------------------------===*/

#include "digits.h" /* written by mpc-compile; includes mpc/runtime.h */

#include <stdio.h>

enum { PIXELS = 8 * 8, CLASSES = 10 };

/* Reads one picture; 0 at the end of the text. */
static int readPicture(float *pixels) {
  for (int i = 0; i < PIXELS; ++i) {
    if (scanf("%f", &pixels[i]) != 1)
      return 0;
    pixels[i] /= 16; /* as in training: 0 to 1 */
  }
  return 1;
}

int main(void) {
  const mpc_model *model = digits_query(MPC_ABI_VERSION);
  if (!model) {
    fprintf(stderr, "classify: the model is newer than mpc/runtime.h\n");
    return 1;
  }
  /* Default options: all cores that this process may use, the best instruction
   * set, memory of the context's own. */
  mpc_context *context;
  if (model->create(model, NULL, &context) != MPC_OK) {
    fprintf(stderr, "classify: %s\n", model->last_error());
    return 1;
  }

  float pixels[PIXELS], scores[CLASSES];
  const int64_t inputShape[] = {1, 1, 8, 8}, outputShape[] = {1, CLASSES};
  mpc_tensor inputs[DIGITS_NUM_INPUTS] = {0};
  mpc_tensor outputs[DIGITS_NUM_OUTPUTS] = {0};
  inputs[DIGITS_INPUT_IMAGE].data = pixels;
  inputs[DIGITS_INPUT_IMAGE].dtype = MPC_F32;
  inputs[DIGITS_INPUT_IMAGE].rank = 4;
  inputs[DIGITS_INPUT_IMAGE].shape = inputShape;
  outputs[DIGITS_OUTPUT_LOGITS].data = scores;
  outputs[DIGITS_OUTPUT_LOGITS].dtype = MPC_F32;
  outputs[DIGITS_OUTPUT_LOGITS].rank = 2;
  outputs[DIGITS_OUTPUT_LOGITS].shape = outputShape;

  int status = 0;
  while (!status && readPicture(pixels)) {
    if (model->run(context, 0, inputs, DIGITS_NUM_INPUTS, outputs,
                   DIGITS_NUM_OUTPUTS) != MPC_OK) {
      fprintf(stderr, "classify: %s\n", model->last_error());
      status = 1;
      break;
    }
    int best = 0;
    for (int i = 1; i < CLASSES; ++i)
      if (scores[i] > scores[best])
        best = i;
    printf("%d\n", best);
  }
  model->destroy(context);
  return status;
}
