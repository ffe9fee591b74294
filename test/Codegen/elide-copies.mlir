// RUN: mpc-opt %s --mpc-elide-copies | FileCheck %s

#id = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3)>
#behind = affine_map<(d0, d1, d2, d3) -> (d0, d1, d2, d3 + 16)>

func.func private @work(%x: memref<1x8x8x16xi8>, %out: memref<1x8x8x16xi8>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x : memref<1x8x8x16xi8>) outs(%out : memref<1x8x8x16xi8>) {
  ^bb0(%in: i8, %o: i8):
    %0 = arith.addi %in, %in : i8
    linalg.yield %0 : i8
  }
  return
}

func.func private @concat(%a: memref<1x8x8x16xi8>, %b: memref<1x8x8x16xi8>, %out: memref<1x8x8x32xi8>) {
  %0 = memref.subview %out[0, 0, 0, 0] [1, 8, 8, 16] [1, 1, 1, 1]
      : memref<1x8x8x32xi8> to memref<1x8x8x16xi8, strided<[2048, 256, 32, 1]>>
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%a : memref<1x8x8x16xi8>) outs(%0 : memref<1x8x8x16xi8, strided<[2048, 256, 32, 1]>>) {
  ^bb0(%in: i8, %o: i8):
    linalg.yield %in : i8
  }
  %1 = memref.subview %out[0, 0, 0, 16] [1, 8, 8, 16] [1, 1, 1, 1]
      : memref<1x8x8x32xi8> to memref<1x8x8x16xi8, strided<[2048, 256, 32, 1], offset: 16>>
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%b : memref<1x8x8x16xi8>) outs(%1 : memref<1x8x8x16xi8, strided<[2048, 256, 32, 1], offset: 16>>) {
  ^bb0(%in: i8, %o: i8):
    linalg.yield %in : i8
  }
  return
}

