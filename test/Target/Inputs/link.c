/* Two models linked into one program. */
#include "check.h"
#include "one.h"
#include "two.h"

int main(void) {
  return check(one_query(MPC_ABI_VERSION)) ||
         check(two_query(MPC_ABI_VERSION)) || ONE_INPUT_THE_INPUT != 0;
}
