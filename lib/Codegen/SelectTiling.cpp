//===- SelectTiling.cpp - the tiling of each contraction ------------------===//
//
// Part of the mpc project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "mlir/Dialect/DLTI/DLTI.h"
#include "mlir/IR/Remarks.h"
#include "mpc/Codegen/Passes.h"
#include "mpc/Codegen/Tilings.h"
#include "llvm/Support/FormatVariadic.h"

namespace mpc {
#define GEN_PASS_DEF_SELECTTILING
#include "mpc/Codegen/Passes.h.inc"
} // namespace mpc

using namespace mlir;
using namespace mpc;
using namespace mpc::kernel;

namespace {

struct SelectTilingPass : public mpc::impl::SelectTilingBase<SelectTilingPass> {
  using SelectTilingBase::SelectTilingBase;

  void runOnOperation() override {
    FailureOr<TargetDescription> target =
        TargetDescription::read(getOperation());
    if (failed(target) || failed(loadTable(target->march)))
      return signalPassFailure();
    if (f16Accumulation != "f32" && f16Accumulation != "chunked") {
      getOperation().emitError() << "expected f16-accumulation to be f32 or "
                                    "chunked, but got "
                                 << f16Accumulation;
      return signalPassFailure();
    }
    // Sums that round more often are chosen where they are asked for.
    bool isAsked = f16Accumulation == "chunked";
    bool isMissed = isAsked && !target->fp16;
    TargetDescription wanted = *target;
    wanted.fp16 = true;
    target->fp16 &= isAsked;
    getOperation().walk([&](linalg::LinalgOp op) {
      if (op->hasAttr(kTilingAttrName))
        return;
      std::optional<TilingChoice> choice =
          TilingChoice::get(op, *target, fastMath);
      if (!choice)
        return;
      TilingAttr measured = measurements
                                ? findTiling(*measurements, *target, *choice)
                                : TilingAttr();
      if (isMissed && isChunked(*TilingChoice::get(op, wanted)))
        remark::missed(
            op.getLoc(),
            remark::RemarkOpts::name("Accumulation").category(getArgument()))
            << "f16 is summed in f32: " + target->march + " has no AVX512-FP16";
      if (fastMath && !choice->info.integer &&
          choice->info.kind == ContractionInfo::Kind::convolution)
        if (std::string obstacle = getWinogradObstacle(op, choice->info);
            !obstacle.empty())
          remark::missed(
              op.getLoc(),
              remark::RemarkOpts::name("Winograd").category(getArgument()))
              << "not by minimal filtering: " + obstacle;
      size_t index = candidate < choice->candidates.size() ? candidate : 0;
      TilingAttr tiling = measured ? measured : choice->candidates[index];
      op->setAttr(kTilingAttrName, tiling);
      remark::passed(op.getLoc(),
                     remark::RemarkOpts::name("Tiling").category(getArgument()))
          << llvm::formatv(
                 "tile of {0} rows by {1} columns with {2}{3}{4}{5}{6}{7}",
                 tiling.getRows(), tiling.getColumns(),
                 stringifyIntrinsic(tiling.getIntrinsic()),
                 tiling.getGather() ? ", rows gathered" : "",
                 tiling.getPlanar() ? ", lanes are pixels" : "",
                 tiling.getInterleave() ? ", rows interleaved" : "",
                 tiling.getWinograd()
                     ? ", minimal filtering: rows are blocks of 4x4 "
                       "pixels"
                     : "",
                 measured ? ", measured" : "")
                 .str();
    });
  }

  static bool isChunked(const TilingChoice &choice) {
    return choice.candidates.front().getIntrinsic() == Intrinsic::vfmaddph;
  }

  /// Reads what was measured, if it is for these kernels.
  LogicalResult loadTable(StringRef march) {
    measurements.reset();
    if (table.empty())
      return success();
    llvm::Expected<TilingTable> loaded = TilingTable::load(table);
    if (!loaded)
      return getOperation().emitError()
             << "tuning table " << llvm::toString(loaded.takeError());
    std::string problem;
    if (!loaded->isCurrent())
      problem = ("of version " + loaded->getVersion()).str();
    else if (!loaded->hasMarch(march))
      problem = ("not for " + march).str();
    else
      measurements = std::move(*loaded);
    if (!problem.empty())
      remark::missed(getOperation().getLoc(),
                     remark::RemarkOpts::name("Table").category(getArgument()))
          << "tuning table " + table + " is " + problem + ": ignored";
    return success();
  }

  std::optional<TilingTable> measurements;
};

} // namespace