func.func private @upper(%x: memref<1x8x8x32xi8>, %out: memref<1x8x8x16xi8>) {
  linalg.generic {indexing_maps = [#behind, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x : memref<1x8x8x32xi8>) outs(%out : memref<1x8x8x16xi8>) {
  ^bb0(%in: i8, %o: i8):
    linalg.yield %in : i8
  }
  return
}

func.func private @use(%x: memref<1x8x8x32xi8>, %out: memref<1x8x8x32xi8>) {
  linalg.copy ins(%x : memref<1x8x8x32xi8>) outs(%out : memref<1x8x8x32xi8>)
  return
}

// What is concatenated is written where it belongs; the buffer is there before. Both calls share one copy of the function.
// CHECK-LABEL: func.func @both(
// CHECK-SAME: %[[X:.*]]: memref<1x8x8x16xi8>, %[[OUT:.*]]: memref<1x8x8x32xi8>)
// CHECK: %[[C:.*]] = memref.alloc() : memref<1x8x8x32xi8>
// CHECK-DAG: memref.subview %[[C]][0, 0, 0, 0] [1, 8, 8, 16]
// CHECK-DAG: memref.subview %[[C]][0, 0, 0, 16] [1, 8, 8, 16]
// CHECK-NOT: memref.alloc
// CHECK: call @[[WORK:work_[0-9]+]](%[[X]], %{{.*}}) : (memref<1x8x8x16xi8>, memref<1x8x8x16xi8, strided<[2048, 256, 32, 1], offset: ?>>) -> ()
// CHECK: call @[[WORK]](%[[X]],
// CHECK-NOT: @concat
// CHECK: call @use(%[[C]], %[[OUT]])
func.func @both(%x: memref<1x8x8x16xi8>, %out: memref<1x8x8x32xi8>) {
  %a = memref.alloc() : memref<1x8x8x16xi8>
  call @work(%x, %a) : (memref<1x8x8x16xi8>, memref<1x8x8x16xi8>) -> ()
  %b = memref.alloc() : memref<1x8x8x16xi8>
  call @work(%x, %b) : (memref<1x8x8x16xi8>, memref<1x8x8x16xi8>) -> ()
  %c = memref.alloc() : memref<1x8x8x32xi8>
  call @concat(%a, %b, %c) : (memref<1x8x8x16xi8>, memref<1x8x8x16xi8>, memref<1x8x8x32xi8>) -> ()
  call @use(%c, %out) : (memref<1x8x8x32xi8>, memref<1x8x8x32xi8>) -> ()
  return
}

// An argument of the model stays where it is and is copied.
// CHECK-LABEL: func.func @argument(
// CHECK-SAME: %[[X:.*]]: memref<1x8x8x16xi8>,
// CHECK: call @work_{{[0-9]+}}(%[[X]],
// CHECK: linalg.copy ins(%[[X]] : memref<1x8x8x16xi8>)
// CHECK-NOT: linalg.copy
// CHECK: call @use
func.func @argument(%x: memref<1x8x8x16xi8>, %out: memref<1x8x8x32xi8>) {
  %a = memref.alloc() : memref<1x8x8x16xi8>
  call @work(%x, %a) : (memref<1x8x8x16xi8>, memref<1x8x8x16xi8>) -> ()
  %c = memref.alloc() : memref<1x8x8x32xi8>
  call @concat(%a, %x, %c) : (memref<1x8x8x16xi8>, memref<1x8x8x16xi8>, memref<1x8x8x32xi8>) -> ()
  call @use(%c, %out) : (memref<1x8x8x32xi8>, memref<1x8x8x32xi8>) -> ()
  return
}

// A part is read from the whole. Its copy goes straight to where it is concatenated.
// CHECK-LABEL: func.func @split(
// CHECK: %[[WHOLE:.*]] = memref.alloc() : memref<1x8x8x32xi8>
// CHECK: %[[PART:.*]] = memref.subview %[[WHOLE]][0, 0, 0, 16] [1, 8, 8, 16]
// CHECK: %[[VIEW:.*]] = memref.cast %[[PART]]
// CHECK: call @use(%{{.*}}, %[[WHOLE]])
// CHECK-NOT: @upper
// CHECK: call @work_{{[0-9]+}}(%[[VIEW]], %{{.*}})
func.func @split(%x: memref<1x8x8x32xi8>, %out: memref<1x8x8x16xi8>) {
  %whole = memref.alloc() : memref<1x8x8x32xi8>
  call @use(%x, %whole) : (memref<1x8x8x32xi8>, memref<1x8x8x32xi8>) -> ()
  %part = memref.alloc() : memref<1x8x8x16xi8>
  call @upper(%whole, %part) : (memref<1x8x8x32xi8>, memref<1x8x8x16xi8>) -> ()
  call @work(%part, %out) : (memref<1x8x8x16xi8>, memref<1x8x8x16xi8>) -> ()
  return
}

// What changes after the part was taken cannot be read later.
// CHECK-LABEL: func.func @changed(
// CHECK: call @upper(
// CHECK: call @use(
// CHECK: call @work(
func.func @changed(%x: memref<1x8x8x32xi8>, %out: memref<1x8x8x16xi8>) {
  %whole = memref.alloc() : memref<1x8x8x32xi8>
  call @use(%x, %whole) : (memref<1x8x8x32xi8>, memref<1x8x8x32xi8>) -> ()
  %part = memref.alloc() : memref<1x8x8x16xi8>
  call @upper(%whole, %part) : (memref<1x8x8x32xi8>, memref<1x8x8x16xi8>) -> ()
  call @use(%x, %whole) : (memref<1x8x8x32xi8>, memref<1x8x8x32xi8>) -> ()
  call @work(%part, %out) : (memref<1x8x8x16xi8>, memref<1x8x8x16xi8>) -> ()
  return
}

func.func private @work_sample(%x: memref<1x2x8x16xi8>, %out: memref<1x2x8x16xi8>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x : memref<1x2x8x16xi8>) outs(%out : memref<1x2x8x16xi8>) {
  ^bb0(%in: i8, %o: i8):
    %0 = arith.addi %in, %in : i8
    linalg.yield %0 : i8
  }
  return
}

func.func private @concat_sample(%a: memref<1x2x8x16xi8>, %b: memref<1x2x8x16xi8>, %out: memref<1x4x8x16xi8>) {
  %0 = memref.subview %out[0, 0, 0, 0] [1, 2, 8, 16] [1, 1, 1, 1] : memref<1x4x8x16xi8> to memref<1x2x8x16xi8, strided<[512, 128, 16, 1]>>
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%a : memref<1x2x8x16xi8>) outs(%0 : memref<1x2x8x16xi8, strided<[512, 128, 16, 1]>>) {
  ^bb0(%in: i8, %o: i8):
    linalg.yield %in : i8
  }
  %1 = memref.subview %out[0, 2, 0, 0] [1, 2, 8, 16] [1, 1, 1, 1] : memref<1x4x8x16xi8> to memref<1x2x8x16xi8, strided<[512, 128, 16, 1], offset: 256>>
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%b : memref<1x2x8x16xi8>) outs(%1 : memref<1x2x8x16xi8, strided<[512, 128, 16, 1], offset: 256>>) {
  ^bb0(%in: i8, %o: i8):
    linalg.yield %in : i8
  }
  return
}

