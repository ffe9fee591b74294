#include "mlir/IR/MLIRContext.h"
#include "mpc/Dialect/MPC/MPCDialect.h"
#include "mpc/InitAll.h"
#include "mpc/runtime.h"
#include "llvm/Support/raw_ostream.h"

int main() {
  mlir::DialectRegistry registry;
  mpc::registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  if (!context.getOrLoadDialect("mpc"))
    return 1;
  llvm::outs() << "mpc dialect loaded\n";
  return 0;
}
