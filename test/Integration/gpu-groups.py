# REQUIRES: numpy, avx2
# RUN: %python %s --work %t

"""A kernel whose warpgroups go their own ways, in the emulator: one copies with TMA, two multiply; and what is said when a mistake is planted in it."""

import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "Inputs"))
from gpu_kernels import check, open_work, replace  # noqa: E402

# y = x · wᵀ + the number of the row. 150 rows end within a tile of 128, 592 bytes of k within a step of 128. Two blocks have two tiles each, of five steps; there
# are three slots.
ROWS, COLUMNS, DEPTH = 150, 128, 592
SUMS = "!llvm.struct<(" + ", ".join(["i32"] * 32) + ")>"
SHAPE = ("#nvvm.shape<m = 64, n = 64, k = 32>, D[<s32>, #nvvm.wgmma_scale_out<one>], A[<s8>, #nvvm.wgmma_scale_in<one>, <row>], "
         "B[<s8>, #nvvm.wgmma_scale_in<one>, <col>] : !sums -> !sums")

MODULE = """
!mapX = !nvgpu.tensormap.descriptor<tensor = memref<128x128xi8, #gpu.address_space<workgroup>>, swizzle = swizzle_128b, l2promo = none, oob = zero, interleave = none>
!mapW = !nvgpu.tensormap.descriptor<tensor = memref<64x128xi8, #gpu.address_space<workgroup>>, swizzle = swizzle_128b, l2promo = none, oob = zero, interleave = none>
!bars = !nvgpu.mbarrier.group<memorySpace = #gpu.address_space<workgroup>, num_barriers = 3>
!sums = SUMS
!row = memref<592xi8, #gpu.address_space<workgroup>>
module attributes {mpc.model = {groups = [], hash = "", name = "k", precision = "keep",
    inputs = [{name = "x", type = tensor<150x592xi8>}, {name = "w", type = tensor<128x592xi8>}],
    outputs = [{name = "y", type = tensor<150x128xi32>}]}, mpc.weights = dense_resource<mpc_weights> : tensor<4xi8>} {
  module @x86_64_v3 attributes {gpu.container_module, dlti.target_system_spec = #dlti.target_system_spec<"CPU" = #dlti.target_device_spec<
      "march" = "x86-64-v3", "vector_bits" = 256 : i64, "vector_registers" = 16 : i64, "vnni" = false>>, mpc.march = "x86-64-v3"} {
    func.func @main(%x: memref<150x592xi8> {mpc.name = "x"}, %w: memref<128x592xi8> {mpc.name = "w"}, %y: memref<150x128xi32> {mpc.name = "y"},
        %arena: memref<?xi8>, %weights: memref<?xi8>) attributes {mpc.arena = {base = 0 : i64, per_batch = 0 : i64}} {
LAUNCH      return
    }
    gpu.module @gpu {
KERNEL    }
  }
}
{-#
  dialect_resources: { builtin: { mpc_weights: "0x1000000000000000" } }
#-}
"""


PRODUCT_LAUNCH = """      %c1 = arith.constant 1 : index
      %c2 = arith.constant 2 : index
      %c64 = arith.constant 64 : index
      %c128 = arith.constant 128 : index
      %c384 = arith.constant 384 : index
      %ux = memref.cast %x : memref<150x592xi8> to memref<*xi8>
      %uw = memref.cast %w : memref<128x592xi8> to memref<*xi8>
      %mapX = nvgpu.tma.create.descriptor %ux box[%c128, %c128] : memref<*xi8> -> !mapX
      %mapW = nvgpu.tma.create.descriptor %uw box[%c64, %c128] : memref<*xi8> -> !mapW
      gpu.launch_func @gpu::@product blocks in (%c2, %c1, %c1) threads in (%c384, %c1, %c1) args(%mapX : !mapX, %mapW : !mapW, %y : memref<150x128xi32>)
"""