func.func private @use_sample(%x: memref<1x4x8x16xi8>, %out: memref<1x4x8x16xi8>) {
  linalg.copy ins(%x : memref<1x4x8x16xi8>) outs(%out : memref<1x4x8x16xi8>)
  return
}

// The first channels of one sample, and the last ones, are runs of it.
// CHECK-LABEL: func.func @sample(
// CHECK: %[[C:.*]] = memref.alloc() : memref<1x4x8x16xi8>
// CHECK-DAG: memref.subview %[[C]][0, 0, 0, 0] [1, 2, 8, 16]
// CHECK-DAG: memref.subview %[[C]][0, 2, 0, 0] [1, 2, 8, 16]
// CHECK-NOT: memref.alloc
// CHECK-NOT: @concat_sample
// CHECK: call @use_sample(%[[C]],
func.func @sample(%x: memref<1x2x8x16xi8>, %out: memref<1x4x8x16xi8>) {
  %a = memref.alloc() : memref<1x2x8x16xi8>
  call @work_sample(%x, %a) : (memref<1x2x8x16xi8>, memref<1x2x8x16xi8>) -> ()
  %b = memref.alloc() : memref<1x2x8x16xi8>
  call @work_sample(%x, %b) : (memref<1x2x8x16xi8>, memref<1x2x8x16xi8>) -> ()
  %c = memref.alloc() : memref<1x4x8x16xi8>
  call @concat_sample(%a, %b, %c) : (memref<1x2x8x16xi8>, memref<1x2x8x16xi8>, memref<1x4x8x16xi8>) -> ()
  call @use_sample(%c, %out) : (memref<1x4x8x16xi8>, memref<1x4x8x16xi8>) -> ()
  return
}

func.func private @work_samples(%x: memref<2x2x8x16xi8>, %out: memref<2x2x8x16xi8>) {
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%x : memref<2x2x8x16xi8>) outs(%out : memref<2x2x8x16xi8>) {
  ^bb0(%in: i8, %o: i8):
    %0 = arith.addi %in, %in : i8
    linalg.yield %0 : i8
  }
  return
}

func.func private @concat_samples(%a: memref<2x2x8x16xi8>, %b: memref<2x2x8x16xi8>, %out: memref<2x4x8x16xi8>) {
  %0 = memref.subview %out[0, 0, 0, 0] [2, 2, 8, 16] [1, 1, 1, 1] : memref<2x4x8x16xi8> to memref<2x2x8x16xi8, strided<[512, 128, 16, 1]>>
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%a : memref<2x2x8x16xi8>) outs(%0 : memref<2x2x8x16xi8, strided<[512, 128, 16, 1]>>) {
  ^bb0(%in: i8, %o: i8):
    linalg.yield %in : i8
  }
  %1 = memref.subview %out[0, 2, 0, 0] [2, 2, 8, 16] [1, 1, 1, 1] : memref<2x4x8x16xi8> to memref<2x2x8x16xi8, strided<[512, 128, 16, 1], offset: 256>>
  linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel", "parallel", "parallel"]}
      ins(%b : memref<2x2x8x16xi8>) outs(%1 : memref<2x2x8x16xi8, strided<[512, 128, 16, 1], offset: 256>>) {
  ^bb0(%in: i8, %o: i8):
    linalg.yield %in : i8
  }
  return
}

func.func private @use_samples(%x: memref<2x4x8x16xi8>, %out: memref<2x4x8x16xi8>) {
  linalg.copy ins(%x : memref<2x4x8x16xi8>) outs(%out : memref<2x4x8x16xi8>)
  return
}

// Those of several samples are not.
// CHECK-LABEL: func.func @samples(
// CHECK: call @concat_samples(
func.func @samples(%x: memref<2x2x8x16xi8>, %out: memref<2x4x8x16xi8>) {
  %a = memref.alloc() : memref<2x2x8x16xi8>
  call @work_samples(%x, %a) : (memref<2x2x8x16xi8>, memref<2x2x8x16xi8>) -> ()
  %b = memref.alloc() : memref<2x2x8x16xi8>
  call @work_samples(%x, %b) : (memref<2x2x8x16xi8>, memref<2x2x8x16xi8>) -> ()
  %c = memref.alloc() : memref<2x4x8x16xi8>
  call @concat_samples(%a, %b, %c) : (memref<2x2x8x16xi8>, memref<2x2x8x16xi8>, memref<2x4x8x16xi8>) -> ()
  call @use_samples(%c, %out) : (memref<2x4x8x16xi8>, memref<2x4x8x16xi8>) -> ()
  return
}
