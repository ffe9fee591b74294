/* Checks the library named on the command line. */
#include "check.h"
#include <dlfcn.h>

int main(int argc, char **argv) {
  void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return fprintf(stderr, "%s\n", dlerror()), 1;
  mpc_model_query_fn query =
      (mpc_model_query_fn)dlsym(library, "mpc_model_query");
  return check(query(MPC_ABI_VERSION));
}