PRODUCT = """      gpu.func @product(%mapX: !mapX, %mapW: !mapW, %y: memref<150x128xi32>)
          workgroup(%a : memref<384x128xi8, #gpu.address_space<workgroup>>, %b : memref<192x128xi8, #gpu.address_space<workgroup>>,
                    %bias : memref<2x64xi32, #gpu.address_space<workgroup>>) kernel {
        %c0 = arith.constant 0 : index
        %c1 = arith.constant 1 : index
        %c2 = arith.constant 2 : index
        %c3 = arith.constant 3 : index
        %c4 = arith.constant 4 : index
        %c5 = arith.constant 5 : index
        %c8 = arith.constant 8 : index
        %c16 = arith.constant 16 : index
        %c32 = arith.constant 32 : index
        %c64 = arith.constant 64 : index
        %c128 = arith.constant 128 : index
        %c256 = arith.constant 256 : index
        %rows = arith.constant 150 : index
        %bytes = arith.constant 24576 : index
        %arrivals = arith.constant 8 : index
        %ticks = arith.constant 10000000 : index
        %tid = gpu.thread_id x
        %bid = gpu.block_id x
        %grid = gpu.grid_dim x
        %full = nvgpu.mbarrier.create -> !bars
        %empty = nvgpu.mbarrier.create -> !bars
        %first = arith.cmpi eq, %tid, %c0 : index
        scf.if %first {
          scf.for %i = %c0 to %c3 step %c1 {
            nvgpu.mbarrier.init %full[%i], %c1 : !bars
            nvgpu.mbarrier.init %empty[%i], %arrivals : !bars
          }
          nvvm.fence.mbarrier.init
        }
        gpu.barrier // of all
        %isProducer = arith.cmpi uge, %tid, %c256 : index
        scf.if %isProducer {
          nvvm.setmaxregister decrease 40
          %lead = arith.cmpi eq, %tid, %c256 : index
          scf.if %lead {
            scf.for %tile = %bid to %c4 step %grid {
              %n0 = arith.subi %tile, %bid : index
              %n = arith.divui %n0, %grid : index
              %base = arith.muli %n, %c5 : index
              %tr = arith.divui %tile, %c2 : index
              %tc = arith.remui %tile, %c2 : index
              %row0 = arith.muli %tr, %c128 : index
              %col0 = arith.muli %tc, %c64 : index
              scf.for %step = %c0 to %c5 step %c1 {
                %it = arith.addi %base, %step : index
                %slot = arith.remui %it, %c3 : index
                %turn = arith.divui %it, %c3 : index
                %odd = arith.remui %turn, %c2 : index
                %free = arith.cmpi eq, %odd, %c0 : index
                nvgpu.mbarrier.try_wait.parity %empty[%slot], %free, %ticks : !bars
                nvgpu.mbarrier.arrive.expect_tx %full[%slot], %bytes : !bars
                %k = arith.muli %step, %c128 : index
                %sa = arith.muli %slot, %c128 : index
                %sb = arith.muli %slot, %c64 : index
                %da = memref.subview %a[%sa, 0] [128, 128] [1, 1] : memref<384x128xi8, #gpu.address_space<workgroup>> to memref<128x128xi8, strided<[128, 1], offset: ?>, #gpu.address_space<workgroup>>
                %db = memref.subview %b[%sb, 0] [64, 128] [1, 1] : memref<192x128xi8, #gpu.address_space<workgroup>> to memref<64x128xi8, strided<[128, 1], offset: ?>, #gpu.address_space<workgroup>>
                nvgpu.tma.async.load %mapX[%k, %row0], %full[%slot] to %da : !mapX, !bars -> memref<128x128xi8, strided<[128, 1], offset: ?>, #gpu.address_space<workgroup>>
                nvgpu.tma.async.load %mapW[%k, %col0], %full[%slot] to %db : !mapW, !bars -> memref<64x128xi8, strided<[128, 1], offset: ?>, #gpu.address_space<workgroup>>
              }
            }
            // the end of the producer
          }
        } else {
          nvvm.setmaxregister increase 232
          %lane = arith.remui %tid, %c32 : index
          %signals = arith.cmpi eq, %lane, %c0 : index
          %group = arith.divui %tid, %c128 : index
          %inGroup = arith.remui %tid, %c128 : index
          %groupRow = arith.muli %group, %c64 : index
          %warp = arith.divui %inGroup, %c32 : index
          %warpRow = arith.muli %warp, %c16 : index
          %g = arith.divui %lane, %c4 : index
          %t4 = arith.remui %lane, %c4 : index
          %t = arith.muli %t4, %c2 : index
          %inTile0 = arith.addi %warpRow, %g : index
          %isFirst = arith.cmpi eq, %group, %c0 : index
          %isWriter = arith.cmpi ult, %inGroup, %c64 : index
          %pa = memref.extract_aligned_pointer_as_index %a : memref<384x128xi8, #gpu.address_space<workgroup>> -> index
          %pb = memref.extract_aligned_pointer_as_index %b : memref<192x128xi8, #gpu.address_space<workgroup>> -> index
          %fixed = arith.constant 4611686293305360384 : i64
          %two = arith.constant 2 : i64
          %fragment = arith.constant 128 : i32
          %id1 = arith.constant 1 : i32
          %id2 = arith.constant 2 : i32
          scf.for %tile = %bid to %c4 step %grid {
            %n0 = arith.subi %tile, %bid : index
            %n = arith.divui %n0, %grid : index
            %base = arith.muli %n, %c5 : index
            %tr = arith.divui %tile, %c2 : index
            %tc = arith.remui %tile, %c2 : index
            %row0 = arith.muli %tr, %c128 : index
            %col0 = arith.muli %tc, %c64 : index
            %firstRow = arith.addi %row0, %groupRow : index
            scf.if %isWriter {
              %number = arith.addi %firstRow, %inGroup : index
              %value = arith.index_cast %number : index to i32
              memref.store %value, %bias[%group, %inGroup] : memref<2x64xi32, #gpu.address_space<workgroup>>
            }
            %zero = llvm.mlir.zero : !sums
            %sums = scf.for %step = %c0 to %c5 step %c1 iter_args(%acc = %zero) -> (!sums) {
              %it = arith.addi %base, %step : index
              %slot = arith.remui %it, %c3 : index
              %turn = arith.divui %it, %c3 : index
              %odd = arith.remui %turn, %c2 : index
              %phase = arith.cmpi eq, %odd, %c1 : index
              nvgpu.mbarrier.try_wait.parity %full[%slot], %phase, %ticks : !bars
              %sa = arith.muli %slot, %c128 : index
              %ra = arith.addi %sa, %groupRow : index
              %oa = arith.muli %ra, %c128 : index
              %aa = arith.addi %pa, %oa : index
              %a16 = arith.divui %aa, %c16 : index
              %abits = arith.index_cast %a16 : index to i64
              %d0 = arith.ori %abits, %fixed : i64
              %sb = arith.muli %slot, %c64 : index
              %ob = arith.muli %sb, %c128 : index
              %bb = arith.addi %pb, %ob : index
              %b16 = arith.divui %bb, %c16 : index
              %bbits = arith.index_cast %b16 : index to i64
              %e0 = arith.ori %bbits, %fixed : i64
              %d1 = arith.addi %d0, %two : i64
              %e1 = arith.addi %e0, %two : i64
              %d2 = arith.addi %d1, %two : i64
              %e2 = arith.addi %e1, %two : i64
              %d3 = arith.addi %d2, %two : i64
              %e3 = arith.addi %e2, %two : i64
              nvvm.wgmma.fence.aligned
              %s0 = nvvm.wgmma.mma_async %d0, %e0, %acc, SHAPE
              %s1 = nvvm.wgmma.mma_async %d1, %e1, %s0, SHAPE
              %s2 = nvvm.wgmma.mma_async %d2, %e2, %s1, SHAPE
              %s3 = nvvm.wgmma.mma_async %d3, %e3, %s2, SHAPE
              nvvm.wgmma.commit.group.sync.aligned
              nvvm.wgmma.wait.group.sync.aligned 1
              %later = arith.cmpi ne, %step, %c0 : index
              %says = arith.andi %later, %signals : i1
              scf.if %says {
                %prev = arith.subi %it, %c1 : index
                %pslot = arith.remui %prev, %c3 : index
                %token = nvgpu.mbarrier.arrive %empty[%pslot] : !bars -> !nvgpu.mbarrier.token
              }
              scf.yield %s3 : !sums
            }
            nvvm.wgmma.wait.group.sync.aligned 0
            scf.if %signals {
              %last = arith.addi %base, %c4 : index
              %lslot = arith.remui %last, %c3 : index
              %token = nvgpu.mbarrier.arrive %empty[%lslot] : !bars -> !nvgpu.mbarrier.token
            }
            scf.if %isFirst {
              nvvm.barrier id = %id1 number_of_threads = %fragment
            } else {
              nvvm.barrier id = %id2 number_of_threads = %fragment
            }
EPILOGUE
            scf.if %isFirst {
              nvvm.barrier id = %id1 number_of_threads = %fragment // before the next tile
            } else {
              nvvm.barrier id = %id2 number_of_threads = %fragment // before the next tile
            }
          }
        }
        gpu.return
      }
"""

# y = the first columns of x: a block for each row, which one warpgroup copies with cp.async for the other.
COPY_LAUNCH = """
      %c1 = arith.constant 1 : index
      %c150 = arith.constant 150 : index
      %c256 = arith.constant 256 : index
      gpu.launch_func @gpu::@copy blocks in (%c150, %c1, %c1) threads in (%c256, %c1, %c1) args(%x : memref<150x592xi8>, %y : memref<150x128xi32>)
"""

COPY = """
      gpu.func @copy(%x: memref<150x592xi8>, %y: memref<150x128xi32>) workgroup(%s : !row) kernel {
        %c0 = arith.constant 0 : index
        %c1 = arith.constant 1 : index
        %c16 = arith.constant 16 : index
        %c37 = arith.constant 37 : index
        %c128 = arith.constant 128 : index
        %no = arith.constant false
        %tid = gpu.thread_id x
        %bid = gpu.block_id x
        %bars = nvgpu.mbarrier.create -> !bars
        %first = arith.cmpi eq, %tid, %c0 : index
        nvgpu.mbarrier.init %bars[%c1], %c128, predicate = %first : !bars
        gpu.barrier
        %inGroup = arith.remui %tid, %c128 : index
        %copies = arith.cmpi uge, %tid, %c128 : index
        scf.if %copies {
          %hasChunk = arith.cmpi ult, %inGroup, %c37 : index
          scf.if %hasChunk {
            %i = arith.muli %inGroup, %c16 : index
            %token = nvgpu.device_async_copy %x[%bid, %i], %s[%i], 16 : memref<150x592xi8> to !row
          }
          %number = nvgpu.mbarrier.get %bars[%c1] : !bars -> i64
          %address = llvm.inttoptr %number : i64 to !llvm.ptr<3>
          nvvm.cp.async.mbarrier.arrive %address {noinc = true} : !llvm.ptr<3>
        } else {
          nvgpu.mbarrier.try_wait.parity %bars[%c1], %no, %c1 : !bars
          %v = memref.load %s[%inGroup] : !row
          %wide = arith.extsi %v : i8 to i32
          memref.store %wide, %y[%bid, %inGroup] : memref<150x128xi32>
        }
        gpu.return
      }
"""

WHO = "the GPU kernel 'product' "

# One more slot is filled, as it has to be, but nobody waits for it.
EXTRA_BOX = """
            %no = arith.constant false
            nvgpu.mbarrier.try_wait.parity %empty[%c1], %no, %ticks : !bars
            nvgpu.mbarrier.arrive.expect_tx %full[%c1], %c64 : !bars
            %extra = memref.reinterpret_cast %b to offset: [8192], sizes: [64, 128], strides: [128, 1] : memref<192x128xi8, #gpu.address_space<workgroup>> to memref<64x128xi8, strided<[128, 1], offset: 8192>, #gpu.address_space<workgroup>>
            nvgpu.tma.async.load %mapW[%c0, %c0], %full[%c1] to %extra : !mapW, !bars -> memref<64x128xi8, strided<[128, 1], offset: 8192>, #gpu.address_space<workgroup>>
"""


def make_epilogue():
    lines = []
    for i in range(2):
        lines += [f"%offset{i} = arith.constant {8 * i} : index", f"%inTile{i}x = arith.addi %inTile0, %offset{i} : index",
                  f"%r{i} = arith.addi %firstRow, %inTile{i}x : index", f"%exists{i} = arith.cmpi ult, %r{i}, %rows : index",
                  f"%own{i} = memref.load %bias[%group, %inTile{i}x] : memref<2x64xi32, #gpu.address_space<workgroup>>"]
    for register in range(32):
        lines.append(f"%v{register} = llvm.extractvalue %sums[{register}] : !sums")
    for i in range(2):
        lines.append(f"scf.if %exists{i} {{")
        for f in range(8):
            for j in range(2):
                name = f"{i}_{f}_{j}"
                lines += [f"%f{name} = arith.constant {8 * f + j} : index", f"%g{name} = arith.addi %t, %f{name} : index",
                          f"%h{name} = arith.addi %g{name}, %col0 : index", f"%k{name} = arith.addi %v{4 * f + 2 * i + j}, %own{i} : i32",
                          f"memref.store %k{name}, %y[%r{i}, %h{name}] : memref<150x128xi32>"]
        lines.append("}")
    return "\n".join(lines)


def make_module(launch, kernel):
    return MODULE.replace("LAUNCH", launch).replace("KERNEL", kernel).replace("SUMS", SUMS).replace("SHAPE", SHAPE).replace("EPILOGUE", make_epilogue())


def main():
    work = open_work()
    rng = np.random.default_rng(7)
    x = rng.integers(-128, 128, (ROWS, DEPTH), np.int8)
    w = rng.integers(-128, 128, (COLUMNS, DEPTH), np.int8)
    y = x.astype(np.int32) @ w.T.astype(np.int32) + np.arange(ROWS, dtype=np.int32)[:, None]
    for name, array in (("x", x), ("w", w), ("y", y)):
        np.save(os.path.join(work, name + ".npy"), array)
    kernel = make_module(PRODUCT_LAUNCH, PRODUCT)
    check(work, "right", kernel, "")

    forever, race = WHO + "waits forever: ", WHO + "has a race on shared memory"
    pending, unwritten = WHO + "reads shared memory before a copy to it has come", WHO + "reads shared memory that nothing has written"
    wait_full, wait_empty = r"nvgpu\.mbarrier\.try_wait\.parity %full.*", r"nvgpu\.mbarrier\.try_wait\.parity %empty.*"
    # mbarriers 0 to 2 say that a slot is full, 3 to 5 that it is empty.
    check(work, "arrive", replace(kernel, r".*= nvgpu\.mbarrier\.arrive %empty\[%lslot\].*", ""),
          forever + "warpgroup 0 at the even phase of mbarrier 1, warpgroup 1 at the even phase of mbarrier 1, warpgroup 2 at the odd phase of mbarrier 4")
    check(work, "parity", replace(kernel, r"(%phase = arith\.cmpi eq, %odd, )%c1", r"\1%c0"), f"{pending}|{unwritten}")
    check(work, "parity-empty", replace(kernel, r"(%free = arith\.cmpi eq, %odd, )%c0", r"\1%c1"), forever)
    check(work, "more", replace(kernel, "24576", "24592"), forever + "warpgroup 0 at the even phase of mbarrier 0")
    check(work, "fewer", replace(kernel, "24576", "16384"), pending)
    check(work, "wait", replace(kernel, wait_full, ""), f"{pending}|{unwritten}")
    check(work, "refill", replace(kernel, wait_empty, ""), WHO + "arrives at mbarrier 0 more often than the 1 times that it is initialised for")
    check(work, "reading", replace(kernel, r"nvvm\.wgmma\.wait\.group\.sync\.aligned 1", ""), race)
    check(work, "sums", replace(kernel, r"nvvm\.wgmma\.wait\.group\.sync\.aligned 0", ""), f"{race}|{WHO}uses sums of wgmma before it has waited for them")
    check(work, "more-arrivals", replace(kernel, r"(%arrivals = arith\.constant )8", r"\g<1>9"), forever)
    check(work, "fewer-arrivals", replace(kernel, r"(%arrivals = arith\.constant )8", r"\g<1>4"), forever)
    check(work, "fence", replace(kernel, r"nvvm\.fence\.mbarrier\.init", ""), WHO + "hands to wgmma or TMA what no fence.proxy.async has made known")
    check(work, "init", replace(kernel, r"gpu\.barrier // of all", ""), race)
    check(work, "own-barrier", replace(kernel, r"nvvm\.barrier id = %id. number_of_threads = %fragment\n", "\n"), race)
    check(work, "next-tile", replace(kernel, r"nvvm\.barrier.*// before the next tile\n", "\n"), race)
    check(work, "threads", replace(kernel, r"(%fragment = arith\.constant )128", r"\g<1>256"), forever + "warpgroup 0 at barrier 1, warpgroup 1 at barrier 2")
    check(work, "lanes", replace(kernel, r"nvvm\.wgmma\.fence\.aligned", "scf.if %signals { nvvm.wgmma.fence.aligned }"),
          forever + "not all threads of warpgroup 0 come to where they meet")
    check(work, "loop", replace(kernel, r"(%sums = scf\.for %step = %c0 to )%c5", r"%limit = arith.addi %lane, %c1 : index\n\1%limit"),
          forever + "threads of warpgroup 0 meet in a loop whose bounds differ")
    check(work, "under-way", replace(kernel, "// the end of the producer", EXTRA_BOX), WHO + "ends while copies to mbarrier 1 are under way")
    # Boxes that stand otherwise than multiplied, that do not fit, and maps that cuTensorMapEncodeTiled refuses.
    check(work, "swizzle", replace(kernel, r"swizzle = swizzle_128b(.*\n!mapW)", r"swizzle = none\1"), "y")
    check(work, "descriptor", replace(kernel, "4611686293305360384", "274877972480"), "y|" + unwritten)
    check(work, "place", replace(kernel, "// the end of the producer", EXTRA_BOX.replace("8192", "8256")),
          WHO + "loads a box to a place in shared memory that is no multiple of 128 bytes")
    check(work, "outside", replace(kernel, r"(%sa = arith\.muli %slot, )%c128", r"\1%c256", 1), WHO + "loads (a box|or stores) (to )?outside of a buffer")
    check(work, "box", replace(kernel, r"%ux box\[%c128", "%ux box[%c384"), WHO + "has a tensor map of a box whose sizes are not in 1 to 256")
    check(work, "row", replace(kernel, r"%uw box\[%c64, %c128", "%uw box[%c64, %c2"), WHO + "has a tensor map of a box whose rows are no multiples of 16 bytes")

    np.save(os.path.join(work, "y.npy"), x[:, :COLUMNS].astype(np.int32))
    copy = make_module(COPY_LAUNCH, COPY)
    check(work, "copies", copy, "")
    check(work, "copies-wait", replace(copy, "nvgpu.mbarrier.try_wait.*", ""), "the GPU kernel 'copy' reads shared memory (before a copy to it|that nothing)")
    check(work, "copies-counted", replace(copy, "{noinc = true}", ""), "the GPU kernel 'copy' waits forever: warpgroup 0 at the even phase of mbarrier 1, warpgroup 1 has ended")
    check(work, "copies-early", replace(copy, "nvvm.cp.async.mbarrier.arrive.*", "%t = nvgpu.mbarrier.arrive %bars[%c1] : !bars -> !nvgpu.mbarrier.token"),
          "the GPU kernel 'copy' reads shared memory before a copy to it has come")


if __name__ == "__main__":
    main()
